// store: a member of the replicated store: raft, wal and mvcc put together.

export { guarded } from './access.js'
export { alarmHandlers } from './alarming.js'
export { txnOf } from './answers.js'
export { authHandlers } from './auth-requests.js'
export { type RestoredMember, readParts, restoredMember, type StoppedDisk, stateOfStopped } from './backup.js'
export { checkCorruption, corruptionCheckEveryMsDefault, corruptOf, hashHandlers } from './corruption.js'
export { roomHandlers } from './full-disks.js'
export { checkpointEveryMsDefault, checkpointLeases, leaseHandlers, newLeasing, revokeDue } from './leasing.js'
export type { RecoveryArgs } from './life.js'
export { logPart } from './log-part.js'
export { isRemoved, memberHandlers, type StoreMember, type StoreMembers, type StoreReplacement, watchPeers } from './membership.js'
export { type Beside, type Placer, type Placing, place, placeAgain, placeMembers, type StorePlace } from './placement.js'
export { process, sendNews } from './processing.js'
export { enterUnasked, proposeHandlers, starting } from './proposing.js'
export type { StoreMemberProtocol } from './protocol.js'
export { newQuota, quotaBytesDefault } from './quota.js'
export { begin } from './recovery.js'
export { rejoinHandlers } from './rejoining.js'
export { removedReason, sayGoodbye } from './removal.js'
export { planReplacement, type Replacement } from './replacement.js'
export type { Replica } from './replica.js'
export { keyHandlers } from './requests.js'
export { isMute, isRoomDue, makeRoom, stepWithin } from './room.js'
export {
  isSnapshotFault,
  readSnapshot,
  type SnapshotContent,
  type SnapshotFault,
  type SnapshotHeader,
  SnapshotReader,
  snapshotFile
} from './snapshot-file.js'
export { snapshotHandlers } from './snapshot-handlers.js'
export { receiveSnapshot } from './snapshot-receiving.js'
export type { SnapshotPart } from './snapshot-sending.js'
export { type SnapshotLimits, snapshotDue, snapshotLimits, takeSnapshot } from './snapshotting.js'
export { type StoreStanding, type StoreStatus, standingSinkChanged, statusHandlers } from './status.js'
export { notifyProgress, progressEveryMsDefault, sinkChanged, watchHandlers } from './watching.js'
