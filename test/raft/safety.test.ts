// The sentences of the Raft paper's figure 3, and the promises built on them, under everything a network and a power switch can do.
// Cluster checks each after every event; here is what happens. A safety phase full of faults, then a liveness phase in which
// a healed cluster must converge.

import t from 'tap'
import { forkSeed, integerBelow, type Random, seededRandom } from '../../lib/std/index.js'
import { Cluster } from './cluster.js'

const seeds = 300
const stepsMax = 4000
const networkMax = 120

interface Weather {
  readonly loss: number
  readonly duplication: number
  readonly disorder: number // How far from the front a message may be taken.
  readonly crashes: number
  readonly cuts: number
  readonly hints: number
}

const pick = <T>(random: Random, list: readonly T[]): T => list[integerBelow(random, list.length)] as T

function forecast(random: Random): Weather {
  return {
    loss: pick(random, [0, 0.02, 0.15]),
    duplication: pick(random, [0, 0.05]),
    disorder: pick(random, [1, 3, 100]),
    crashes: pick(random, [0, 0.002, 0.01]),
    cuts: pick(random, [0, 0.003, 0.01]),
    hints: pick(random, [0, 0.005])
  }
}

function storm(seed: number): Cluster {
  const random = seededRandom(seed)
  const cluster = new Cluster({
    size: pick(random, [3, 3, 5, 1, 2]),
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
      tailEntriesMax: pick(random, [0, 3])
    }
  })
  const weather = forecast(random)
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
    if (random() < 0.02) cluster.restart(id)
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
}

/** Undefined if the healed cluster converged. */
function stuck(cluster: Cluster): string | undefined {
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

t.test('safety under storms, convergence after them', async t => {
  let committed = 0
  let answered = 0
  let terms = 0
  let snapshots = 0
  const first = Number(process.env.RAFT_SEED ?? 1)
  const last = process.env.RAFT_SEED === undefined ? seeds : first
  for (let seed = first; seed <= last; seed++) {
    try {
      const cluster = storm(seed)
      committed += cluster.acknowledged
      answered += cluster.answers.size
      terms += Math.max(...cluster.members.map(member => member.disk.hardState.term))
      const problem = stuck(cluster)
      snapshots += cluster.members.filter(member => member.disk.snapshot !== null).length
      if (problem !== undefined) t.fail(`seed ${seed} does not converge: ${problem}`)
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { stack: (error instanceof Error && error.stack) || '' })
    }
  }
  t.comment(`${committed} entries committed, ${answered} reads answered, ${terms} terms, ${snapshots} members with snapshots`)
  if (process.env.RAFT_SEED !== undefined) return
  // A storm in which nothing happens would prove nothing.
  t.ok(committed > seeds * 10, 'entries are committed')
  t.ok(answered > seeds * 3, 'reads are answered')
  t.ok(terms > seeds * 3, 'leaders change')
  t.ok(snapshots > seeds, 'snapshots are taken')
})
