// Control: what a running cluster answers on its control socket.

import type { ActorLine, ClusterStatus, MachineStatus } from '../lib/cli/index.js'
import { type ControlRequest, scaleMax, type ThreadStatus } from '../lib/host/index.js'
import type { Cluster } from './cluster.js'
import { freshSnapshot, type SnapshotPartParams, snapshotPart } from './store-control.js'
import { changeMembers, type MembersParams, type ReplaceParams, replaceMembers } from './store-members.js'

export interface ChaosParams {
  readonly action: 'kill' | 'pause' | 'resume' | 'cut' | 'slow' | 'heal'
  readonly targets: readonly string[]
  readonly forMs?: number
  readonly stayDown?: boolean
  readonly power?: boolean
  readonly delayMs?: number
}

export interface ClockParams {
  readonly advanceMs?: number
  readonly scale?: number
}

export async function answerControl(cluster: Cluster, { method, params }: ControlRequest): Promise<unknown> {
  switch (method) {
    case 'ping':
      return { pid: process.pid, id: cluster.id }
    case 'status':
      return statusOf(cluster)
    case 'chaos':
      return { done: await wreak(cluster, params as ChaosParams) }
    case 'clock':
      return moveClock(cluster, params as ClockParams)
    case 'members':
      return changeMembers(cluster, params as MembersParams)
    case 'replaceMembers':
      return replaceMembers(cluster, params as ReplaceParams)
    case 'freshSnapshot':
      return freshSnapshot(cluster)
    case 'snapshotPart':
      return snapshotPart(cluster, params as SnapshotPartParams)
    case 'ready':
      await cluster.ready()
      return { api: cluster.apiUrl, kubeconfig: cluster.kubeconfig, etcd: cluster.etcdUrls }
    case 'down':
      setImmediate(() => void cluster.stop())
      return { pid: process.pid }
    default:
      throw new Error(`this version of kabuki has no ${JSON.stringify(method)}`)
  }
}

function wreak({ chaos }: Cluster, { action, targets, ...options }: ChaosParams): Promise<string> {
  const [first, second] = targets
  if (action === 'heal') return chaos.heal(first, second)
  if (first === undefined) throw new Error(`${action} what? name an actor, a thread or a machine`)
  switch (action) {
    case 'kill':
      return chaos.kill(first, options)
    case 'pause':
      return chaos.pause(first, options.forMs)
    case 'resume':
      return chaos.resume(first)
    case 'cut':
      return chaos.cut(first, second)
    case 'slow':
      if (options.delayMs === undefined || !(options.delayMs > 0)) throw new Error('slower by how much?')
      return chaos.slow(first, second, options.delayMs)
  }
}

async function moveClock(cluster: Cluster, { advanceMs, scale }: ClockParams): Promise<unknown> {
  const { runtime } = cluster
  if (scale !== undefined && !(scale > 0 && scale <= scaleMax)) throw new Error(`a scale lies above 0 and up to ${scaleMax}`)
  if (scale !== undefined) await runtime.setClockScale(scale)
  if (advanceMs !== undefined) await runtime.advanceClock(advanceMs)
  cluster.keepFacts()
  return { clusterTime: new Date(runtime.clock.nowMs()).toISOString(), timeScale: runtime.clock.scale }
}

async function statusOf(cluster: Cluster): Promise<ClusterStatus> {
  const { runtime, plan } = cluster
  const threads = await runtime.status()
  const actors = actorsOf(cluster, threads)
  return {
    id: cluster.id,
    pid: process.pid,
    dataDir: cluster.dataDir,
    kubeconfig: cluster.kubeconfig,
    api: cluster.apiUrl,
    etcd: cluster.etcdUrls,
    keptIn: cluster.keptIn,
    uptimeMs: performance.now() - cluster.startedMs,
    clusterTime: new Date(runtime.clock.nowMs()).toISOString(),
    timeScale: runtime.clock.scale,
    memory: { rssBytes: process.memoryUsage.rss() },
    machines: machinesOf(plan, threads).map(name => machineOf(name, threads)),
    threads: threads.map(thread => ({
      name: thread.name,
      threadId: thread.threadId,
      state: thread.paused ? 'paused' : 'running',
      actors: thread.actors.length,
      heapUsedBytes: thread.heapUsedBytes,
      deadLetters: thread.counters.deadLetters,
      refused: thread.counters.refused
    })),
    actors,
    leaders: leadersOf(actors),
    cuts: runtime.faults.cut
  }
}

/** Those of the plan, and those that came since. */
function machinesOf({ machines }: Cluster['plan'], threads: readonly ThreadStatus[]): string[] {
  const names = [...machines.map(({ name }) => name), ...threads.map(({ name }) => name.split('/')[0] as string)]
  return [...new Set(names)].filter(name => name !== 'root')
}

function machineOf(name: string, threads: readonly ThreadStatus[]): MachineStatus {
  const own = threads.filter(thread => thread.name.startsWith(`${name}/`))
  const state = own.length === 0 ? 'down' : own.every(thread => thread.paused) ? 'paused' : 'up'
  return { name, state, threads: own.length }
}

function actorsOf({ runtime, plan, chaos }: Cluster, threads: readonly ThreadStatus[]): ActorLine[] {
  const lines = new Map<string, ActorLine>()
  for (const thread of threads) {
    for (const actor of thread.actors) {
      if (actor.address.includes(':')) continue // Its ports are part of an actor.
      lines.set(actor.address, {
        ...(runtime.facts.of(actor.address) ?? actor.facts),
        address: actor.address,
        actor: actor.actor,
        thread: thread.name,
        state: thread.paused || actor.paused ? 'paused' : 'running',
        restarts: runtime.restartsOf(actor.address),
        mailbox: actor.mailbox,
        turns: actor.turns,
        busyMs: Math.round(actor.busyMs)
      })
    }
  }
  for (const { address, actor, thread } of plan.machines.flatMap(machine => machine.children)) {
    if (lines.has(address)) continue
    const state = chaos.isHeld(address) ? 'held' : 'down'
    lines.set(address, { address, actor, thread, state, restarts: runtime.restartsOf(address), mailbox: 0, turns: 0, busyMs: 0 })
  }
  return [...lines.values()].sort((a, b) => (a.address < b.address ? -1 : 1))
}

function leadersOf(actors: readonly ActorLine[]): Record<string, string> {
  const leaders: Record<string, string> = {}
  for (const actor of actors) if (actor.role === 'leader' || actor.leader === true) leaders[actor.actor] = actor.address
  return leaders
}
