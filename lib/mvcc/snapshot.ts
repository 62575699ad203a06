// Snapshot: all of a store's state as bytes, in checksummed chunks, and its hash.
//
// Guarantee: a restored store answers everything as the original would, history and compaction included, and gives the same
// snapshot, byte for byte. `restore` refuses, with an error, bytes that are not whole or not unchanged.
// chunk     u32 length of the body, u32 CRC-32C of the body, body: u8 kind, then
//   header    format version, revision, compacted revision
//   leases    id, ttl, what a checkpoint left; ascending by id
//   alarms    member, place among the types; in the order in which they were raised; from format version 2 on
//   auth      whether it is enabled, its revision; from format version 3 on, as what follows of it
//   users     ascending by name; so many chunks as it takes, as of those below
//   roles     ascending by name
//   base      versions from before the compacted revision, in the order of their keys
//   changes   all changes from the compacted revision on, in their order
//   end       number of versions; from format version 3 on, of parts of auth: itself, users, roles

import type { Auth } from '../auth/index.js'
import { assert, crc32c } from '../std/index.js'
import { type Alarm, alarmTypes } from './alarm.js'
import { type AuthCapture, captureOf, readRole, readUser, writeRole, writeUser } from './auth-codec.js'
import { ByteReader, ByteWriter, recentKeys } from './bytes.js'
import { unbounded } from './key.js'
import { type KeyValue, tombstone } from './key-value.js'
import { Mvcc, type MvccOptions } from './mvcc.js'

const formatVersion = 3
const chunkBytesMin = 1 << 20
const chunkBytesSpare = 1 << 16 // What the last version of a chunk takes over its end, as a rule.
const frameBytes = 8
const versionBytesMax = 48 // Beside its key and value: six numbers.
const kind = { header: 1, leases: 2, base: 3, changes: 4, end: 5, alarms: 6, auth: 7, users: 8, roles: 9 } as const

export interface StoreHash {
  readonly hash: number
  readonly revision: number
  readonly compactRevision: number
}

/** What there is to be written, held fast: versions never change, so the store may go on meanwhile. */
interface Capture {
  readonly numbers: readonly number[]
  readonly leases: readonly (readonly number[])[]
  readonly alarms: readonly Alarm[]
  readonly auth: AuthCapture
  readonly base: readonly KeyValue[]
  readonly changes: readonly KeyValue[]
}

/** Chunks of about a MiB, of the store as it is at the call. Taking them may be spread over many turns. */
export function snapshot(store: Mvcc): Generator<Uint8Array, void, undefined> {
  const leases = store.leases.list().map(({ id, ttlSeconds, remainingTtlSeconds }) => [id, ttlSeconds, remainingTtlSeconds])
  const numbers = [formatVersion, store.revision, store.compactRevision]
  return chunksOf({
    numbers,
    leases,
    alarms: store.alarms.list(),
    auth: captureOf(store.auth),
    base: baseOf(store),
    changes: store.keyspace.changes(store.revision)
  })
}

/** Of all that can be read up to `revision` (0: the current one). Members at the same revisions must agree. */
export function hashOf(store: Mvcc, revision = 0): StoreHash {
  const parts = hashing(store, revision)
  for (;;) {
    const part = parts.next()
    if (part.done === true) return part.value
  }
}

/** The same, with a pause after each MiB; of the store as it is at the first part. */
export function* hashing(store: Mvcc, revision = 0): Generator<void, StoreHash, undefined> {
  const { compactRevision } = store
  const upTo = revision === 0 ? store.revision : revision
  const writer = new ByteWriter()
  let hash = 0
  const add = (): void => {
    const body = writer.view()
    hash = crc32c(body, 0, body.length, hash)
    writer.cut(0)
  }
  for (const versions of [baseOf(store), store.keyspace.changes(upTo)]) {
    for (const version of versions) {
      writeVersion(writer, version)
      if (writer.length < chunkBytesMin) continue
      add()
      yield
    }
    add()
  }
  return { hash, revision: upTo, compactRevision }
}

/** `chunks`: what `snapshot` gave, cut anywhere. */
export function restore(chunks: readonly Uint8Array[], options: MvccOptions = {}): Mvcc {
  const bytes = joined(chunks)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const restoration = new Restoration(options)
  for (let at = 0; at < bytes.length; ) {
    assert(at + frameBytes <= bytes.length, 'a snapshot ends with its end')
    const start = at + frameBytes
    const end = start + view.getUint32(at, true)
    assert(end <= bytes.length && crc32c(bytes, start, end) === view.getUint32(at + 4, true), 'a chunk of a snapshot is whole', { at })
    restoration.add(bytes, start, end)
    at = end
  }
  return restoration.finish()
}

/** A store that is restored chunk by chunk. Both methods throw if the chunks are not those of a snapshot. */
export class Restoration {
  readonly #restoring: Restoring

  constructor(options: MvccOptions = {}) {
    this.#restoring = { store: new Mvcc(options), versions: 0, authParts: 0, ended: false, recent: recentKeys() }
  }

