// Snapshot receiving: a leader's snapshot, taken part by part into a file and, on the way, into a new state.
//
// Guarantee: Raft hears of a snapshot once its file is durable and every checksum in it was right: its mark in the log may then
// name the file. A part that is lost is asked for again; a file that is gone, or damaged, is given up and told to who has it.

import { ask, type Context, type Flow, sleep } from '../actor/index.js'
import type { Message } from '../raft/index.js'
import { FileWriting } from './file-parts.js'
import type { StoreMemberProtocol } from './protocol.js'
import type { Replica } from './replica.js'
import { isSnapshotFault, type SnapshotContent, SnapshotReader } from './snapshot-file.js'
import type { SnapshotPart } from './snapshot-sending.js'
import { snapshotFileName } from './snapshotting.js'

export interface ReceivedSnapshot extends SnapshotContent {
  readonly fileName: string
}
export interface ReceivingFailure {
  readonly failure: 'unreachable' | 'not written' | 'damaged'
  readonly index: number // Of the file.
  readonly detail: string
  /** Who was asked has none of that index or later. */
  readonly isMissing?: boolean
}
type MemberContext = Context<StoreMemberProtocol, any>
type Peer = MemberContext['self']
type InstallSnapshot = Extract<Message, { type: 'snapshot' }>

const partTimeoutMs = 2_000
const partRetryMs = 100
const triesMax = 5 // Of one part.
const retryMs = 1000 // After a file could not be written.

/** The newest snapshot of that member, at that index or later. */
export function* fetchSnapshot(
  ctx: MemberContext,
  from: Peer,
  atLeast: number,
  clusterId: string
): Flow<ReceivedSnapshot | ReceivingFailure> {
  const first = yield* fetchPart(from, atLeast, 0)
  if ('failure' in first) return first
  const { index, fileBytes } = first
  const failed = (failure: ReceivingFailure['failure'], detail: string): ReceivingFailure => ({ failure, index, detail })
  const reader = new SnapshotReader()
  const fileName = snapshotFileName(index)
  const file = new FileWriting(ctx, fileName)
  const begun = yield* file.begin()
  if (begun !== undefined) return failed('not written', begun.detail)
  let part = first
  for (let offset = 0; ; ) {
    const fault = part.fileBytes === fileBytes ? reader.add(part.bytes) : ({ reason: 'the file has changed its length' } as const)
    if (fault !== undefined) {
      yield* file.abandon()
      return failed('damaged', fault.reason)
    }
    const wrong = yield* file.append(part.bytes)
    if (wrong !== undefined) return failed('not written', wrong.detail)
    offset += part.bytes.length
    if (offset >= fileBytes || part.bytes.length === 0) break
    const next = yield* fetchPart(from, index, offset)
    if ('failure' in next) {
      yield* file.abandon()
      return next
    }
    part = next
  }
  const content = reader.finish()
  const misfit = isSnapshotFault(content) ? content.reason : misfitOf(content, index, clusterId)
  if (misfit !== undefined || isSnapshotFault(content)) {
    yield* file.abandon()
    return failed('damaged', misfit ?? '')
  }
  const wrong = yield* file.commit()
  return wrong === undefined ? { ...content, fileName } : failed('not written', wrong.detail)
}

function misfitOf({ header }: SnapshotContent, index: number, clusterId: string): string | undefined {
  if (header.clusterId !== clusterId) return `the file is of cluster ${header.clusterId}`
  return header.index === index ? undefined : `the file is of entry ${header.index}`
}

function* fetchPart(from: Peer, index: number, offset: number): Flow<SnapshotPart | ReceivingFailure> {
  for (let tries = 1; ; tries++) {
    const part = yield* ask(from, partTimeoutMs, 'snapshotPart', { index, offset })
    if (part.ok) return part.value
    const { code, detail } = part.error
    const isMissing = code === 'no snapshot'
    if (isMissing || tries >= triesMax) return { failure: 'unreachable', index, detail: `${code}: ${detail}`, isMissing }
    yield* sleep('real', partRetryMs)
  }
}

/** One at a time: a leader that asks again, since it takes long, or a new one, is served by what is under way. */
export function* receiveSnapshot(ctx: MemberContext, replica: Replica, message: Message): Flow<void> {
  if (message.type !== 'snapshot') return
  if (message.snapshot.meta.index <= replica.applied.index) return replica.raft.step(message)
  const under = replica.receiving
  if (under !== undefined) {
    if (message.term >= under.message.term) under.message = message
    return
  }
  const receiving: NonNullable<Replica['receiving']> = { message }
  replica.receiving = receiving
  const received = yield* fetchSnapshot(ctx, message.from as Peer, message.snapshot.meta.index, replica.clusterId)
  if ('failure' in received) {
    ctx.log('snapshot not received', { from: message.from, ...received })
    yield* tellFailure(ctx, message, received)
    replica.receiving = undefined
    if (receiving.message !== message) ctx.tell(receiving.message.from as Peer, 'snapshotFailed')
    return
  }
  replica.receiving = undefined
  const latest = receiving.message
  if (received.header.index <= replica.applied.index) {
    // The log came meanwhile. What the leader named since is another snapshot, which nobody has here.
    if (latest.snapshot.meta.index <= replica.applied.index) return replica.raft.step(latest)
    return ctx.tell(latest.from as Peer, 'snapshotFailed')
  }
  const { index, term, membership } = received.header
  // What is committed is the same in every term: whoever leads now may be told that it has arrived.
  replica.received = received
  replica.raft.step({ ...receiving.message, snapshot: { meta: { index, term, membership } } })
}

function* tellFailure(ctx: MemberContext, { from }: InstallSnapshot, { failure, index }: ReceivingFailure): Flow<void> {
  if (failure === 'damaged') ctx.tell(from as Peer, 'snapshotDamaged', { index })
  if (failure === 'not written') yield* sleep('real', retryMs)
  ctx.tell(from as Peer, 'snapshotFailed')
}
