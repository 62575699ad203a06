// Watchers: an informer of the usual client library, 200 watchers in the cluster's process and 20 of HTTP/2, while a writer changes
// ConfigMaps and the store's leader, then the apiserver die. Each sees every event once and in order; in the end the informer knows what a list says.

import type * as http2 from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node'
import t from 'tap'
import { Cluster } from '../../bin/cluster.js'
import { workerUrl } from '../../bin/modules.js'
import type { Ref } from '../../lib/actor/index.js'
import type { ClusterStatus } from '../../lib/cli/index.js'
import { command, portStart, runNode, until } from './cluster.js'
import { connectHttp2, type Kubeconfig, overHttp2, readKubeconfig } from './requests.js'
import type { WatchingArgs, WatchingProtocol } from './watching.js'

const namespace = 'watched'
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`
const json = { 'content-type': 'application/json' }
const sessions = 2
const watchersPerSession = 10
const watchersInside = 200
const askTimeoutMs = 60_000
const retryMs = 50

interface Seen {
  readonly revision: number
  readonly type: string
  readonly name: string
}

/** A connection that is made again when it ends. */
class Connection {
  readonly #admin: Kubeconfig
  #session: http2.ClientHttp2Session | undefined

  constructor(admin: Kubeconfig) {
    this.#admin = admin
  }

  get session(): http2.ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) this.#session = connectHttp2(this.#admin)
    return this.#session
  }

  close(): void {
    this.#session?.destroy()
  }
}

/** One watch, resumed from the last revision it saw whenever its stream ends. */
class Watcher {
  readonly seen: Seen[] = []
  readonly faults: string[] = []
  resumed = -1
  #revision: number
  #stopped = false
  #stream: http2.ClientHttp2Stream | undefined

  constructor(connection: Connection, revision: number) {
    this.#revision = revision
    void this.#run(connection)
  }

  get revision(): number {
    return this.#revision
  }

  stop(): void {
    this.#stopped = true
    this.#stream?.destroy()
  }

  async #run(connection: Connection): Promise<void> {
    while (!this.#stopped) {
      this.resumed++
      await this.#follow(connection.session)
      if (!this.#stopped) await sleep(retryMs)
    }
  }

  #follow(session: http2.ClientHttp2Session): Promise<void> {
    return new Promise(resolve => {
      let rest = ''
      const stream = session.request({ ':path': `${configMaps}?watch=1&resourceVersion=${this.#revision}` })
      this.#stream = stream
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#take(JSON.parse(line))
      })
      stream.on('error', () => undefined)
      stream.on('close', resolve)
    })
  }

  #take({ type, object }: { type: string; object: any }): void {
    if (object.kind === 'Status') {
      // While it begins, or loses its store, an apiserver may refuse; a past that is gone it may not.
      if (object.code === 410) this.faults.push(`${type}: ${object.message}`)
      return
    }
    const revision = Number(object.metadata.resourceVersion)
    if (revision <= this.#revision) this.faults.push(`${type} ${object.metadata.name} at ${revision} after ${this.#revision}`)
    this.#revision = revision
    this.seen.push({ revision, type, name: object.metadata.name })
  }
}

/** Changes ten objects in turn until it is told to stop; what was acknowledged is kept. */
class Writer {
  readonly acknowledged: { readonly revision: number; readonly name: string }[] = []
  refused = 0
  #stopped = false
  readonly done: Promise<void>

  constructor(connection: Connection) {
    this.done = this.#run(connection)
  }

  stop(): Promise<void> {
    this.#stopped = true
    return this.done
  }

  async #run(connection: Connection): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const name = `map-${i % 10}`
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { i: String(i) } })
      const path = `${configMaps}/${name}`
      // Every fourth round of ten deletes; the one after it creates.
      const remove = i % 40 >= 30
      const request = remove ? { method: 'DELETE', path } : { method: 'PUT', path, headers: json, body }
      let answer = await overHttp2(connection.session, request).catch(() => undefined)
      if (!remove && answer?.status === 404) {
        const create = { method: 'POST', path: configMaps, headers: json, body }
        answer = await overHttp2(connection.session, create).catch(() => undefined)
      }
      const revision = Number(answer?.json?.metadata?.resourceVersion)
      if (answer !== undefined && answer.status < 300 && revision > 0) this.acknowledged.push({ revision, name })
      else this.refused++
      await sleep(answer === undefined ? retryMs : 5)
    }
  }
}

function informerOf(kubeconfig: string) {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const api = config.makeApiClient(CoreV1Api)
  const informer = makeInformer<V1ConfigMap>(config, configMaps, () => api.listNamespacedConfigMap({ namespace }))
  const state = { restarts: 0, stopped: false }
  const start = (): void => void informer.start().catch(restart)
  const restart = (): void => {
    if (state.stopped) return
    state.restarts++
    setTimeout(start, retryMs)
  }
  informer.on('error', restart)
  start()
  return {
    state,
    list: () => informer.list(),
    stop: () => {
      state.stopped = true
      return informer.stop()
    }
  }
}

const inside = 'root/watching' as Ref<WatchingProtocol>

type Progress = ReturnType<WatchingProtocol['progress']>

function untilInside(what: string, { runtime }: Cluster, holds: (progress: Progress) => boolean): Promise<Progress> {
  return until(what, async () => {
    const progress = await runtime.call(inside, askTimeoutMs, 'progress')
    return progress.ok && holds(progress.value) && progress.value
  })
}

