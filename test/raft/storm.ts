// Storm: a cluster of bare Rafts under everything a network and a power switch can do, as the seed says; and whether it converges once
// all is healed. Cluster checks the promises after every event: a storm that breaks one throws.

import { type JointChange, type MembershipChange, membersOf, type ProposedChange, type RaftLimits } from '../../lib/raft/index.js'
import { forkSeed, integerBelow, type Random, seededRandom } from '../../lib/std/index.js'
import { Cluster } from './cluster.js'

const stepsMax = 4000
const networkMax = 120
const moversSalt = 0x5bd1e995 // Who moves draws apart, so that a storm in which nobody does is what it always was.

interface Weather {
  readonly loss: number
  readonly duplication: number
  readonly disorder: number // How far from the front a message may be taken.
  readonly crashes: number
  readonly restarts: number // How soon what crashed is started again.
  readonly cuts: number
  readonly hints: number
  readonly tears: number // A save under way dies with its member, and nothing of it was written.
  readonly coups: number // A leader is cut off, or dies, and what it had sent with it.
  readonly changes: number // A membership change is proposed.
  readonly joints: number // Of these, those of several members at once.
  readonly losses: number // A disk forgets everything.
  readonly transfers: number
}

const pick = <T>(random: Random, list: readonly T[]): T => list[integerBelow(random, list.length)] as T

function forecast(random: Random): Weather {
  return {
    loss: pick(random, [0, 0.02, 0.15]),
    duplication: pick(random, [0, 0.05]),
    disorder: pick(random, [1, 3, 100]),
    crashes: pick(random, [0, 0.002, 0.01]),
    restarts: 0.02,
    cuts: pick(random, [0, 0.003, 0.01]),
    hints: pick(random, [0, 0.005]),
    tears: 0,
    coups: 0,
    changes: 0,
    joints: 0,
    losses: 0,
    transfers: 0
  }
}

/** What a storm in which members come and go is told. */
export function migration(seed: number): StormPlan {
  const random = seededRandom(~seed)
  return {
    size: pick(random, [1, 2, 3, 3, 4, 5]),
    spares: 8,
    changes: pick(random, [0.01, 0.05, 0.2]),
    losses: pick(random, [0, 0.01, 0.05]),
    transfers: pick(random, [0, 0.01]),
    coups: pick(random, [0, 0.003]),
    leases: random() < 0.3,
    joints: pick(random, [0, 0.3, 0.8]),
    leaves: random() < 0.5
  }
}

/** What a storm may be told beside its seed. */
export interface StormPlan extends Partial<Weather> {
  readonly size?: number
  readonly spares?: number
  readonly leases?: boolean
  readonly leaves?: boolean
  readonly limits?: Partial<RaftLimits>
}

export function storm(seed: number, { size, spares, leases, leaves, limits, ...told }: StormPlan = {}): Cluster {
  const random = seededRandom(seed)
  const time = { ticks: 0 }
  const cluster = new Cluster({
    size: size ?? pick(random, [3, 3, 5, 1, 2]),
    asyncSave: true,
    ...(leaves === true ? { leaves } : {}),
    ...(spares === undefined ? {} : { spares }),
    ...(leases === true ? { leaseReads: () => ({ nowMs: () => time.ticks, leaseMs: 4 }) } : {}),
    random: () => seededRandom(forkSeed(random)),
    limits: {
      heartbeatTicks: 2,
      electionTicks: 6,
      electionJitterTicks: 6,
      retryTicks: 3,
      hintJitterTicksMax: 2,
      snapshotTicksMax: 10,
      appendBytesMax: 200,
      inflightMessagesMax: 3,
      uncommittedBytesMax: 100,
      committedBytesMax: 300,
      tailEntriesMax: pick(random, [0, 3]),
      ...limits
    }
  })
  const weather = { ...forecast(random), ...told }
  const movers = seededRandom(seed ^ moversSalt)
  let context = 0
  for (let step = 0; step < stepsMax; step++) {
    const id = pick(random, spares === undefined || movers() < 0.05 ? cluster.ids : membersOf(cluster.membership))
    fault(cluster, weather, random, id)
    move(cluster, weather, movers)
    const choice = random()
    if (choice < 0.45) deliverOne(cluster, weather, random)
    else if (choice < 0.66) cluster.finishSave(id)
    else if (choice < 0.72) {
      time.ticks++
      for (const each of cluster.ids) if (random() < 0.8 || leases === true) cluster.tick(each)
    } else if (choice < 0.88) cluster.propose(id, `p${step}`)
    else if (choice < 0.94) cluster.read(id, ++context)
    else if (choice < 0.96) cluster.compact(id)
    else cluster.pump(id)
  }
  return cluster
}

function deliverOne(cluster: Cluster, weather: Weather, random: Random): void {
  const { network } = cluster
  if (network.length > networkMax) network.splice(0, network.length - networkMax)
  for (let i = 0; i < 3 && network.length > 0; i++) {
    const at = integerBelow(random, Math.min(network.length, weather.disorder))
    if (random() < weather.loss) network.splice(at, 1)
    else cluster.deliver(at, random() < weather.duplication)
  }
}

