// Cluster: MemberList, MemberAdd, MemberRemove, MemberPromote, MemberUpdate.

import type { GrpcCall } from '../ports/index.js'
import { grpcCodes } from '../ports/index.js'
import type { StoreMembers } from '../store/index.js'
import { faults } from './errors.js'
import type { Gateway } from './gateway.js'
import { addressOfPeerUrl, machineOfStore, peerUrlOf } from './identity.js'
import type { MemberMessage } from './messages.js'
import { Fault, faultOf, type Unary } from './method.js'

const unknownMember = new Fault(faults.memberNotFound)

export const cluster: Readonly<Record<string, Unary>> = {
  *MemberList(gateway, _request: object, call) {
    const answer = yield* gateway.ask(call, 'read', 'members')
    return answer.ok ? { header: headerOf(gateway, answer.value), members: membersOf(gateway, answer.value) } : faultOf(answer.error)
  },
  *MemberAdd(gateway, { peerURLs, isLearner }: { peerURLs: readonly string[]; isLearner: boolean }, call) {
    const [url] = peerURLs
    const address = url === undefined || peerURLs.length > 1 ? undefined : addressOfPeerUrl(url)
    if (address === undefined) return new Fault(faults.badUrls)
    const answer = yield* gateway.ask(call, 'write', 'addMember', { address, isLearner })
    if (!answer.ok) return faultOf(answer.error)
    const members = membersOf(gateway, answer.value)
    const ID = gateway.idOf(address)
    return { header: headerOf(gateway, answer.value), member: members.find(member => member.ID === ID), members }
  },
  MemberRemove: (gateway, { ID }: { ID: bigint }, call) => change(gateway, call, ID, 'removeMember'),
  MemberPromote: (gateway, { ID }: { ID: bigint }, call) => change(gateway, call, ID, 'promoteMember'),
  *MemberUpdate(gateway, { ID, peerURLs }: { ID: bigint; peerURLs: readonly string[] }, call) {
    const admitted = yield* gateway.ask(call, 'read', 'admit', { need: 'root' })
    if (!admitted.ok) return faultOf(admitted.error)
    const answer = yield* gateway.ask(call, 'read', 'members')
    if (!answer.ok) return faultOf(answer.error)
    const address = addressOf(gateway, answer.value, ID)
    if (address === undefined) return unknownMember
    // A member's URL is made from its name, which it has for life.
    if (peerURLs.length === 1 && peerURLs[0] === peerUrlOf(address))
      return { header: headerOf(gateway, answer.value), members: membersOf(gateway, answer.value) }
    return new Fault({
      code: grpcCodes.unimplemented,
      text: `the peer URL of ${machineOfStore(address)} is ${peerUrlOf(address)} and does not change`
    })
  }
}

function* change(gateway: Gateway, call: GrpcCall, ID: bigint, type: 'removeMember' | 'promoteMember') {
  const admitted = yield* gateway.ask(call, 'read', 'admit', { need: 'root' })
  if (!admitted.ok) return faultOf(admitted.error)
  const known = yield* gateway.ask(call, 'read', 'members')
  if (!known.ok) return faultOf(known.error)
  const address = addressOf(gateway, known.value, ID)
  if (address === undefined) return unknownMember
  const answer = yield* gateway.ask(call, 'write', type, { address })
  if (!answer.ok) return faultOf(answer.error)
  return { header: headerOf(gateway, answer.value), members: membersOf(gateway, answer.value) }
}

/** The address of that member; undefined: there is none, or it is not one any more. */
export const addressOf = (gateway: Gateway, { members }: StoreMembers, ID: bigint): string | undefined =>
  members.find(({ address }) => gateway.idOf(address) === ID)?.address

const headerOf = (gateway: Gateway, { revision }: StoreMembers) => gateway.header(revision ?? gateway.revisionKnown)

/** As etcd: a member that has never started has no name and no client URLs. */
const membersOf = (gateway: Gateway, { members }: StoreMembers): MemberMessage[] =>
  members.map(({ address, isLearner, isStarted }) => ({
    ID: gateway.idOf(address),
    name: isStarted ? machineOfStore(address) : '',
    peerURLs: [peerUrlOf(address)],
    clientURLs: isStarted ? gateway.options.clientUrlsOf(address) : [],
    isLearner
  }))
