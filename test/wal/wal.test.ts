import t from 'tap'
import { crc32c, integerBelow, type Random, seededRandom } from '../../lib/std/index.js'
import {
  emptyTail,
  Recovery,
  removableSegments,
  sectorBytes,
  type WalBatch,
  type WalDamaged,
  type WalEntry,
  type WalForeign,
  type WalIdentity,
  type WalRecovered,
  type WalSegment,
  WalWriter
} from '../../lib/wal/index.js'

const identity = { clusterId: 'cluster-a', memberId: 'control-0' }

const verdictOf = (segments: readonly WalSegment[], of: WalIdentity = identity): WalRecovered | WalDamaged | WalForeign => {
  const recovery = new Recovery(of)
  for (const segment of segments) recovery.add(segment)
  return recovery.finish()
}
/** The segments are its own. */
const recover = (segments: readonly WalSegment[], of?: WalIdentity): WalRecovered | WalDamaged => {
  const verdict = verdictOf(segments, of)
  if (verdict.verdict === 'foreign') throw new Error(verdict.reason)
  return verdict
}

/** The disk of the tests: segments of a fixed length, zeros ahead. */
class Disk {
  readonly segments = new Map<number, Uint8Array>()
  readonly ends: { sequence: number; end: number }[] = []
  readonly #length: number
  constructor(length = 64 << 10) {
    this.#length = length
  }
  save({ sequence, offset, bytes }: { sequence: number; offset: number; bytes: Uint8Array }): void {
    const segment = this.segments.get(sequence) ?? new Uint8Array(this.#length)
    this.segments.set(sequence, segment)
    segment.set(bytes, offset)
    this.ends.push({ sequence, end: offset + bytes.length })
  }
  list(): { sequence: number; bytes: Uint8Array }[] {
    return [...this.segments].map(([sequence, bytes]) => ({ sequence, bytes }))
  }
  /** The segments with one of them replaced by what `change` makes of a copy, and those after it gone or not. */
  with(sequence: number, change: (bytes: Uint8Array) => Uint8Array, later = true): WalSegment[] {
    return this.list()
      .filter(segment => later || segment.sequence <= sequence)
      .map(segment => (segment.sequence === sequence ? { sequence, bytes: change(segment.bytes.slice()) } : segment))
  }
}

const bytesOf = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => integerBelow(random, 256))

/** What a member may save: appends, overwrites of the tail, votes, snapshots. */
class Member {
  readonly random: Random
  state: { entries: WalEntry[]; hardState: WalBatch['hardState']; snapshot: WalBatch['snapshot'] } = {
    entries: [],
    hardState: undefined,
    snapshot: undefined
  }
  term = 1
  commit = 0
  constructor(seed: number) {
    this.random = seededRandom(seed)
  }
  batch(dataMax: number): WalBatch {
    const { random, state } = this
    const base = state.snapshot?.index ?? 0
    const lastIndex = base + state.entries.length
    let next = lastIndex + 1
    if (random() < 0.2 && lastIndex > this.commit) {
      this.term++
      next = this.commit + 1 + integerBelow(random, lastIndex - this.commit)
    }
    const count = 1 + integerBelow(random, 4)
    const entries = Array.from({ length: count }, (_, i): WalEntry => {
      const kind = random() < 0.1 ? 'config' : 'normal'
      return { index: next + i, term: this.term, kind, data: bytesOf(random, integerBelow(random, dataMax)) }
    })
    state.entries = [...state.entries.slice(0, next - 1 - base), ...entries]
    this.commit = Math.max(this.commit, random() < 0.5 ? next - 1 : this.commit)
    const hardState = random() < 0.6 ? { term: this.term, vote: random() < 0.5 ? null : 'control-1', commit: this.commit } : undefined
    if (hardState !== undefined) state.hardState = hardState
    const batch = { entries, hardState, snapshot: random() < 0.15 ? this.#snapshot() : undefined }
    return batch
  }
  #snapshot(): WalBatch['snapshot'] {
    const { state } = this
    const covered = state.entries.find(entry => entry.index === this.commit)
    if (covered === undefined || state.entries.some(entry => entry.index > this.commit) === false) return undefined
    state.snapshot = { index: covered.index, term: covered.term, fileName: `snapshot-${covered.index}` }
    state.entries = state.entries.filter(entry => entry.index > covered.index)
    return state.snapshot
  }
}