/** The cluster in this process, with one actor more. */
async function start(): Promise<Cluster> {
  const local = (file: string): string => new URL(file, import.meta.url).href
  const cluster = await Cluster.start({
    port: portStart,
    rosterUrl: local('./watching.js'),
    workerUrl: actor => (actor === 'watching' ? local('../../lib/host/worker-main.js') : workerUrl(actor))
  })
  await cluster.ready(undefined, askTimeoutMs)
  return cluster
}

t.test('an informer and 200 watchers, through the death of the leader and of the apiserver', { timeout: 600_000 }, async t => {
  const cluster = await start()
  t.teardown(() => cluster.stop())
  const kabuki = async (...args: string[]): Promise<string> => (await runNode([command, ...args, '--data-dir', cluster.dataDir])).stdout
  const admin = readKubeconfig(cluster.kubeconfig)
  const connections = Array.from({ length: sessions }, () => new Connection(admin))
  const own = new Connection(admin)
  const object = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  t.equal((await overHttp2(own.session, { method: 'POST', path: '/api/v1/namespaces', headers: json, body: object })).status, 201)
  const first = await overHttp2(own.session, { path: configMaps })
  const from = Number(first.json.metadata.resourceVersion)
  const watchers = connections.flatMap(connection => Array.from({ length: watchersPerSession }, () => new Watcher(connection, from)))
  const args: WatchingArgs = { apiserver: 'control-0/apiserver', namespace, from, watchers: watchersInside }
  await cluster.runtime.startActor(inside, 'watching', args)
  const informer = informerOf(cluster.kubeconfig)
  const writer = new Writer(own)
  t.teardown(() => {
    for (const watcher of watchers) watcher.stop()
    for (const connection of [own, ...connections]) connection.close()
    return informer.stop()
  })
  const written = async (more: number): Promise<void> => {
    const target = writer.acknowledged.length + more
    await until(`${more} more writes`, async () => writer.acknowledged.length >= target)
  }

  await written(50)
  const { leaders } = JSON.parse(await kabuki('status', '-o', 'json')) as ClusterStatus
  await kabuki('chaos', 'kill', leaders.store as string)
  await written(50)
  await kabuki('chaos', 'kill', 'control-0/apiserver')
  await written(50)
  await writer.stop()

  const last = Math.max(...writer.acknowledged.map(({ revision }) => revision))
  await until('every watcher has seen the last write', async () => watchers.every(({ revision }) => revision >= last))
  t.same(
    watchers.flatMap(({ faults }) => faults),
    [],
    'in order, nothing twice'
  )
  const progress = await untilInside('those inside have, too', cluster, ({ revision }) => revision >= last)
  const seen = await cluster.runtime.call(inside, askTimeoutMs, 'seen')
  if (!seen.ok) throw new Error(`the watchers inside do not say what they saw: ${seen.error.code}`)
  t.same(seen.value.faults, [])
  const reference = (watchers[0] as Watcher).seen
  const told = reference.map(({ revision, type, name }) => `${revision} ${type} ${name}`)
  const all = [...seen.value.events, ...watchers.map(({ seen }) => seen.map(({ revision, type, name }) => `${revision} ${type} ${name}`))]
  t.equal(
    all.filter(events => JSON.stringify(events) === JSON.stringify(told)).length,
    watchersInside + watchers.length,
    'all saw the same'
  )
  const revisions = new Set(reference.map(({ revision }) => revision))
  t.same(
    writer.acknowledged.filter(({ revision }) => !revisions.has(revision)),
    [],
    'all that was acknowledged'
  )
  t.ok(
    [...watchers.map(({ resumed }) => resumed), ...progress.resumed].every(resumed => resumed >= 1),
    'each was interrupted'
  )
  t.comment(`${reference.length} events each, ${writer.refused} writes refused or unanswered, ${watchers[0]?.resumed} resumptions`)

  const list = await overHttp2(own.session, { path: configMaps })
  const facts = (items: readonly any[]): string[] =>
    items.map(({ metadata, data }) => `${metadata.name} ${metadata.resourceVersion} ${JSON.stringify(data)}`).sort()
  const expected = facts(list.json.items)
  await until('the informer knows what a list says', async () => JSON.stringify(facts(informer.list())) === JSON.stringify(expected))
  t.same(facts(informer.list()), expected)
  t.ok(informer.state.restarts >= 1, 'the informer was interrupted too')
})

t.test('the apiserver is killed while its connections are full: the process lives', { timeout: 600_000 }, async t => {
  const cluster = await start()
  t.teardown(() => cluster.stop())
  const admin = readKubeconfig(cluster.kubeconfig)
  const apiserver = 'control-0/apiserver'
  let answered = 0
  let stopped = false
  const data = { ballast: 'x'.repeat(2_000) }
  const put = async (connection: Connection, name: string): Promise<void> => {
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })
    await overHttp2(connection.session, { method: 'PUT', path: `/api/v1/namespaces/default/configmaps/${name}`, headers: json, body })
    answered++
  }
  const lanes = Array.from({ length: 6 }, async (_, lane) => {
    const connection = new Connection(admin)
    while (!stopped) {
      const all = Array.from({ length: 8 }, (_, at) => put(connection, `map-${lane}-${at}`))
      const failed = (await Promise.allSettled(all)).some(({ status }) => status === 'rejected')
      if (failed) await sleep(5)
    }
    connection.close()
  })
  for (let kill = 0; kill < 5; kill++) {
    const target = answered + 100
    await until('it answers', async () => answered >= target)
    const thread = await until('it runs', async () => cluster.runtime.threadOf(apiserver))
    t.ok(await cluster.runtime.killThread(thread, 'killed'), `kill ${kill}`)
  }
  stopped = true
  await Promise.all(lanes)
})
