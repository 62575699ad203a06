// Animals of the log’s bytes: what is accepted after a crash, and what is released.

import type { Animal } from '../animal.js'

export const logAnimals: readonly Animal[] = [
  {
    name: 'a torn record is accepted',
    modelledOn: 'etcd [#5230](https://github.com/etcd-io/etcd/issues/5230), writes torn at a page’s end',
    file: 'lib/wal/recover.ts',
    replace: [
      ['  if (end > bytes.length || crc32c(bytes, at + batchHeaderBytes, end) !== header.bodyChecksum) {', '  if (end > bytes.length) {']
    ],
    habitat: 'outages',
    caught: { seeds: 5, of: 20 },
    seedsMax: 29,
    caughtBy: [
      'a log is found damaged only where its disk decayed',
      'log matching: entries of one index and term are the same in every log, and so is all before them',
      'whatever is seen was written by somebody'
    ]
  },
  {
    name: 'a decayed record counts as torn',
    modelledOn:
      'etcd [#6191](https://github.com/etcd-io/etcd/issues/6191), a checksum that does not fit: data was lost, and cutting it off would lose acknowledged entries',
    file: 'lib/wal/recover.ts',
    replace: [['const cut = last < end && isTornBody(bytes, at, end)', 'const cut = last < bytes.length']],
    habitat: 'decay',
    caught: { seeds: 5, of: 20 },
    seedsMax: 50,
    caughtBy: ['no member fails by a fault of its own']
  },
  {
    name: 'the log is released before the snapshot is marked in it',
    modelledOn:
      'etcd [#10219](https://github.com/etcd-io/etcd/issues/10219), a crash between the log and its snapshot; [#11888](https://github.com/etcd-io/etcd/pull/11888) releases last',
    file: 'lib/store/snapshotting.ts',
    replace: [
      ['  saveBatch(ctx, replica, { snapshot: { index, term, fileName } })\n', ''],
      [
        '  yield* releaseBefore(ctx, replica, index)\n',
        '  yield* releaseBefore(ctx, replica, index)\n  saveBatch(ctx, replica, { snapshot: { index, term, fileName } })\n'
      ]
    ],
    habitat: 'disks',
    caught: { seeds: 12, of: 20 },
    seedsMax: 13,
    caughtBy: [
      'a log is found damaged only where its disk decayed',
      'once all faults have ended, every member takes writes again within the bound',
      'once a majority has healed, its members take writes again within the bound, whatever the others do'
    ]
  },
  {
    name: 'a segment is released one entry too early',
    modelledOn: '[Raft](https://raft.github.io/raft.pdf) §7: the log is discarded up to the snapshot’s last entry, not beyond',
    file: 'lib/wal/writer.ts',
    replace: [
      [
        '(segments[kept] as { firstIndex: number }).firstIndex > snapshotIndex + 1',
        '(segments[kept] as { firstIndex: number }).firstIndex > snapshotIndex + 2'
      ]
    ],
    habitat: 'disks',
    caught: { seeds: 10, of: 20 },
    seedsMax: 16,
    caughtBy: [
      'a log is found damaged only where its disk decayed',
      'once all faults have ended, every member takes writes again within the bound',
      'once a majority has healed, its members take writes again within the bound, whatever the others do'
    ]
  }
]
