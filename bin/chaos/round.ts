// Round: users and watchers of a running cluster over HTTPS, while it is broken; then all is healed and has to become what was asked
// for; then the verdict. A long run is many rounds, each in a namespace of its own, so that what is kept of it is bounded.

import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterState, missingOf, tierLabel, tiers, UserScript, WatchScript } from '../../lib/chaos/index.js'
import { ApiRecorder, type ApiViolation, checkApi } from '../../lib/check/index.js'
import { type Resource, resourcePath, resources } from '../../lib/client/index.js'
import type { ApiList } from '../../lib/object/index.js'
import { forkSeed, type Random, seededRandom } from '../../lib/std/index.js'
import { Connection, type Protocol } from './connection.js'

export interface RoundOptions {
  readonly kubeconfig: string
  readonly namespace: string
  readonly seed: number
  readonly nodes: number
  readonly forMs: number
  readonly isStopped: () => boolean
}

const users = 4
const thinkMs = 40
const pauseMs = 50
const timeoutMs = 4_000
const watchSecondsMax = 8
const watchGraceMs = 5_000 // A watch that has not ended by itself so long after its time is ended.
const recoveryMs = 120_000
const catchUpMs = 30_000
const pollMs = 250
/** A round ends before its time with so many: what is kept of it stays below some hundred megabytes. */
const operationsMax = 60_000

export const convergence = 'once all faults have ended, the cluster becomes what was asked for'

export class Round {
  readonly recorder: ApiRecorder
  readonly watchers: WatchScript[] = []
  recoveredMs = 0
  /** It ended with a time in which nothing failed. */
  isQuiet = false
  readonly #options: RoundOptions
  readonly #random: Random
  readonly #connections: Connection[] = []
  readonly #running: Promise<void>[] = []
  #usersStop = false
  #watchersStop = false

  constructor(options: RoundOptions) {
    const { namespace } = options
    this.#options = options
    this.#random = seededRandom(options.seed ^ 0x726f756e)
    this.recorder = new ApiRecorder({
      nowUs: () => Math.round(performance.now() * 1000),
      written: [`configmaps/${namespace}/`],
      lived: ['deployments', 'services'].map(resource => `${resource}/${namespace}/`)
    })
  }

  get isFull(): boolean {
    return this.recorder.operations.length >= operationsMax
  }