  /** The body of the next chunk, whose checksum was right. */
  add(bytes: Uint8Array, start: number, end: number): void {
    assert(!this.#restoring.ended, 'a snapshot ends with its end')
    restoreChunk(this.#restoring, new ByteReader(bytes, this.#restoring.recent, start, end))
  }

  finish(): Mvcc {
    assert(this.#restoring.ended, 'a snapshot ends with its end')
    return this.#restoring.store
  }
}

interface Restoring {
  readonly store: Mvcc
  readonly recent: (string | undefined)[]
  versions: number
  authParts: number
  ended: boolean
}

function baseOf(store: Mvcc): KeyValue[] {
  const base: KeyValue[] = []
  store.keyspace.visit({ key: '\0', end: unbounded }, ({ versions }) => {
    const first = versions[0]
    if (first !== undefined && first.modRevision < store.compactRevision) base.push(first)
  })
  return base
}

function* chunksOf({ numbers, leases, alarms, auth, base, changes }: Capture): Generator<Uint8Array, void, undefined> {
  const writer = new ByteWriter(capacityFor(base, changes))
  writer.byte(kind.header)
  for (const number of numbers) writer.number(number)
  yield chunk(writer)
  writer.byte(kind.leases)
  for (const lease of leases) for (const number of lease) writer.number(number)
  yield chunk(writer)
  writer.byte(kind.alarms)
  for (const { member, alarm } of alarms) {
    writer.key(member)
    writer.byte(alarmTypes.indexOf(alarm))
  }
  yield chunk(writer)
  writer.byte(kind.auth)
  writer.byte(auth.isEnabled ? 1 : 0)
  writer.number(auth.revision)
  yield chunk(writer)
  yield* chunksOfItems(writer, kind.users, auth.users, writeUser)
  yield* chunksOfItems(writer, kind.roles, auth.roles, writeRole)
  yield* chunksOfItems(writer, kind.base, base, writeVersion)
  yield* chunksOfItems(writer, kind.changes, changes, writeVersion)
  writer.byte(kind.end)
  writer.number(base.length + changes.length)
  writer.number(1 + auth.users.length + auth.roles.length)
  yield chunk(writer)
}

function* chunksOfItems<T>(
  writer: ByteWriter,
  what: number,
  items: readonly T[],
  write: (writer: ByteWriter, item: T) => void
): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < items.length; ) {
    writer.byte(what)
    while (at < items.length && writer.length < chunkBytesMin) write(writer, items[at++] as T)
    yield chunk(writer)
  }
}

/** Enough for all versions, or for a chunk. */
function capacityFor(...lists: readonly (readonly KeyValue[])[]): number {
  let bytes = frameBytes
  for (const versions of lists) {
    for (const { key, value } of versions) {
      bytes += key.length + value.length + versionBytesMax
      if (bytes >= chunkBytesMin) return chunkBytesMin + chunkBytesSpare
    }
  }
  return bytes
}

function chunk(writer: ByteWriter): Uint8Array {
  const body = writer.view()
  const bytes = new Uint8Array(frameBytes + body.length)
  bytes.set(body, frameBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, body.length, true)
  view.setUint32(4, crc32c(body), true)
  writer.cut(0)
  return bytes
}

function writeVersion(writer: ByteWriter, kv: KeyValue): void {
  writer.key(kv.key)
  writer.number(kv.modRevision)
  writer.number(kv.version)
  if (kv.version === 0) return
  writer.number(kv.createRevision)
  writer.number(kv.lease)
  writer.value(kv.value)
}

function readVersion(reader: ByteReader): KeyValue {
  const key = reader.key()
  const modRevision = reader.number()
  const version = reader.number()
  if (version === 0) return tombstone(key, modRevision)
  const createRevision = reader.number()
  const lease = reader.number()
  return { key, value: reader.value(), createRevision, modRevision, version, lease }
}

function restoreChunk(restoring: Restoring, reader: ByteReader): void {
  const { store } = restoring
  const what = reader.byte()
  switch (what) {
    case kind.header: {
      const version = reader.number()
      assert(version > 0 && version <= formatVersion, 'a snapshot is of a format this program reads', { version, formatVersion })
      const revision = reader.number()
      store.stand(revision, reader.number())
      return
    }
    case kind.leases:
      while (!reader.done) store.leases.grant(reader.number(), reader.number(), reader.number())
      return
    case kind.alarms:
      while (!reader.done) {
        const member = reader.key()
        const alarm = alarmTypes[reader.byte()]
        assert(alarm !== undefined, 'an alarm is of a type this program knows')
        store.alarms.raise(member, alarm)
      }
      return
    case kind.auth:
    case kind.users:
    case kind.roles:
      restoring.authParts += restoreAuth(store.auth, what, reader)
      return
    case kind.base:
    case kind.changes:
      while (!reader.done) {
        restoreVersion(store, readVersion(reader), what === kind.changes)
        restoring.versions++
      }
      return
    case kind.end: {
      const versions = reader.number()
      assert(versions === restoring.versions, 'a snapshot has all its versions', { versions, found: restoring.versions })
      const authParts = reader.done ? 0 : reader.number()
      assert(authParts === restoring.authParts, 'a snapshot has all its users and roles', { authParts, found: restoring.authParts })
      restoring.ended = true
      return
    }
    default:
      throw new RangeError(`unknown chunk ${what} in a snapshot`)
  }
}

function restoreAuth(auth: Auth, what: typeof kind.auth | typeof kind.users | typeof kind.roles, reader: ByteReader): number {
  let parts = 0
  while (!reader.done) {
    parts++
    if (what === kind.auth) auth.stand(reader.byte() === 1, reader.number())
    else if (what === kind.users) auth.restoreUser(readUser(reader))
    else auth.restoreRole(readRole(reader))
  }
  return parts
}

function restoreVersion(store: Mvcc, kv: KeyValue, inLog: boolean): void {
  store.leases.moveKey(kv.key, store.keyspace.current(kv.key)?.lease ?? 0, kv.lease)
  store.keyspace.restore(kv, inLog)
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array
  const bytes = new Uint8Array(chunks.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of chunks) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
