// Animals of membership: who counts, who counts no more, and who says so.

import type { Animal } from '../animal.js'

export const membershipAnimals: readonly Animal[] = [
  {
    name: 'a learner is counted in the quorum',
    modelledOn:
      '[Raft thesis](https://github.com/ongardie/dissertation) §4.2.1: a server that catches up is not counted for a majority yet',
    file: 'lib/raft/leader.ts',
    replace: [['voters.map(voter => reachedBy(core, voter))', '[core.id, ...core.peers].map(voter => reachedBy(core, voter))']],
    habitat: 'migrations',
    caught: { seeds: 28, of: 300 },
    seedsMax: 100,
    caughtBy: ['Durability: what is applied is on the disks of a majority']
  },
  {
    name: 'two changes of members are pending at once',
    modelledOn:
      '[raft-dev](https://groups.google.com/g/raft-dev/c/t4xj6dJTP6E), the bug in single-server membership changes: a leader that changes members before the change before is committed',
    file: 'lib/raft/changing.ts',
    replace: [["  if (core.changeIndex > core.appliedIndex || !core.hasCommittedInTerm) return 'a change is pending'\n", '']],
    habitat: 'migrations',
    caught: { seeds: 292, of: 300 },
    seedsMax: 15,
    caughtBy: [
      'a change fits the membership it was proposed on',
      'Durability: what is applied is on the disks of a majority',
      'Two disjoint majorities never decide'
    ]
  },
  {
    name: 'a snapshot forgets the latest membership',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §7: a snapshot includes the latest configuration',
    file: 'lib/raft/core.ts',
    replace: [['    this.membership = snapshot?.membership ?? config.membership\n', '    this.membership = config.membership\n']],
    habitat: 'movers',
    caught: { seeds: 10, of: 20 },
    seedsMax: 20,
    caughtBy: ['no member fails by a fault of its own', 'once all faults have ended, every member takes writes again within the bound']
  },
  {
    name: 'a member that was removed goes on, and is not told',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §6, third issue: removed servers go on asking for votes',
    file: 'actors/store.ts',
    replace: [
      ["      if (replica.raft.membership.removed.includes(ctx.from)) return ctx.tell(ctx.from as typeof ctx.self, 'removed')\n", ''],
      ['      if (state.args.supervisor === undefined) remindRemoved(ctx, replica)\n', ''],
      ['    if (!isRemoved(ctx.self, replica) || state.isLeaving) return\n', '    if (state.isLeaving || true) return\n']
    ],
    habitat: 'movers',
    caught: { seeds: 16, of: 20 },
    seedsMax: 20,
    caughtBy: ['a member that was removed hears of it, stops, and leads no more']
  },
  {
    name: 'a lease to read lasts until its leader steps down',
    modelledOn: '[Raft thesis](https://github.com/ongardie/dissertation) §6.4.1: a lease ends, for it rests on what others promised',
    file: 'lib/raft/leader.ts',
    replace: [['leaseReads.nowMs() < core.leaseUntilMs', 'core.leaseUntilMs > 0']],
    habitat: 'leaseReads',
    caught: { seeds: 2, of: 20 },
    seedsMax: 50,
    caughtBy: ['an answer is at least as new as every answer given before it was asked']
  }
]
