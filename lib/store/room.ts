// Room: the space that is set aside on this member's disk for what its log is yet to hold.
//
// Guarantee: nothing is taken into the log, proposed here or appended by a leader, unless there is room to save it, so that a
// disk that fills up fails no save. Over a full disk a member goes on: it votes, follows and leads out of the part that is kept for
// hard states, serves reads, refuses writes, definitely, and tries to get room again. If it leads, it hands over to a member
// that has some.
// Not guaranteed: that a member without room keeps up. It acknowledges nothing it cannot save, and the others go on without it.

import { ask, type Context, type Flow, type Refusal, refuse, sleep } from '../actor/index.js'
import { disk } from '../ports/index.js'
import type { Message } from '../raft/index.js'
import { fileTimeoutMs } from './file-parts.js'
import { tellRoom } from './full-disks.js'
import type { StoreMemberProtocol } from './protocol.js'
import type { Replica } from './replica.js'

export interface Room {
  readonly goalBytes: number
  bytes: number // What may be saved for sure.
  isFull: boolean // The disk had less than was asked for.
  isAsking: boolean
  wantedBytes: number // Beyond what there was, since it was last asked for.
  spentBytes: number // Since it was last asked for.
  takenBytes: number // Of entries that Raft has, to be saved with this batch.
  readonly held: Message[] // Appends that wait until there is room.
  heldBytes: number
}

type MemberContext = Context<StoreMemberProtocol, any>

export const roomBytesDefault = 2 << 20
/** No write may use it: hard states, snapshot marks and what makes space again must still find room. */
const keptBytesMax = 256 << 10
/** Below this a member says nothing more that it would have to save: a batch with a hard state that begins a segment takes 500 bytes. */
const muteBytes = 1 << 10
const batchOverheadBytes = 512
const entryOverheadBytes = 64
/** A leader sends what is dropped here again. */
const heldBytesMax = 32 << 20
const retryMs = 1_000
const hasRoomTimeoutMs = 1_000

export const newRoom = (goalBytes: number): Room => ({
  goalBytes,
  bytes: 0,
  isFull: false,
  isAsking: false,
  wantedBytes: 0,
  spentBytes: 0,
  takenBytes: 0,
  held: [],
  heldBytes: 0
})

const keptBytes = ({ goalBytes }: Room): number => Math.min(keptBytesMax, goalBytes >> 1)

/** etcd's words for a database over its quota. */
export const noSpaceLeft = (): Refusal => refuse('no space', 'etcdserver: mvcc: database space exceeded')

/**
 * Whether so many bytes of entries may go into the log now. Over a full disk half of what is kept is for those: who calls
 * has refused all writes by then, and what is left, as a compaction, is to make space.
 */
export function hasRoomFor(room: Room, entriesBytes: number): boolean {
  const needed = room.takenBytes + entriesBytes + batchOverheadBytes
  if (needed <= room.bytes - (room.isFull ? keptBytes(room) / 2 : keptBytes(room))) return true
  room.wantedBytes = Math.max(room.wantedBytes, needed)
  return false
}

/** Too little is left even for votes. */
export const isMute = ({ bytes }: Room): boolean => bytes < muteBytes

/**
 * A message of another member: taken, kept for when there is room, or dropped, as if the network had lost it. Over a full disk it takes
 * what half of the kept part has room for: where all disks are full, a leader that is elected needs its first entry committed, or
 * nobody reads (Raft §8).
 */
export function stepWithin({ raft, room }: Replica, message: Message): void {
  if (isMute(room)) return
  const bytes = message.type === 'append' ? bytesOf(message) : 0
  if (bytes === 0) return raft.step(message)
  if (room.held.length === 0 && hasRoomFor(room, bytes)) {
    room.takenBytes += bytes
    return raft.step(message)
  }
  if (room.isFull || room.heldBytes + bytes > heldBytesMax) return
  room.wantedBytes = Math.max(room.wantedBytes, room.heldBytes + bytes + batchOverheadBytes)
  room.held.push(message)
  room.heldBytes += bytes
}

const bytesOf = ({ entries }: Extract<Message, { type: 'append' }>): number =>
  entries.reduce((sum, { data }) => sum + data.length + entryOverheadBytes, 0)

/** All that Raft had to save is saved. */
export function batchSaved({ room }: Replica): void {
  room.takenBytes = 0
}

export function spend({ room }: Replica, bytes: number): void {
  room.bytes -= bytes
  room.spentBytes += bytes
}

export const isRoomDue = ({ room }: Replica): boolean =>
  !room.isAsking && (room.isFull || room.bytes < room.goalBytes / 2 || room.wantedBytes > 0)

/** Asks the disk for room, and again after a while if it has none. */
export function* makeRoom(ctx: MemberContext, replica: Replica): Flow<void> {
  const { room } = replica
  const wasFull = room.isFull
  room.isAsking = true
  const isKnown = yield* askForRoom(ctx, room)
  if (wasFull || room.isFull) tellRoom(ctx, replica)
  for (const message of room.held.splice(0)) {
    room.heldBytes -= message.type === 'append' ? bytesOf(message) : 0
    stepWithin(replica, message)
  }
  if (room.isFull && replica.raft.isLeader) yield* handOver(ctx, replica)
  if (!isKnown || room.isFull) yield* sleep('real', retryMs)
  room.isAsking = false
}

/** False: the disk did not say. */
export function* askForRoom(ctx: MemberContext, room: Room): Flow<boolean> {
  const bytes = Math.max(room.goalBytes, 2 * room.wantedBytes + keptBytes(room))
  room.wantedBytes = 0
  room.spentBytes = 0
  const answer = yield* ask(ctx.port(disk), fileTimeoutMs, 'reserve', { bytes })
  if (!answer.ok) return false
  room.bytes = answer.value.bytes - room.spentBytes // What was saved meanwhile may have been counted or not.
  const isFull = answer.value.bytes < bytes
  if (isFull !== room.isFull) ctx.log(isFull ? 'disk full' : 'disk has space again', { roomBytes: room.bytes })
  room.isFull = isFull
  return true
}

/** For one that begins a log: it must not begin what it cannot save. */
export function* waitForRoom(ctx: MemberContext, room: Room): Flow<void> {
  for (;;) {
    yield* askForRoom(ctx, room)
    if (room.bytes >= keptBytes(room)) return
    yield* sleep('real', retryMs)
  }
}

function* handOver(ctx: MemberContext, replica: Replica): Flow<void> {
  for (const other of replica.raft.membership.voters) {
    if (other === ctx.self) continue
    const answer = yield* ask(other as typeof ctx.self, hasRoomTimeoutMs, 'hasRoom')
    if (!answer.ok || !answer.value || !replica.raft.isLeader || !replica.room.isFull) continue
    ctx.log('hands over', { to: other, reason: 'its disk is full' })
    replica.raft.transferLeadership(other)
    return
  }
}