interface Log {
  readonly disk: Disk
  readonly writer: WalWriter
  readonly states: Member['state'][] // What recovery must give after so many batches.
}

function write(seed: number, batches: number, dataMax: number, segmentBytesMax: number, length?: number): Log {
  const member = new Member(seed)
  const disk = new Disk(length)
  const writer = new WalWriter({ ...identity, segmentBytesMax })
  const states = [structuredClone(member.state)]
  for (let i = 0; i < batches; i++) {
    disk.save(writer.encode(member.batch(dataMax)))
    states.push(structuredClone(member.state))
  }
  return { disk, writer, states }
}

const isState = (recovered: WalRecovered | WalDamaged, state: Member['state'] | undefined): boolean =>
  recovered.verdict !== 'damaged' && state !== undefined && JSON.stringify(plain(recovered)) === JSON.stringify(plain(state))
const plain = ({ entries, hardState, snapshot }: Pick<WalRecovered, 'entries' | 'hardState' | 'snapshot'>) => ({
  entries: entries.map(({ index, term, kind, data }) => ({ index, term, kind, data: Array.from(data) })),
  hardState: hardState ?? null,
  snapshot: snapshot ?? null
})

t.test('what was saved is recovered, and the writer goes on where the log ends', async t => {
  for (let seed = 0; seed < 60; seed++) {
    const { disk, writer, states } = write(seed, 40, 300, 3000)
    const recovered = recover(disk.list(), identity)
    if (!isState(recovered, states.at(-1)) || recovered.verdict !== 'clean') return t.fail(`seed ${seed}`, { recovered })
    t.same(recovered.tail, writer.tail)
    if (seed % 10 > 0) continue
    const next = new WalWriter({ ...identity, segmentBytesMax: 3000 }, recovered.tail, recovered)
    const save = { entries: [{ index: 1000, term: 9, kind: 'normal', data: new Uint8Array(5) }] } as const
    t.same(next.encode(save), writer.encode(save), 'as if it had never stopped')
  }
})

t.test('an empty log, and one that nobody wrote', async t => {
  t.match(recover([], identity), { verdict: 'clean', entries: [], tail: emptyTail })
  t.match(recover([{ sequence: 1, bytes: new Uint8Array(4096) }], identity), { verdict: 'clean', tail: emptyTail })
  t.match(recover([{ sequence: 1, bytes: new Uint8Array(4096).fill(7) }], identity), {
    verdict: 'damaged',
    reason: 'not a segment of a log'
  })
})

t.test('a crash that leaves any number of bytes of the last save leaves exactly the batches before it', async t => {
  const { disk, states } = write(5, 16, 70, 800, 1536)
  let done = 0
  let checked = 0
  let segment = 1
  for (const [sequence, bytes] of disk.segments) {
    const ends = disk.ends.filter(end => end.sequence === sequence).map(end => end.end)
    const last = ends.at(-1) as number
    for (let cut = 0; cut <= last; cut++) {
      const count = done + ends.filter(end => end <= cut).length
      const whole = cut === 0 || ends.includes(cut)
      for (const crash of [(b: Uint8Array) => b.slice(0, cut), (b: Uint8Array) => b.fill(0, cut)]) {
        const recovered = recover(disk.with(sequence, crash, false), identity)
        checked++
        if (recovered.verdict === (whole ? 'clean' : 'torn') && isState(recovered, states[count])) continue
        return t.fail(`segment ${sequence} cut at ${cut}`, { recovered, ends, bytes: bytes.length })
      }
    }
    done += ends.length
    segment = sequence
  }
  t.ok(segment > 2, 'over several segments')
  t.pass(`${checked} crashes`)
})

