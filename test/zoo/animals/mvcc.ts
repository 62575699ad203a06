// Animals of the state machine: revisions, transactions, compaction.

import type { Animal } from '../animal.js'

export const mvccAnimals: readonly Animal[] = [
  {
    name: 'a revision is used again after a restart',
    modelledOn: 'etcd [#17780](https://github.com/etcd-io/etcd/issues/17780), the revision decreased after a crash',
    file: 'lib/mvcc/snapshot.ts',
    replace: [['      const revision = reader.number()\n', '      const revision = reader.number() - 1\n']],
    habitat: 'store',
    caught: { seeds: 17, of: 20 },
    seedsMax: 12,
    caughtBy: [
      'members that caught up hold equal states',
      'an answer is at least as new as every answer given before it was asked',
      'atomic: a watch sees all events of a revision together'
    ]
  },
  {
    name: 'a compare sees the state before',
    modelledOn: '[Jepsen: Redis-Raft](https://jepsen.io/analyses/redis-raft-1b3fbf6): updates lost',
    file: 'lib/mvcc/txn.ts',
    replace: [
      [
        '    const kv = history.at(Number.POSITIVE_INFINITY)',
        '    const kv = history.versions.at(-2) ?? history.at(Number.POSITIVE_INFINITY)'
      ]
    ],
    habitat: 'store',
    caught: { seeds: 9, of: 20 },
    seedsMax: 20,
    caughtBy: ['an answer is what the writes up to its revision, in their order, give', 'whatever is seen was written by somebody']
  },
  {
    name: 'a range in a transaction does not see what came before it',
    modelledOn: 'etcd [API](https://etcd.io/docs/v3.6/learning/api_guarantees/): a transaction is atomic, its operations in order',
    file: 'lib/mvcc/mvcc.ts',
    replace: [['this.#revision + (this.#changes > 0 ? 1 : 0)', 'this.#revision']],
    habitat: 'store',
    caught: { seeds: 13, of: 20 },
    seedsMax: 16,
    caughtBy: ['an answer is what the writes up to its revision, in their order, give']
  },
  {
    name: 'a refused command costs a revision',
    modelledOn: 'etcd [#18667](https://github.com/etcd-io/etcd/issues/18667), a transaction that fails leaves traces',
    file: 'lib/mvcc/mvcc.ts',
    replace: [['if (this.#changes > 0) this.#revision++', "if (this.#changes > 0 || result.type === 'failed') this.#revision++"]],
    habitat: 'store',
    caught: { seeds: 7, of: 20 },
    seedsMax: 40,
    caughtBy: [
      'whatever is seen was written by somebody',
      'an answer is what the writes up to its revision, in their order, give',
      'reliable: a watch that sees an event has seen every event of its range between it and the one before'
    ]
  },
  {
    name: 'a delete at the compacted revision is lost',
    modelledOn:
      'etcd [#19179](https://github.com/etcd-io/etcd/issues/19179), the delete event is missing in a watch from the compacted revision; [#18089](https://github.com/etcd-io/etcd/issues/18089)',
    file: 'lib/mvcc/keyspace.ts',
    replace: [['    const kept = lowerBound(this.#log, revision)\n', '    const kept = lowerBound(this.#log, revision + 1)\n']],
    habitat: 'compactions',
    caught: { seeds: 4, of: 20 },
    seedsMax: 29,
    caughtBy: [
      'an answer is what the writes up to its revision, in their order, give',
      'resumable: a watch from a revision on sees every event of its range from there on, and nothing before it',
      'reliable: a watch that sees an event has seen every event of its range between it and the one before'
    ]
  },
  {
    name: 'a read of what was compacted is answered',
    modelledOn: 'etcd [#18667](https://github.com/etcd-io/etcd/issues/18667), reads of compacted revisions',
    file: 'lib/mvcc/mvcc.ts',
    replace: [["    return revision !== 0 && revision < this.#compactRevision ? failed('compacted') : undefined", '    return undefined']],
    habitat: 'compactions',
    caught: { seeds: 13, of: 20 },
    seedsMax: 15,
    caughtBy: ['an answer is what the writes up to its revision, in their order, give']
  },
  {
    name: 'a compaction drops the version that a read at it needs',
    modelledOn: 'etcd [#22376](https://github.com/etcd-io/etcd/issues/22376), compaction deleted a value that was still read',
    file: 'lib/mvcc/keyspace.ts',
    replace: [
      [
        'const needless = isTombstone(latest) && latest.modRevision < revision ? place + 1 : place',
        'const needless = latest.modRevision < revision ? place + 1 : place'
      ]
    ],
    habitat: 'compactions',
    caught: { seeds: 10, of: 20 },
    seedsMax: 16,
    caughtBy: ['an answer is what the writes up to its revision, in their order, give', 'an acknowledged write is never lost or changed']
  },
  {
    name: 'a nested transaction compares with what came before it',
    modelledOn:
      'etcd [website #682](https://github.com/etcd-io/website/issues/682): the compares of nested transactions are decided before anything of the outermost is done',
    file: 'lib/mvcc/mvcc.ts',
    replace: [
      ["op.type === 'txn' ? this.#branch(nested[place++] as Branch)", "op.type === 'txn' ? this.#branch((place++, this.#branchOf(op)))"]
    ],
    habitat: 'queries',
    caught: { seeds: 18, of: 20 },
    seedsMax: 10,
    caughtBy: ['an answer is what the writes up to its revision, in their order, give']
  },
  {
    name: 'a limit comes before the order',
    modelledOn:
      'etcd [#20746](https://github.com/etcd-io/etcd/pull/20746): only for keys in their own order may a limit come before the sorting',
    file: 'lib/mvcc/range-query.ts',
    replace: [['return isWhole(query) ? Number.POSITIVE_INFINITY : limit + 1', 'return limit + 1']],
    habitat: 'queries',
    caught: { seeds: 19, of: 20 },
    seedsMax: 10,
    caughtBy: ['an answer is what the writes up to its revision, in their order, give']
  },
  {
    name: 'an alarm is forgotten by a snapshot',
    modelledOn: 'etcd [#14382](https://github.com/etcd-io/etcd/issues/14382): an alarm was applied, and what was saved did not know of it',
    file: 'lib/mvcc/snapshot.ts',
    replace: [['alarms: store.alarms.list()', 'alarms: []']],
    habitat: 'alarms',
    caught: { seeds: 6, of: 20 },
    seedsMax: 17,
    caughtBy: [
      'members tell the same history',
      'members that caught up hold equal states',
      'an answer is at least as new as every answer given before it was asked'
    ]
  }
]
