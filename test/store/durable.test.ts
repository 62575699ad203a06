import t from 'tap'
import { hashOf, Mvcc } from '../../lib/mvcc/index.js'
import { crc32c } from '../../lib/std/index.js'
import {
  isSnapshotFault,
  readSnapshot,
  type SnapshotContent,
  type SnapshotFault,
  type SnapshotHeader,
  SnapshotReader,
  snapshotFile
} from '../../lib/store/index.js'

const header: SnapshotHeader = {
  clusterId: 'c',
  index: 2 ** 40,
  term: 7,
  membership: { voters: ['control-0/store', 'control-1/store'], learners: ['control-2/store'], removed: ['control-9/störe'] }
}

function filled(keys: number, valueBytes: number, from = 0): Mvcc {
  const mvcc = new Mvcc()
  for (let i = 0; i < keys; i++) {
    const value = new Uint8Array(valueBytes).fill(i + from)
    mvcc.apply({ type: 'txn', compares: [], success: [{ type: 'put', key: `k${i}`, value }], failure: [] })
  }
  return mvcc
}

const fileOf = (mvcc: Mvcc): Uint8Array => Buffer.concat([...snapshotFile(header, mvcc)])

function readInParts(bytes: Uint8Array, partBytes: number): SnapshotContent | SnapshotFault {
  const reader = new SnapshotReader()
  for (let at = 0; at < bytes.length; at += partBytes) {
    const fault = reader.add(bytes.subarray(at, at + partBytes))
    if (fault !== undefined) return fault
  }
  return reader.finish()
}

t.test('a snapshot file is read in parts of any size, and says what it is of', async t => {
  const mvcc = filled(300, 10_000)
  const bytes = fileOf(mvcc)
  t.equal(bytes.length % 512, 0, 'what etcdctl takes for a file with its checksum behind it')
  for (const partBytes of [1 << 30, 1 << 20, 65_536, 1000]) {
    const content = readInParts(bytes, partBytes)
    if (isSnapshotFault(content)) return t.fail(content.reason)
    t.same(content.header, header)
    t.same(hashOf(content.mvcc), hashOf(mvcc))
    t.ok(Buffer.from(fileOf(content.mvcc)).equals(Buffer.from(bytes)), 'byte for byte')
  }
})

t.test('a snapshot file that was changed, cut short, lengthened or mixed with another is refused', async t => {
  const bytes = fileOf(filled(3, 20))
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte))
    const outcome = readSnapshot(changed)
    if (!isSnapshotFault(outcome) || outcome.fault !== 'damaged') return t.fail(`byte ${at} changed`, { outcome })
    if (!isSnapshotFault(readSnapshot(bytes.subarray(0, at)))) return t.fail(`cut at ${at}`)
  }
  t.match(readSnapshot(Buffer.concat([bytes, bytes])), { fault: 'damaged' }, 'twice')
  const old = [...snapshotFile(header, filled(300, 10_000))]
  const later = [...snapshotFile(header, filled(300, 10_000, 1))]
  t.ok(old.length > 6 && old.length === later.length)
  for (let at = 1; at < old.length - 1; at++) {
    const mixed = old.with(at, later[at] as Uint8Array)
    const differs = !Buffer.from(old[at] as Uint8Array).equals(Buffer.from(later[at] as Uint8Array))
    if (isSnapshotFault(readSnapshot(Buffer.concat(mixed))) !== differs) return t.fail(`chunk ${at} of a later state`)
  }
  const swapped = old.with(4, old[5] as Uint8Array).with(5, old[4] as Uint8Array)
  t.match(readSnapshot(Buffer.concat(swapped)), { fault: 'damaged', reason: /in their order/ })
  t.match(readSnapshot(Buffer.concat(old.toSpliced(4, 1))), { fault: 'damaged' })
})

t.test('a snapshot file of a later program is told from a damaged one', async t => {
  const bytes = Uint8Array.from(fileOf(filled(3, 20)))
  const view = new DataView(bytes.buffer)
  view.setUint32(8, 2, true)
  t.match(readSnapshot(bytes), { fault: 'damaged' }, 'a version nobody wrote')
  view.setUint32(12, crc32c(bytes, 0, 12), true)
  t.match(readSnapshot(bytes), { fault: 'newer', reason: /format version 2.*use the kabuki that wrote it, or a later one/ })
})