t.test('a crash that loses any sectors of the last save leaves exactly the batches before it, and the log goes on', async t => {
  const random = seededRandom(11)
  let torn = 0
  for (let round = 0; round < 250; round++) {
    const { disk, states } = write(round, 1 + integerBelow(random, 8), 1500, 1 << 20)
    const end = (disk.ends.at(-1) as { end: number }).end
    const start = disk.ends.at(-2)?.end ?? 0
    const lost = (bytes: Uint8Array): Uint8Array => {
      for (let from = start; from < end; ) {
        const to = (Math.floor(from / sectorBytes) + 1) * sectorBytes
        if (random() < 0.4) bytes.fill(0, from, Math.min(to, end))
        from = to
      }
      return bytes
    }
    const segments = disk.with(1, lost)
    const recovered = recover(segments, identity)
    const intact = segments[0]?.bytes.every((byte, at) => byte === disk.segments.get(1)?.[at])
    if (!isState(recovered, states.at(intact ? -1 : -2))) return t.fail(`round ${round}`, { recovered })
    if (recovered.verdict !== 'torn') continue
    torn++
    if (recovered.tail.length !== start) return t.fail('the tail is not where the last save began', { recovered, start })
    const repaired = new Disk()
    repaired.segments.set(1, (segments[0] as WalSegment).bytes.fill(0, recovered.tail.length))
    const member = new WalWriter(identity, recovered.tail, recovered)
    const next = (recovered.entries.at(-1)?.index ?? recovered.snapshot?.index ?? 0) + 1
    repaired.save(member.encode({ entries: [{ index: next, term: 99, kind: 'normal', data: new Uint8Array(700) }] }))
    const after = recover(repaired.list(), identity)
    if (after.verdict !== 'clean' || after.entries.at(-1)?.term !== 99) return t.fail('after the repair', { after })
  }
  t.ok(torn > 120, `${torn} torn`)
})

t.test('every flipped bit of a log is damage', async t => {
  const { disk, states } = write(5, 16, 70, 800, 1536)
  let flips = 0
  for (const [sequence] of disk.segments) {
    const end = disk.ends.filter(at => at.sequence === sequence).at(-1)?.end as number
    for (let at = 0; at < end; at++) {
      const bit = (at * 5 + sequence) % 8
      const recovered = recover(
        disk.with(sequence, bytes => flip(bytes, at, bit)),
        identity
      )
      flips++
      if (recovered.verdict !== 'damaged') return t.fail(`bit ${bit} of byte ${at} of segment ${sequence}`, { recovered })
    }
    // What lies behind the end is not of the log.
    const behind = recover(
      disk.with(sequence, bytes => flip(bytes, end, 3)),
      identity
    )
    if (behind.verdict !== 'damaged' && !isState(behind, states.at(-1))) return t.fail(`behind segment ${sequence}`)
  }
  t.pass(`${flips} flips`)
})

const flip = (bytes: Uint8Array, at: number, bit: number): Uint8Array => {
  bytes[at] = (bytes[at] as number) ^ (1 << bit)
  return bytes
}

t.test('whatever happens to batches that another one follows is damage', async t => {
  const random = seededRandom(77)
  for (let round = 0; round < 300; round++) {
    const { disk } = write(round % 20, 24, 400, 4000, 16384)
    const victim = disk.ends[integerBelow(random, disk.ends.length - 1)] as { sequence: number; end: number }
    const original = disk.segments.get(victim.sequence) as Uint8Array
    const from = integerBelow(random, victim.end)
    const to = Math.min(victim.end, from + 1 + integerBelow(random, random() < 0.5 ? 8 : 2000))
    const fill = random() < 0.5 ? () => 0 : () => integerBelow(random, 256)
    const segments = disk.with(victim.sequence, bytes => {
      for (let at = from; at < to; at++) bytes[at] = fill()
      return bytes
    })
    const same = segments.every(segment => segment.bytes.every((byte, at) => segment.sequence !== victim.sequence || byte === original[at]))
    const recovered = recover(segments, identity)
    if ((recovered.verdict === 'damaged') === same) return t.fail(`round ${round}: ${from} to ${to}`, { recovered, victim })
  }
  t.pass('300 damages')
})

t.test('a sector lost among batches that another one follows is damage', async t => {
  let lost = 0
  for (let seed = 0; seed < 15; seed++) {
    const { disk } = write(seed, 12, 250, 3000, 8192)
    const last = disk.ends.at(-1) as { sequence: number; end: number }
    for (const [sequence, original] of disk.segments) {
      const ends = disk.ends.filter(end => end.sequence === sequence)
      // In the last segment all but its last batch; that has its header with its first one.
      const until = (sequence === last.sequence ? ends.at(-2)?.end : ends.at(-1)?.end) ?? 0
      for (let from = 0; from < until; from += sectorBytes) {
        const to = Math.min(from + sectorBytes, until)
        const recovered = recover(
          disk.with(sequence, bytes => bytes.fill(0, from, to)),
          identity
        )
        lost++
        const same = original.subarray(from, to).every(byte => byte === 0)
        if ((recovered.verdict === 'damaged') === same) return t.fail(`seed ${seed}, segment ${sequence}, ${from}`, { recovered })
      }
    }
  }
  t.pass(`${lost} sectors`)
})

