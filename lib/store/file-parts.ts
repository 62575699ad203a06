// File parts: a file written to the disk of this member, or read from it, part by part, so that no turn takes long.

import { ask, type Context, type Failure, type Flow, type Outcome } from '../actor/index.js'
import { disk } from '../ports/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import { joined, type SnapshotContent, type SnapshotFault, SnapshotReader } from './snapshot-file.js'

export const fileTimeoutMs = 60_000 // Of one message to the disk.
export const partBytesMax = 1 << 20
export const noSuchFile: SnapshotFault = { fault: 'damaged', reason: 'there is no such file' }

type MemberContext = Context<StoreMemberProtocol, any>

/** A file that is seen once all of it is durable; a failure leaves nothing. */
export class FileWriting {
  readonly #ctx: MemberContext
  readonly #name: string
  #offset = 0

  constructor(ctx: MemberContext, name: string) {
    this.#ctx = ctx
    this.#name = name
  }

  /** Each gives why it failed. */
  *begin(): Flow<Failure | undefined> {
    return failureOf(yield* ask(this.#ctx.port(disk), fileTimeoutMs, 'beginFile', { name: this.#name }))
  }

  *append(bytes: Uint8Array): Flow<Failure | undefined> {
    const part = { name: this.#name, offset: this.#offset, bytes }
    this.#offset += bytes.length
    const failure = failureOf(yield* ask(this.#ctx.port(disk), fileTimeoutMs, 'appendFile', part))
    if (failure !== undefined) yield* this.abandon()
    return failure
  }

  *commit(): Flow<Failure | undefined> {
    const file = { name: this.#name, length: this.#offset }
    return failureOf(yield* ask(this.#ctx.port(disk), fileTimeoutMs, 'commitFile', file))
  }

  *abandon(): Flow<void> {
    yield* ask(this.#ctx.port(disk), fileTimeoutMs, 'abandonFile', { name: this.#name })
  }
}

/** Gives why it failed. */
export function* writeInParts(ctx: MemberContext, name: string, pieces: Iterable<Uint8Array>): Flow<Failure | undefined> {
  const file = new FileWriting(ctx, name)
  const begun = yield* file.begin()
  if (begun !== undefined) return begun
  for (const part of partsOf(pieces)) {
    const failure = yield* file.append(part)
    if (failure !== undefined) return failure
  }
  return yield* file.commit()
}

/** A snapshot of this member's own disk. */
export function* readInParts(ctx: MemberContext, name: string): Flow<Outcome<SnapshotContent | SnapshotFault>> {
  const reader = new SnapshotReader()
  for (let offset = 0; ; ) {
    const read = yield* ask(ctx.port(disk), fileTimeoutMs, 'readPart', { name, offset, length: partBytesMax })
    if (!read.ok) return read
    if (read.value === null) return { ok: true, value: noSuchFile }
    const { bytes, fileBytes } = read.value
    const fault = reader.add(bytes)
    if (fault !== undefined) return { ok: true, value: fault }
    offset += bytes.length
    if (offset >= fileBytes || bytes.length === 0) return { ok: true, value: reader.finish() }
  }
}

/** The same bytes in pieces of `partBytesMax`, but for the last. */
function* partsOf(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  let kept: Uint8Array[] = []
  let keptBytes = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.subarray(at, at + partBytesMax - keptBytes)
      kept.push(taken)
      keptBytes += taken.length
      at += taken.length
      if (keptBytes < partBytesMax) continue
      yield joined(kept)
      kept = []
      keptBytes = 0
    }
  }
  if (keptBytes > 0) yield joined(kept)
}

const failureOf = (outcome: Outcome<unknown>): Failure | undefined => (outcome.ok ? undefined : outcome.error)
