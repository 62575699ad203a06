// Animals of what a disk promises: what is durable, and what finds room.

import type { Animal } from '../animal.js'

const alice =
  '[Pillai et al., OSDI 2014](https://www.usenix.org/conference/osdi14/technical-sessions/presentation/pillai): a file is named before its bytes are durable'
const decay =
  '[Alagappan et al., FAST 2018](https://www.usenix.org/conference/fast18/presentation/alagappan): a decayed snapshot is taken for a good one'
const fsync =
  '[Rebello et al., ATC 2020](https://www.usenix.org/conference/atc20/presentation/rebello): what could not be written is acknowledged'
const quota =
  '[etcd](https://etcd.io/docs/v3.5/op-guide/maintenance/#space-quota), space quota: a member that runs out of space does not keep going as if it had some'

const alarm =
  'etcd [maintenance](https://etcd.io/docs/v3.5/op-guide/maintenance/#space-quota): the alarm of one member stops the writes of all, and outlives its cause'

export const diskAnimals: readonly Animal[] = [
  {
    name: 'a snapshot is marked in the log before its file is durable',
    modelledOn: alice,
    file: 'lib/store/snapshotting.ts',
    replace: [
      [
        '  const failure = yield* writeInParts(',
        '  saveBatch(ctx, replica, { snapshot: { index, term, fileName } })\n  const failure = yield* writeInParts('
      ]
    ],
    habitat: 'disks',
    caught: { seeds: 12, of: 20 },
    seedsMax: 13,
    caughtBy: ['a log is found damaged only where its disk decayed']
  },
  {
    name: 'the bytes of a snapshot are not checked',
    modelledOn: decay,
    file: 'lib/store/snapshot-file.ts',
    replace: [["assert(crc32c(bytes, start, end) === view.getUint32(at + 4, true), 'a chunk", "assert(true, 'a chunk"]],
    habitat: 'decay',
    caught: { seeds: 8, of: 60 },
    seedsMax: 38,
    caughtBy: ['members that caught up hold equal states', 'no member fails by a fault of its own']
  },
  {
    name: 'a full disk acknowledges what it does not save',
    modelledOn: fsync,
    file: 'lib/store/room.ts',
    replace: [
      ['if (room.held.length === 0 && hasRoomFor(room, bytes)) {', 'if (room.isFull || hasRoomFor(room, bytes)) {'],
      ['  if (!mustSync) return // Only', '  if (!mustSync || replica.room.isFull) return // Only', 'lib/store/processing.ts']
    ],
    habitat: 'fullDisks',
    caught: { seeds: 17, of: 20 },
    seedsMax: 12,
    caughtBy: ['a log is found damaged only where its disk decayed', 'no member fails by a fault of its own']
  },
  {
    name: 'room is not counted as it is used',
    modelledOn: quota,
    file: 'lib/store/room.ts',
    replace: [['  room.bytes -= bytes\n', '']],
    habitat: 'fullDisks',
    caught: { seeds: 18, of: 20 },
    seedsMax: 12,
    caughtBy: ['no member fails by a fault of its own']
  },
  {
    name: 'a disk that was full is held to be so for ever',
    modelledOn: alarm,
    file: 'lib/store/full-disks.ts',
    replace: [
      ['    else replica.fullDisks.delete(ctx.from)\n', ''],
      ['const wordHoldsMs = 5_000', 'const wordHoldsMs = Number.POSITIVE_INFINITY']
    ],
    habitat: 'manyFullDisks',
    caught: { seeds: 13, of: 20 },
    seedsMax: 10,
    caughtBy: ['once a majority has healed, its members take writes again within the bound, whatever the others do']
  }
]