t.test('batches of another log in the place of ours are damage', async t => {
  const log = (fill: number, segmentBytesMax: number): Disk => {
    const disk = new Disk(4096)
    const writer = new WalWriter({ ...identity, segmentBytesMax })
    for (let index = 1; index <= 4; index++) {
      disk.save(writer.encode({ entries: [{ index, term: 1, kind: 'normal', data: new Uint8Array(100).fill(fill) }] }))
    }
    return disk
  }
  const [ours, theirs] = [log(1, 1), log(2, 1)]
  const swapped = ours.list().map(one => (one.sequence === 2 ? { sequence: 2, bytes: theirs.segments.get(2) as Uint8Array } : one))
  t.match(recover(swapped, identity), { verdict: 'damaged', sequence: 2, reason: 'the segment does not continue the one before' })
  const [one, other] = [log(1, 1 << 20), log(2, 1 << 20)]
  const [, from = 0, to = 0] = one.ends.map(end => end.end)
  for (const end of [to, one.ends.at(-1)?.end ?? 0]) {
    const mixed = one.with(1, bytes => {
      bytes.set((other.segments.get(1) as Uint8Array).subarray(from, end), from)
      return bytes
    })
    t.match(recover(mixed, identity), { verdict: 'damaged', offset: from, reason: 'batch 3 does not continue the one before' })
  }
})

t.test('a value that holds a copy of a log is not taken for one', async t => {
  const copy = write(3, 12, 60, 1 << 20)
    .disk.segments.get(1)
    ?.slice(192, 192 + 2048) as Uint8Array
  const disk = new Disk()
  const writer = new WalWriter(identity)
  disk.save(writer.encode({ entries: [{ index: 1, term: 1, kind: 'normal', data: new Uint8Array(100) }] }))
  const start = disk.ends[0]?.end as number
  for (let shift = 0; shift < 8; shift++) {
    const data = new Uint8Array(700 + shift + copy.length)
    data.set(copy, 700 + shift)
    const { offset, bytes } = new WalWriter(identity, writer.tail).encode({ entries: [{ index: 2, term: 1, kind: 'normal', data }] })
    const segment = new Uint8Array(8192)
    segment.set(disk.segments.get(1)?.subarray(0, start) as Uint8Array)
    segment.set(bytes, offset)
    segment.fill(0, start, 512)
    t.match(recover([{ sequence: 1, bytes: segment }], identity), { verdict: 'torn', tail: { length: start }, entries: [{ index: 1 }] })
  }
})

t.test('whatever happens to the last batch, it is recovered unchanged or not at all', async t => {
  const random = seededRandom(78)
  const verdicts = { clean: 0, torn: 0, damaged: 0 }
  for (let round = 0; round < 300; round++) {
    const { disk, states } = write(round % 20, 9, 900, 1 << 20)
    const end = (disk.ends.at(-1) as { end: number }).end
    const start = disk.ends.at(-2)?.end as number
    const from = start + integerBelow(random, end - start)
    const to = Math.min(end, from + 1 + integerBelow(random, random() < 0.5 ? 4 : 2000))
    const fill = random() < 0.5 ? () => 0 : () => integerBelow(random, 256)
    const segments = disk.with(1, bytes => {
      for (let at = from; at < to; at++) bytes[at] = fill()
      return bytes
    })
    const recovered = recover(segments, identity)
    verdicts[recovered.verdict]++
    if (recovered.verdict === 'torn' && !isState(recovered, states.at(-2))) return t.fail(`round ${round}`, { recovered })
    if (recovered.verdict === 'clean' && !isState(recovered, states.at(-1)) && !isState(recovered, states.at(-2)))
      return t.fail(`round ${round}`)
  }
  t.ok(verdicts.torn > 30 && verdicts.damaged > 30, JSON.stringify(verdicts))
})

