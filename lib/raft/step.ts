// Step: one message meets one member: first the terms (Raft §5.1), then the message itself.
//
// Requests are heard from anybody: a leader or a candidate may be a member of which this one has not heard yet (Raft §6). Answers are
// heard from those asked only.

import { unreachable } from '../std/index.js'
import type { Core } from './core.js'
import { acceptTimeoutNow, answerVote, countVote, decidedOf } from './election.js'
import { acceptAppend, acceptHeartbeat, acceptReadIndex, acceptSnapshot, acknowledge, hearLeader } from './follower.js'
import { hearAppendResponse, hearHeartbeatResponse, hearReadIndex } from './leader.js'
import type { Message } from './message.js'

export function step(core: Core, message: Message): void {
  if (message.to !== core.id || message.from === core.id || (isAnswer(message) && !core.isPeer(message.from))) return
  if (message.term > core.term) {
    if (!meetHigherTerm(core, message)) return
  } else if (message.term < core.term) {
    meetLowerTerm(core, message)
    return
  }
  dispatch(core, message)
}

function isAnswer({ type }: Message): boolean {
  switch (type) {
    case 'preVoteResponse':
    case 'voteResponse':
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'readIndex': // Only members may read.
    case 'readIndexResponse':
      return true
    default:
      return false
  }
}

/** False: the message is to be ignored. */
function meetHigherTerm(core: Core, message: Message): boolean {
  switch (message.type) {
    case 'preVote':
      return !core.isLeased // And do not take over a term nobody has begun.
    case 'vote':
      if (core.isLeased && message.force !== true) return false
      core.becomeFollower(message.term, null)
      return true
    case 'preVoteResponse':
      if (!message.granted) core.becomeFollower(message.term, null)
      return true
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      core.becomeFollower(message.term, message.from)
      return true
    case 'voteResponse':
    case 'appendResponse':
    case 'heartbeatResponse':
    case 'readIndex':
    case 'readIndexResponse':
    case 'timeoutNow':
      core.becomeFollower(message.term, null)
      return true
    default:
      return unreachable(message)
  }
}

function meetLowerTerm(core: Core, message: Message): void {
  // With check-quorum our own votes of a higher term were ignored by those who stand by this leader, so it must learn our term
  // from an answer, or we are stuck outside (as etcd-io/raft).
  if (message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot') acknowledge(core, message.from, 0)
  // Tells a pre-candidate that is behind to catch up.
  if (message.type === 'preVote') {
    const { from, campaign } = message
    core.send({ type: 'preVoteResponse', from: core.id, to: from, term: core.term, campaign, granted: false, ...decidedOf(core) })
  }
}

function dispatch(core: Core, message: Message): void {
  switch (message.type) {
    case 'preVote':
    case 'vote':
      answerVote(core, message)
      return
    case 'preVoteResponse':
    case 'voteResponse':
      countVote(core, message)
      return
    case 'append':
      hearLeader(core, message.from)
      acceptAppend(core, message)
      return
    case 'heartbeat':
      hearLeader(core, message.from)
      acceptHeartbeat(core, message)
      return
    case 'snapshot':
      hearLeader(core, message.from)
      acceptSnapshot(core, message)
      return
    case 'appendResponse':
      hearAppendResponse(core, message)
      return
    case 'heartbeatResponse':
      hearHeartbeatResponse(core, message)
      return
    case 'readIndex':
      hearReadIndex(core, message)
      return
    case 'readIndexResponse':
      acceptReadIndex(core, message)
      return
    case 'timeoutNow':
      acceptTimeoutNow(core)
      return
    default:
      unreachable(message)
  }
}
