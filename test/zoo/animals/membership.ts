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
    caught: { seeds: 23, of: 300 },
    seedsMax: 100,
    caughtBy: ['Durability: what is applied is on the disks of a majority']
  },
  {
    name: 'two changes of members are pending at once',
    modelledOn:
      '[raft-dev](https://groups.google.com/g/raft-dev/c/t4xj6dJTP6E), the bug in single-server membership changes: a leader that changes members before the change before is committed',
    file: 'lib/raft/changing.ts',
    replace: [["  if (isPending(core) || core.membership.outgoing !== undefined) return 'a change is pending'\n", '']],
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
    name: 'joint members decide by the voters to come alone',
    modelledOn:
      '[Raft](https://raft.github.io/raft.pdf) §6: agreement requires separate majorities from both the old and new configurations',
    file: 'lib/raft/leader.ts',
    replace: [
      [
        'return outgoing === undefined ? reached : Math.min(reached, reachedByMajority(outgoing.map(voter => reachedBy(core, voter))))',
        'return reached'
      ]
    ],
    habitat: 'replacements',
    caught: { seeds: 46, of: 300 },
    seedsMax: 60,
    caughtBy: ['Durability: what is applied is on the disks of a majority']
  },
  {
    name: 'joint members elect by a majority of all of them',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §6: separate majorities, not one of the union, also for elections',
    file: 'lib/raft/election.ts',
    replace: [
      ['verdict(core.votes, voters, outgoing)', 'verdict(core.votes, outgoing === undefined ? voters : votersOf(core.membership))']
    ],
    habitat: 'replacements',
    caught: { seeds: 9, of: 1000 },
    seedsMax: 700,
    caughtBy: ['Leader completeness: a new leader has all that was committed', 'Election safety: one leader a term']
  },
  {
    name: 'joint members commit by a majority of all of them',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §6: separate majorities, not one of the union',
    file: 'lib/raft/leader.ts',
    replace: [
      [
        'return outgoing === undefined ? reached : Math.min(reached, reachedByMajority(outgoing.map(voter => reachedBy(core, voter))))',
        'return outgoing === undefined ? reached : reachedByMajority([...new Set([...voters, ...outgoing])].map(voter => reachedBy(core, voter)))'
      ]
    ],
    habitat: 'replacements',
    caught: { seeds: 21, of: 300 },
    seedsMax: 100,
    caughtBy: ['Durability: what is applied is on the disks of a majority']
  },
  {
    name: 'a joint membership is left before it is committed',
    modelledOn:
      '[Raft](https://raft.github.io/raft.pdf) §6: once the joint configuration has been committed it is safe for the leader to create an entry that describes the new one',
    file: 'lib/raft/changing.ts',
    replace: [
      [
        "  core.changeIndex = core.appendOwn('config', encodeChange(change, context))\n",
        "  core.changeIndex = core.appendOwn('config', encodeChange(change, context))\n  if (change.kind === 'joint') core.changeIndex = core.appendOwn('config', encodeChange({ kind: 'leave' }, ''))\n"
      ]
    ],
    habitat: 'replacements',
    caught: { seeds: 170, of: 300 },
    seedsMax: 30,
    caughtBy: [
      'Durability: what is applied is on the disks of a majority',
      'Two disjoint majorities never decide',
      'a healed cluster converges'
    ]
  },
  {
    name: 'a snapshot file forgets the voters before',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §7: a snapshot includes the latest configuration, be it a joint one',
    file: 'lib/store/snapshot-file.ts',
    replace: [
      [
        '[voters, learners, removed, returning, ...(outgoing === undefined ? [] : [outgoing, learnersNext])]',
        '[voters, learners, removed, returning]'
      ],
      ['yield preamble(header.membership.outgoing === undefined ? plainVersion : jointVersion)', 'yield preamble(plainVersion)']
    ],
    habitat: 'replacers',
    caught: { seeds: 18, of: 60 },
    seedsMax: 25,
    caughtBy: ['no member fails by a fault of its own', 'once all faults have ended, every member takes writes again within the bound']
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
      ['      if (replica.raft.membership.removed.includes(ctx.from)) return tellRemoved(ctx, replica, ctx.from)\n', ''],
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
