// Corruption: members of one store hold the same, or one of them is wrong: by a fault of its memory, its disk or its program. Now and
// then the leader compares the hashes of all members at one revision, as etcd's corruption check does, and raises the alarm
// CORRUPT of those that differ from a majority; of nobody in particular, if none has one. From then on nothing may change.
//
// Guarantee: an alarm is raised only where two members that compacted at the same revision hashed the same revision differently.
// Not checked: members that are behind, away, or compacted at another revision; leases, alarms, users and roles, which are not in the hash.

import { ask, type Context, type Flow, type Refusal, refuse, sleep } from '../actor/index.js'
import { hashing, type Mvcc, type StoreHash } from '../mvcc/index.js'
import { membersOf } from '../raft/index.js'
import { enterUnasked, type HasReplica, type MemberTurn, starting } from './proposing.js'
import type { StoreMemberProtocol } from './protocol.js'
import type { Replica } from './replica.js'

export const corruptionCheckEveryMsDefault = 10 * 60_000
const hashTimeoutMs = 60_000
/** Of hashing, between two turns: about 10 ms. */
const partsPerTurn = 4

export const hashHandlers = {
  hash(_ctx: MemberTurn, { replica }: HasReplica, { revision }: { readonly revision: number }): any {
    if (replica === undefined) return starting()
    return misfitOfHash(replica.mvcc, revision) ?? hashInParts(replica.mvcc, revision)
  }
}

function misfitOfHash({ revision: newest, compactRevision }: Mvcc, revision: number): Refusal | undefined {
  if (revision > newest) return refuse('future revision', 'etcdserver: mvcc: required revision is a future revision')
  if (revision > 0 && revision < compactRevision) return refuse('compacted', 'etcdserver: mvcc: required revision has been compacted')
  return undefined
}

/** Of the state as it is now, in several turns if it is large: a leader that is silent for tenths of a second is deposed. */
function* hashInParts(mvcc: Mvcc, revision: number): Flow<StoreHash> {
  const parts = hashing(mvcc, revision)
  for (let count = 1; ; count++) {
    const part = parts.next()
    if (part.done === true) return part.value
    if (count % partsPerTurn === 0) yield* sleep('real', 0)
  }
}

/** One comparison, by a leader. */
export function* checkCorruption(ctx: Context<StoreMemberProtocol, any>, replica: Replica): Flow<void> {
  if (!replica.raft.isLeader) return
  const { term, membership } = replica.raft
  const { revision } = replica.mvcc
  const own = yield* hashInParts(replica.mvcc, revision)
  const members = membersOf(membership)
  const hashes = new Map<string, number>([[ctx.self, own.hash]])
  for (const member of members) {
    if (member === ctx.self) continue
    const answer = yield* ask(member as typeof ctx.self, hashTimeoutMs, 'hash', { revision })
    if (answer.ok && answer.value.compactRevision === own.compactRevision) hashes.set(member, answer.value.hash)
  }
  if (!replica.raft.isLeader || replica.raft.term !== term) return
  for (const member of corruptOf(hashes, members.length)) {
    ctx.log('corrupt member', { member, revision, compactRevision: own.compactRevision })
    if (replica.mvcc.alarms.list(member, 'corrupt').length === 0)
      enterUnasked(replica, { type: 'alarm', action: 'activate', member, alarm: 'corrupt' })
  }
}

/** Those that differ from a majority of all members; one without a name, if they differ and none is a majority. */
export function corruptOf(hashes: ReadonlyMap<string, number>, members: number): string[] {
  const counts = new Map<number, number>()
  for (const hash of hashes.values()) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  if (counts.size < 2) return []
  const [right] = [...counts].find(([, count]) => 2 * count > members) ?? []
  return right === undefined ? [''] : [...hashes].filter(([, hash]) => hash !== right).map(([member]) => member)
}