t.test('a lost, foreign, swapped or emptied segment is damage', async t => {
  const { disk } = write(5, 24, 90, 1000, 2048)
  const segments = disk.list()
  const other = write(6, 24, 90, 1000, 2048).disk.list()
  const [one, , three] = segments as [WalSegment, WalSegment, WalSegment]
  const cases: readonly [string, readonly WalSegment[], RegExp][] = [
    ['missing', [one, three], /segment 2 is missing/],
    ['swapped', [one, { sequence: 2, bytes: three.bytes }, three], /says that it is segment 3/],
    ['emptied', [one, { sequence: 2, bytes: new Uint8Array(2048) }, three], /empty and segment 3 is not/],
    ['of another log', [one, other[1] as WalSegment, three], /does not continue|are missing|end of the segment/]
  ]
  for (const [name, list, reason] of cases) t.match(recover(list, identity), { verdict: 'damaged', reason }, name)
  const lastOfFirst = disk.ends.filter(end => end.sequence === 1).at(-2)?.end as number
  t.match(
    recover(
      disk.with(1, bytes => bytes.fill(0, lastOfFirst)),
      identity
    ),
    { verdict: 'damaged', reason: /missing at the end/ }
  )
})

t.test('segments of another cluster, of another member or of a later program are never taken for damaged ones', async t => {
  const segments = write(5, 24, 90, 1000, 2048).disk.list()
  t.match(verdictOf(segments, { ...identity, clusterId: 'b' }), { verdict: 'foreign', reason: 'it is of cluster cluster-a, not of b' })
  t.match(verdictOf(segments, { ...identity, memberId: 'b' }), { verdict: 'foreign', reason: 'it is of member control-0, not of b' })
  const later = segments.map(({ sequence, bytes }) => ({ sequence, bytes: bytes.slice() }))
  const { bytes } = later[2] as WalSegment
  const view = new DataView(bytes.buffer)
  view.setUint32(8, 2, true)
  t.match(verdictOf(later), { verdict: 'damaged', sequence: 3 }, 'a version nobody wrote')
  view.setUint32(184, crc32c(bytes, 0, 184), true)
  t.match(verdictOf(later), { verdict: 'foreign', sequence: 3, reason: /format version 2/ })
  const first = later[0] as WalSegment
  first.bytes[400] = (first.bytes[400] as number) ^ 1
  t.match(verdictOf(later), { verdict: 'foreign', sequence: 3 }, 'whatever else is wrong')
})

t.test('segments that a snapshot made needless can go', async t => {
  const entry = (index: number): WalEntry => ({ index, term: 1, kind: 'normal', data: new Uint8Array(400) })
  const disk = new Disk()
  const writer = new WalWriter({ ...identity, segmentBytesMax: 1000 })
  disk.save(writer.encode({ hardState: { term: 1, vote: 'b', commit: 0 } }))
  for (let index = 1; index <= 20; index++) disk.save(writer.encode({ entries: [entry(index)] }))
  const snapshot = { index: 15, term: 1, fileName: 's15' }
  disk.save(writer.encode({ snapshot }))
  const all = recover(disk.list(), identity)
  if (all.verdict === 'damaged') return t.fail(all.reason)
  const gone = removableSegments(all.segments, 15)
  t.ok(gone.length > 3)
  const kept = disk.list().filter(segment => !gone.includes(segment.sequence))
  const less = recover(kept, identity)
  t.match(less, { verdict: 'clean', snapshot, hardState: { term: 1, vote: 'b', commit: 0 } }, 'the vote, too, though its segment is gone')
  t.same(less.verdict !== 'damaged' && less.entries.map(one => one.index), [16, 17, 18, 19, 20])
  t.match(recover(kept.slice(1), identity), { verdict: 'damaged', reason: /are missing and no snapshot covers them/ })
  t.same(removableSegments(all.segments, 0), [])
  t.same(
    removableSegments(all.segments, 1000),
    all.segments.slice(0, -1).map(one => one.sequence),
    'never the last'
  )

  const received = new WalWriter(identity)
  const own = new Disk()
  own.save(received.encode({ entries: [entry(1), entry(2)] }))
  own.save(received.encode({ snapshot: { index: 9, term: 4, fileName: 's9' }, hardState: { term: 4, vote: null, commit: 9 } }))
  own.save(received.encode({ entries: [{ ...entry(10), term: 4 }] }))
  t.match(
    recover(own.list(), identity),
    { verdict: 'clean', entries: [{ index: 10 }], snapshot: { index: 9 } },
    'a snapshot of the leader replaces the log'
  )
})

