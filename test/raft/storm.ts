// Storm: a cluster of bare Rafts under everything a network and a power switch can do, as the seed says; and whether it converges once
// all is healed. Cluster checks the promises after every event: a storm that breaks one throws.

import type { RaftLimits } from '../../lib/raft/index.js'
import { forkSeed, integerBelow, type Random, seededRandom } from '../../lib/std/index.js'
import { Cluster } from './cluster.js'

const stepsMax = 4000
const networkMax = 120

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
    coups: 0
  }
}

/** What a storm may be told beside its seed. */
export interface StormPlan extends Partial<Weather> {
  readonly size?: number
  readonly limits?: Partial<RaftLimits>
}

export function storm(seed: number, { size, limits, ...told }: StormPlan = {}): Cluster {
  const random = seededRandom(seed)
  const cluster = new Cluster({
    size: size ?? pick(random, [3, 3, 5, 1, 2]),
    asyncSave: true,
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
  let context = 0
  for (let step = 0; step < stepsMax; step++) {
    const id = pick(random, cluster.ids)
    fault(cluster, weather, random, id)
    const choice = random()
    if (choice < 0.45) deliverOne(cluster, weather, random)
    else if (choice < 0.66) cluster.finishSave(id)
    else if (choice < 0.72) for (const each of cluster.ids) random() < 0.8 && cluster.tick(each)
    else if (choice < 0.88) cluster.propose(id, `p${step}`)
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
    if (leader !== undefined && round > 30 && !proposed) proposed = cluster.propose(leader, 'the last')
    const last = cluster.committed.at(-1)
    const caughtUp = cluster.members.every(member => member.applied === cluster.acknowledged)
    if (proposed && caughtUp && last !== undefined && new TextDecoder().decode(last.data) === 'the last') return undefined
  }
  return JSON.stringify(cluster.members.map(member => member.raft?.status()))
}
