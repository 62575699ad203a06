// Animals of Raft: elections, replication, commitment, reads.

import type { Animal } from '../animal.js'

export const raftAnimals: readonly Animal[] = [
  {
    name: 'commits entries of older terms by counting',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §5.4.2, figure 8',
    file: 'lib/raft/leader.ts',
    replace: [['if (index <= commit || core.log.termAt(index) !== core.term) return', 'if (index <= commit) return']],
    habitat: 'coups',
    caught: { seeds: 15, of: 300 },
    seedsMax: 200,
    caughtBy: ['Leader completeness: a new leader has all that was committed']
  },
  {
    name: 'a vote is told before it is saved',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) figure 2: persistent state is on stable storage before a response leaves',
    file: 'lib/raft/core.ts',
    replace: [
      [
        "      case 'readIndexResponse':\n        this.before",
        "      case 'readIndexResponse':\n      case 'voteResponse':\n        this.before"
      ],
      ["      case 'vote':\n      case 'voteResponse':\n", "      case 'vote':\n"]
    ],
    habitat: 'elections',
    caught: { seeds: 102, of: 300 },
    seedsMax: 30,
    caughtBy: ['A member votes once a term']
  },
  {
    name: 'a vote is never saved',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) figure 2: votedFor is persistent',
    file: 'lib/raft/raft.ts',
    replace: [
      [
        'hardState: voteChanged || hardState.commit !== this.#commitGiven ? hardState : null,',
        'hardState: hardState.commit !== this.#commitGiven ? hardState : null,'
      ],
      ['mustSync = voteChanged || entries.length', 'mustSync = entries.length']
    ],
    habitat: 'elections',
    caught: { seeds: 227, of: 300 },
    seedsMax: 15,
    caughtBy: ['A member votes once a term']
  },
  {
    name: 'commits with a minority',
    modelledOn: '[Jepsen: Redis-Raft](https://jepsen.io/analyses/redis-raft-1b3fbf6): split brain, and updates lost',
    file: 'lib/raft/quorum.ts',
    replace: [['return values[majority(values.length) - 1] ?? 0', 'return values[Math.max(0, majority(values.length) - 2)] ?? 0']],
    habitat: 'leaders',
    caught: { seeds: 7, of: 20 },
    seedsMax: 29,
    caughtBy: [
      'leader completeness: what was committed in a term is in the log of every later leader',
      'state machine safety: what is committed at an index is the same at every member',
      'members tell the same history'
    ]
  },
  {
    name: 'the longer log wins, whatever its terms',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §5.4.1: the later last term is more up to date',
    file: 'lib/raft/log.ts',
    replace: [
      [
        'return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.lastIndex)',
        'return other.index >= this.lastIndex'
      ]
    ],
    habitat: 'coups',
    caught: { seeds: 21, of: 300 },
    seedsMax: 150,
    caughtBy: ['Leader completeness: a new leader has all that was committed']
  },
  {
    name: 'an append cuts off what follows it, conflict or not',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) figure 2, AppendEntries step 3: only what conflicts is deleted',
    file: 'lib/raft/log.ts',
    replace: [['      if (mine === entry.term) continue\n', '']],
    habitat: 'storm',
    caught: { seeds: 69, of: 300 },
    seedsMax: 60,
    caughtBy: ['Durability: what is applied is on the disks of a majority', 'only what is in the log is committed']
  },
  {
    name: 'a follower cuts off what is committed',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) figure 3, state machine safety',
    file: 'lib/raft/log.ts',
    replace: [
      ['      if (mine === entry.term) continue\n', ''],
      ["    assert(index > this.#commit, 'what is committed is never truncated', { index, commit: this.#commit })\n", ''],
      [
        '  if (append.prevIndex < log.commit) {\n    acknowledge(core, append.from, log.commit)\n    return\n  }\n',
        '',
        'lib/raft/follower.ts'
      ]
    ],
    habitat: 'storm',
    caught: { seeds: 90, of: 300 },
    seedsMax: 40,
    caughtBy: ['only what is in the log is committed', 'Durability: what is applied is on the disks of a majority']
  },
  {
    name: 'a follower appends after an entry it does not have',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §5.3, the consistency check',
    file: 'lib/raft/log.ts',
    replace: [['if (this.termAt(prev.index) !== prev.term) return undefined', 'if (prev.index > this.lastIndex) return undefined']],
    habitat: 'coups',
    caught: { seeds: 222, of: 300 },
    seedsMax: 15,
    caughtBy: ['Log matching: one entry per index and term, one history before it']
  },
  {
    name: 'a follower commits beyond what the append agrees on',
    modelledOn:
      '[Raft](https://raft.github.io/raft.pdf) figure 2, AppendEntries step 5: the index of the last new entry bounds the commit index',
    file: 'lib/raft/follower.ts',
    replace: [['log.commitTo(Math.min(append.commit, last))', 'log.commitTo(Math.min(append.commit, log.lastIndex))']],
    habitat: 'coups',
    caught: { seeds: 2, of: 300 },
    seedsMax: 1500,
    caughtBy: ['State machine safety: one entry an index']
  },
  {
    name: 'a heartbeat commits what its follower may not have',
    modelledOn: 'TiKV [#994](https://github.com/tikv/tikv/issues/994), a heartbeat’s commit index beyond the log of a follower',
    file: 'lib/raft/leader.ts',
    replace: [['const commit = Math.min(progress.match, core.log.commit)', 'const commit = core.log.commit']],
    habitat: 'storm',
    caught: { seeds: 178, of: 300 },
    seedsMax: 20,
    caughtBy: ['only what is in the log is committed']
  },
  {
    name: 'a leader reads without asking whether it still leads',
    modelledOn: 'd-engine [#381](https://github.com/deventlab/d-engine/issues/381), stale reads of a leader in the minority',
    file: 'lib/raft/leader.ts',
    replace: [['  const confirmed = reachedByQuorum(core, roundOf)', '  const confirmed = core.reads.round']],
    habitat: 'deposed',
    caught: { seeds: 8, of: 20 },
    seedsMax: 34,
    caughtBy: ['an answer is at least as new as every answer given before it was asked']
  },
  {
    name: 'a follower that asks counts for everybody',
    modelledOn: '[Raft thesis](https://github.com/ongardie/dissertation) §6.4: a majority is heard before a read is answered',
    file: 'lib/raft/leader.ts',
    replace: [
      [
        "  return verdict(new Map([core.id, other].map(id => [id, true])), voters, outgoing) === 'won'",
        "  return verdict(new Map(voters.map(id => [id, true])), voters, outgoing) === 'won' && other !== ''"
      ]
    ],
    habitat: 'schisms',
    caught: { seeds: 4, of: 60 },
    seedsMax: 150,
    caughtBy: ['an answer is at least as new as every answer given before it was asked']
  },
  {
    name: 'a new leader reads before it knows what is committed',
    modelledOn:
      'etcd [#7331](https://github.com/etcd-io/etcd/issues/7331), ReadIndex may read a stale value; [Jepsen: Redis-Raft](https://jepsen.io/analyses/redis-raft-1b3fbf6): stale reads of a new leader',
    file: 'lib/raft/core.ts',
    replace: [['    return this.log.termAt(this.log.commit) === this.term', '    return this.log.commit >= 0']],
    habitat: 'coups',
    caught: { seeds: 23, of: 300 },
    seedsMax: 150,
    caughtBy: ['Linearizable reads: a read sees what was acknowledged before it']
  }
]