function fault(cluster: Cluster, weather: Weather, random: Random, id: string): void {
  const member = cluster.member(id)
  if (member.raft === null) {
    if (random() < weather.restarts) cluster.restart(id)
  } else if (random() < weather.crashes) cluster.crash(id, pick(random, [0, 1, 2, 3, 1000]))
  if (random() < weather.cuts) {
    const other = pick(random, cluster.ids)
    const kind = random()
    if (kind < 0.3) cluster.isolate(id)
    else if (kind < 0.5) cluster.disconnect(id, other)
    else if (kind < 0.6) cluster.cut.add(`${id}>${other}`)
    else cluster.heal()
  }
  if (random() < weather.hints) cluster.act(id, raft => raft.peerDown(pick(random, cluster.ids)))
  if (weather.tears > 0 && member.saving !== null && random() < weather.tears) cluster.crash(id)
  if (weather.coups > 0 && random() < weather.coups) overthrow(cluster, random)
}

/** Members come, go, lose their disks and hand over. */
function move(cluster: Cluster, { changes, joints, losses, transfers }: Weather, random: Random): void {
  if (changes > 0 && random() < changes) {
    const leader = pick(random, cluster.leaders.length === 0 ? cluster.ids : cluster.leaders)
    const change = joints > 0 && random() < joints ? drawJoint(cluster, random) : drawChange(cluster, random)
    if (mayChange(cluster, change, losses > 0)) cluster.change(leader, change)
  }
  if (transfers > 0 && random() < transfers)
    cluster.act(pick(random, cluster.ids), raft => raft.transferLeadership(pick(random, cluster.ids)))
  if (losses === 0) return
  const id = pick(random, cluster.ids)
  if (random() < losses && canLose(cluster, id)) cluster.lose(id)
  for (const member of cluster.members)
    if (member.lost && random() < 0.05) for (const leader of cluster.leaders) cluster.rejoin(member.id, leader)
}

/** Any number of voters go, and any number comes; now and then one becomes a learner. Mostly it fits. */
function drawJoint(cluster: Cluster, random: Random): JointChange {
  const { voters, learners } = cluster.membership
  const share = pick(random, [0.3, 0.6, 1])
  const others = cluster.ids.filter(id => !voters.includes(id) && !learners.includes(id) && !cluster.membership.removed.includes(id))
  const changes: MembershipChange[] = []
  for (const member of voters) if (random() < share) changes.push({ kind: random() < 0.2 ? 'demote' : 'remove', member })
  for (const member of learners) if (random() < 0.7) changes.push({ kind: random() < 0.8 ? 'promote' : 'remove', member })
  for (const member of others)
    if (changes.length < 6 && random() < 0.4) changes.push({ kind: random() < 0.8 ? 'addVoter' : 'addLearner', member })
  return { kind: 'joint', changes }
}

/** Whoever is to be counted has a past. */
function mayChange(cluster: Cluster, change: ProposedChange, isLossy: boolean): boolean {
  if (change.kind === 'joint') return !isLossy || canLose(cluster, undefined)
  return change.kind === 'remove' ? canLose(cluster, change.member) : !cluster.member(change.member).lost
}

/** Mostly one that fits. */
function drawChange(cluster: Cluster, random: Random): MembershipChange {
  const { voters, learners } = cluster.membership
  const member = pick(random, cluster.ids)
  if (random() < 0.1) return { kind: pick(random, ['addVoter', 'addLearner', 'promote', 'remove']), member }
  if (learners.includes(member)) return { kind: pick(random, ['promote', 'promote', 'remove']), member }
  if (voters.includes(member)) return { kind: 'remove', member }
  return { kind: pick(random, ['addVoter', 'addLearner']), member }
}

/**
 * Whether there will be a majority with a past of whatever the members may be by then: more than that no protocol can give. Those that
 * take no part forgot it, or were removed. Undefined: several members may go, and others come.
 */
function canLose(cluster: Cluster, id: string | undefined): boolean {
  const { voters } = cluster.membership
  if (cluster.members.some(member => member.lost) || cluster.isChanging) return false
  if (voters.some(voter => cluster.member(voter).applied < cluster.changedAt)) return false // Who does not know counts by the members before.
  return id === undefined || voters.length > 2 || !voters.includes(id)
}

function overthrow(cluster: Cluster, random: Random): void {
  const [leader] = cluster.leaders
  if (leader === undefined) return
  if (random() < 0.5) cluster.isolate(leader)
  else cluster.crash(leader, pick(random, [0, 1, 2, 3, 1000]))
  cluster.network.splice(0, cluster.network.length, ...cluster.network.filter(({ from }) => from !== leader))
}

/** Undefined if the healed cluster converged. */
export function stuck(cluster: Cluster): string | undefined {
  cluster.heal()
  for (const member of cluster.members) if (member.raft === null) cluster.restart(member.id)
  for (const id of cluster.ids) cluster.finishSaves(id)
  let proposed = false
  for (let round = 0; round < 60; round++) {
    for (const id of cluster.ids) {
      cluster.tick(id)
      cluster.finishSaves(id)
    }
    for (let i = 0; cluster.network.length > 0 && i < 5000; i++) {
      const to = cluster.network[0]?.to ?? ''
      cluster.deliver(0)
      cluster.finishSaves(to)
    }
    const [leader] = cluster.leaders
    if (round === 20) cluster.tellLastWords()
    if (leader !== undefined) for (const { id, lost } of cluster.members) if (lost) cluster.rejoin(id, leader)
    if (leader !== undefined && round > 30 && !proposed) proposed = cluster.propose(leader, 'the last')
    const last = cluster.committed.at(-1)
    const caughtUp = membersOf(cluster.membership).every(id => cluster.member(id).applied === cluster.acknowledged)
    if (proposed && caughtUp && last !== undefined && new TextDecoder().decode(last.data) === 'the last') return undefined
  }
  return JSON.stringify(cluster.members.map(member => member.raft?.status()))
}