t.test('entries may replace some whose segments a later snapshot made needless', async t => {
  const entry = (index: number, term: number): WalEntry => ({ index, term, kind: 'normal', data: new Uint8Array(400) })
  const disk = new Disk()
  const writer = new WalWriter({ ...identity, segmentBytesMax: 1000 })
  for (let index = 1; index <= 3; index++) disk.save(writer.encode({ entries: [entry(index, 1)] }))
  // Another leader has other entries from 2 on: the second segment begins with entry 3, and 2 comes after it.
  disk.save(writer.encode({ entries: [2, 3, 4].map(index => entry(index, 2)) }))
  const before = disk.list().filter(({ sequence }) => sequence > 1)
  t.match(recover(before, identity), { verdict: 'damaged', reason: /entries up to 1 are missing and no snapshot covers them/ })
  const snapshot = { index: 3, term: 2, fileName: 's3' }
  disk.save(writer.encode({ snapshot, hardState: { term: 2, vote: null, commit: 3 } }))
  const all = recover(disk.list(), identity)
  if (all.verdict === 'damaged') return t.fail(all.reason)
  t.match(all.segments[1], { sequence: 2, firstIndex: 3 })
  t.same(removableSegments(all.segments, snapshot.index), [1])
  const kept = disk.list().filter(({ sequence }) => sequence > 1)
  t.match(recover(kept, identity), { verdict: 'clean', snapshot, entries: [{ index: 4, term: 2 }] })
})

t.test('a log whose needless segments go as snapshots are taken is recovered as if they had stayed', async t => {
  let removed = 0
  for (let seed = 0; seed < 60; seed++) {
    const member = new Member(seed)
    const disk = new Disk(4096)
    const writer = new WalWriter({ ...identity, segmentBytesMax: 300 })
    for (let batch = 0; batch < 60; batch++) {
      disk.save(writer.encode(member.batch(80)))
      const recovered = recover(disk.list(), identity)
      if (!isState(recovered, member.state)) return t.fail(`seed ${seed}, batch ${batch}: ${JSON.stringify(recovered).slice(0, 300)}`)
      if (recovered.verdict === 'damaged') return
      for (const sequence of removableSegments(recovered.segments, member.state.snapshot?.index ?? 0)) {
        disk.segments.delete(sequence)
        removed++
      }
    }
  }
  t.ok(removed > 200, `${removed} segments`)
})

t.test('a log whose records contradict each other is damage, though its checksums are right', async t => {
  const entry = (index: number): WalEntry => ({ index, term: 1, kind: 'normal', data: new Uint8Array(4) })
  const cases: readonly [string, readonly WalBatch[], RegExp][] = [
    ['gap', [{ entries: [entry(1)] }, { entries: [entry(3)] }], /entries up to 2 are missing/],
    ['commit', [{ entries: [entry(1)], hardState: { term: 1, vote: null, commit: 2 } }], /before the committed entry 2/],
    [
      'covered',
      [{ entries: [entry(1)] }, { snapshot: { index: 1, term: 1, fileName: 's' } }, { entries: [entry(1)] }],
      /a snapshot that covers it/
    ]
  ]
  for (const [name, batches, reason] of cases) {
    const disk = new Disk()
    const writer = new WalWriter(identity)
    for (const batch of batches) disk.save(writer.encode(batch))
    t.match(recover(disk.list(), identity), { verdict: 'damaged', reason }, name)
  }
})

t.test('a segment that was begun and never written is where the log goes on', async t => {
  const disk = new Disk()
  const writer = new WalWriter({ ...identity, segmentBytesMax: 300 })
  const entry = (index: number): WalEntry => ({ index, term: 1, kind: 'normal', data: new Uint8Array(400) })
  disk.save(writer.encode({ entries: [entry(1)], hardState: { term: 1, vote: 'b', commit: 0 } }))
  disk.segments.set(2, new Uint8Array(4096))
  const recovered = recover(disk.list(), identity)
  t.match(recovered, { verdict: 'clean', tail: { sequence: 2, length: 0 }, segments: [{ sequence: 1 }] })
  if (recovered.verdict === 'damaged') return
  disk.save(new WalWriter(identity, recovered.tail, recovered).encode({ entries: [entry(2)] }))
  t.match(recover(disk.list(), identity), { verdict: 'clean', entries: [{ index: 1 }, { index: 2 }], hardState: { vote: 'b' } })
})