  /** Makes the namespace, and lets users and watchers begin. */
  async start(): Promise<void> {
    const { namespace } = this.#options
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
    await this.#until('its namespace', catchUpMs, async () => {
      const made = await this.#ask('POST', resourcePath(resources.namespaces), body)
      return made.ok || made.error.reason === 'AlreadyExists' ? '' : `${made.error.reason} ${made.error.message}`
    })
    for (let at = 0; at < users; at++) this.#startUser(`user-${at}`, at % 2 === 0 ? 'HTTP/2' : 'HTTP/1.1')
    const selector = { [tierLabel]: tiers[0] as string }
    this.#startWatcher('config-maps', 'HTTP/2', resources.configMaps)
    this.#startWatcher('tier', 'HTTP/1.1', resources.configMaps, selector)
    this.#startWatcher('deployments', 'HTTP/1.1', resources.deployments)
    this.#startWatcher('services', 'HTTP/2', resources.services)
    this.#startWatcher('pods', 'HTTP/2', resources.pods)
  }

  /** After all was healed: what the cluster did not become in time, and what it broke. */
  async verdict(): Promise<{ guarantee: string; excerpt: string }[]> {
    this.#usersStop = true
    const healedMs = performance.now()
    const missing = await this.#until('as asked for', recoveryMs, () => this.#missing()).catch((error: Error) => error.message)
    this.recoveredMs = performance.now() - healedMs
    this.isQuiet = missing === undefined && (await this.#caughtUp())
    this.#watchersStop = true
    for (const connection of this.#connections) connection.close()
    await Promise.all(this.#running)
    const violations: ApiViolation[] = [...checkApi(this.recorder, this.isQuiet)]
    return missing === undefined ? violations : [{ guarantee: convergence, excerpt: missing }, ...violations]
  }

  /** Its objects go, in their time. */
  async remove(): Promise<void> {
    await this.#ask('DELETE', resourcePath(resources.namespaces, { name: this.#options.namespace })).catch(() => undefined)
    for (const connection of this.#connections) connection.close()
  }

  // Who takes part -------------------------------------------------------------------------------------

  #startUser(name: string, protocol: Protocol): void {
    const { namespace } = this.#options
    const script = new UserScript({ name, namespace, random: this.#fork(), recorder: this.recorder, deploymentsMax: 1, replicasMax: 3 })
    const connection = this.#connect(protocol)
    const random = this.#fork()
    const run = async (): Promise<void> => {
      while (!this.#usersStop && !this.isFull && !this.#options.isStopped()) {
        await sleep(-Math.log(1 - random()) * thinkMs)
        const call = script.next()
        if (!script.answered(call, await connection.request(call, timeoutMs))) await sleep(pauseMs)
      }
    }
    this.#running.push(run())
  }

  #startWatcher(client: string, protocol: Protocol, resource: Resource, selector?: Readonly<Record<string, string>>): void {
    const { namespace } = this.#options
    const options = { client, resource, namespace, selector, random: this.#fork(), recorder: this.recorder }
    const script = new WatchScript({ ...options, timeoutSecondsMax: watchSecondsMax })
    this.watchers.push(script)
    const connection = this.#connect(protocol)
    const run = async (): Promise<void> => {
      while (!this.#watchersStop) {
        const { kind, path } = script.next()
        if (kind === 'list') script.listed(await connection.request({ method: 'GET', path }, timeoutMs))
        else
          script.ended(
            await connection.watch(
              path,
              watchSecondsMax * 1000 + watchGraceMs,
              line => !this.#watchersStop && script.told(JSON.parse(line))
            )
          )
        await sleep(pauseMs)
      }
    }
    this.#running.push(run())
  }

  #connect(protocol: Protocol): Connection {
    const connection = new Connection(this.#options.kubeconfig, protocol)
    this.#connections.push(connection)
    return connection
  }

  #fork(): Random {
    return seededRandom(forkSeed(this.#random))
  }

  // Liveness -------------------------------------------------------------------------------------------

  async #missing(): Promise<string> {
    const lists: Record<string, unknown> = {}
    const { nodes, deployments, replicaSets, pods, services, endpoints, endpointSlices: slices } = resources
    for (const [name, resource] of Object.entries({ nodes, deployments, replicaSets, pods, services, endpoints, slices })) {
      const where = resource.namespaced ? { namespace: this.#options.namespace } : {}
      const list = await this.#ask('GET', resourcePath(resource as Resource, where))
      if (!list.ok) return `${name}: ${list.error.reason} ${list.error.message}`
      lists[name] = (list.value as ApiList).items
    }
    return missingOf(lists as unknown as ClusterState, this.#options.nodes)
      .slice(0, 20)
      .join('\n')
  }

  /** Whether the watches have told all that anybody has seen; if not, the checkers say what they lack. */
  async #caughtUp(): Promise<true> {
    const newest = (prefix: string): number => {
      let revision = 0
      for (const { outcome } of this.recorder.operations) {
        if (outcome?.kind === 'object' && outcome.state.key.startsWith(prefix)) revision = Math.max(revision, outcome.state.revision)
      }
      return revision
    }
    await this.#until('watches catch up', catchUpMs, async () =>
      this.watchers
        .filter(script => script.revision < newest(script.prefix))
        .map(({ client }) => client)
        .join(', ')
    ).catch(() => undefined)
    return true
  }

  #ask(method: string, path: string, body?: object): ReturnType<Connection['request']> {
    const connection = this.#asking ?? this.#connect('HTTP/2')
    this.#asking = connection
    return connection.request({ method, path, body }, timeoutMs)
  }
  #asking: Connection | undefined

  /** Until there is nothing more to say; rejects with what was said last. */
  async #until(what: string, withinMs: number, missing: () => Promise<string>): Promise<undefined> {
    const untilMs = performance.now() + withinMs
    for (;;) {
      const last = await missing()
      if (last === '') return undefined
      if (this.#options.isStopped()) throw new Error(`${what}: stopped\n${last}`)
      if (performance.now() > untilMs) throw new Error(`${what}: not so after ${withinMs / 1000} s\n${last}`)
      await sleep(pollMs)
    }
  }
}
