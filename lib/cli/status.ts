// Status: what `kabuki status` shows, as data and as text.

import { formatDuration } from './duration.js'
import { table } from './table.js'

export interface ClusterStatus {
  readonly id: string
  readonly pid: number
  readonly dataDir: string
  readonly kubeconfig: string
  readonly api: string
  readonly etcd: readonly string[] // Where etcd's API is answered.
  readonly keptIn: string // The real etcd that keeps the cluster, and where in it; empty: stores of its own do.
  readonly uptimeMs: number
  readonly clusterTime: string // RFC 3339
  readonly timeScale: number
  readonly memory: { readonly rssBytes: number }
  readonly machines: readonly MachineStatus[]
  readonly threads: readonly ThreadLine[]
  readonly actors: readonly ActorLine[]
  readonly leaders: Readonly<Record<string, string>> // Elected component -> the address of its leader.
  readonly cuts: readonly string[] // `from>to`
}

export interface MachineStatus {
  readonly name: string
  readonly state: 'up' | 'paused' | 'down'
  readonly threads: number
}

export interface ThreadLine {
  readonly name: string
  readonly threadId: number
  readonly state: 'running' | 'paused'
  readonly actors: number
  readonly heapUsedBytes: number
  readonly deadLetters: number
  readonly refused: number
}

export interface ActorLine {
  readonly address: string
  readonly actor: string
  readonly thread: string
  readonly state: 'running' | 'paused' | 'down' | 'held' | 'given up'
  readonly restarts: number
  readonly mailbox: number
  readonly turns: number
  readonly busyMs: number
  /** What it shows of itself: role, term, leader, ready and the like. */
  readonly [fact: string]: string | number | boolean
}

const ownColumns = new Set(['address', 'actor', 'thread', 'state', 'restarts', 'mailbox', 'turns', 'busyMs'])
const mib = 1 << 20

export function renderStatus(status: ClusterStatus): string {
  const { machines, threads, actors, leaders, cuts } = status
  const sections = [
    [
      `cluster      ${status.id}   pid ${status.pid}   up ${formatDuration(status.uptimeMs)}   ${Math.round(status.memory.rssBytes / mib)} MiB`,
      `api          ${status.api}`,
      ...(status.etcd.length === 0 ? [] : [`etcd         ${status.etcd.join(',')}`]),
      ...(status.keptIn === '' ? [] : [`kept in      ${status.keptIn}`]),
      `kubeconfig   ${status.kubeconfig}`,
      `cluster time ${status.clusterTime}${status.timeScale === 1 ? '' : `   at ${status.timeScale} times real time`}`,
      `leaders      ${Object.entries(leaders)
        .map(([component, address]) => `${component} ${address}`)
        .join(', ')}`
    ].join('\n'),
    table(
      ['MACHINE', 'STATE', 'THREADS'],
      machines.map(({ name, state, threads: count }) => [name, state, String(count)])
    ),
    table(
      ['THREAD', 'ID', 'STATE', 'ACTORS', 'HEAP', 'DEAD LETTERS', 'REFUSED'],
      threads.map(thread => [
        thread.name,
        String(thread.threadId),
        thread.state,
        String(thread.actors),
        `${Math.round(thread.heapUsedBytes / mib)} MiB`,
        String(thread.deadLetters),
        String(thread.refused)
      ])
    ),
    table(
      ['ACTOR', 'STATE', 'RESTARTS', 'MAILBOX', 'TURNS', 'BUSY', 'FACTS'],
      actors.map(actor => [
        actor.address,
        actor.state,
        String(actor.restarts),
        String(actor.mailbox),
        String(actor.turns),
        formatDuration(actor.busyMs),
        factsOf(actor)
      ])
    )
  ]
  if (cuts.length > 0) sections.push(`CUT\n${cuts.join('\n')}`)
  return sections.join('\n\n')
}

const factsOf = (actor: ActorLine): string =>
  Object.entries(actor)
    .filter(([name, value]) => !ownColumns.has(name) && value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
