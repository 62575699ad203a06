// raft: a replicated log as a pure state machine. Imports std only.

export type { AppliedChange, Transferred } from './changing.js'
export { defaultLimits, type LeaseReads, type RaftConfig, type RaftLimits } from './config.js'
export type { ReadState, Recovered, Role } from './core.js'
export {
  type ChangeKind,
  type ChangeMisfit,
  changedBy,
  changesMax,
  type DecidedChange,
  decodeChange,
  encodeChange,
  foundedBy,
  isMember,
  isVoterOf,
  type JointChange,
  type LeavingChange,
  type Membership,
  type MembershipChange,
  membersOf,
  misfitOfChange,
  type ProposedChange,
  votersOf
} from './membership.js'
export type * from './message.js'
export type { ProgressState } from './progress.js'
export { majority, reachedByMajority, type Verdict, verdict } from './quorum.js'
export { type PeerStatus, type Proposed, Raft, type RaftStatus, type ReadAccepted, type Ready } from './raft.js'
