// api: the API over HTTP/2 and TLS, beside the floor: a bare server that answers the same bytes from memory, in the same run.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { Worker } from 'node:worker_threads'
import { ensurePki } from '../lib/host/index.js'
import { withCluster } from './cluster-process.js'
import type { FloorSetup } from './floor-server.js'
import { type Answer, credentialsOf, HttpLoad, type Load } from './http-load.js'
import { configMap, createNamespace } from './objects.js'
import type { Figure, Scenario } from './scenario.js'

const inFlight = 32
const forMs = 2_000
const warmUpMs = 1_500 // Compiling code costs more than running it, at first.
const listObjects = 200
const listObjectBytes = 10_000
const listInFlight = 2
const watchEvents = 100
const watchWriters = 8
const watchTimeoutMs = 30_000
const crowds = [200, 1000]

/** What is asked of a server, whichever it is. */
interface Target {
  readonly load: HttpLoad
  readonly cpuMs: () => number
  readonly create: (n: number) => Promise<Answer>
  readonly get: (n: number) => Promise<Answer>
  readonly patch?: (n: number) => Promise<Answer>
  readonly remove?: (n: number) => Promise<Answer>
  readonly list: () => Promise<Answer>
  readonly watchPath: () => Promise<string>
  readonly event: (n: number) => Promise<Answer>
}

export const api: Scenario = {
  name: 'api',
  what: `config maps over HTTP/2 and TLS, ${inFlight} in flight on 4 connections; peer: a bare node:http2 server with the same bytes`,
  marks: [
    // 2.5 and 4 times what upstream's apiserver on one etcd did on the machine of reference.
    { figure: 'create', at: 'least', value: 3_560 },
    { figure: 'get', at: 'least', value: 11_080 },
    { figure: 'merge-patch', at: 'least', value: 3_150 },
    { figure: 'delete', at: 'least', value: 3_340 },
    { figure: 'list of 2 MB', at: 'least', value: 180 },
    { figure: 'watch deliveries, 200 watchers', at: 'least', value: 210_000 },
    { figure: 'watch deliveries, 1000 watchers', at: 'least', value: 460_000 }
  ],
  run: () =>
    withCluster([], async cluster => {
      const load = new HttpLoad(credentialsOf(cluster.kubeconfig))
      const ours = await targetOf(load, () => cluster.cpuMs())
      const measured = await measure(ours)
      load.close()
      const floor = await withFloor(measure)
      return measured.map(figure => {
        const peer = floor.find(({ name }) => name === figure.name)?.value
        return peer === undefined ? figure : { ...figure, peer }
      })
    })
}

async function targetOf(load: HttpLoad, cpuMs: () => number): Promise<Target> {
  const base = await createNamespace(load, 'load')
  const listBase = await createNamespace(load, 'lists')
  for (let n = 0; n < listObjects; n++) await load.request('POST', listBase, configMap(n, `big-${n}`, listObjectBytes))
  return {
    load,
    cpuMs,
    create: n => load.request('POST', base, configMap(n)),
    get: n => load.request('GET', `${base}/cm-${n}`),
    patch: n => load.request('PATCH', `${base}/cm-${n}`, { data: { patched: String(n) } }, 'application/merge-patch+json'),
    remove: n => load.request('DELETE', `${base}/cm-${n}`),
    list: () => load.request('GET', listBase),
    async watchPath() {
      const { body } = await load.request('GET', `${base}?limit=1`)
      const { metadata } = JSON.parse(body.toString()) as { metadata: { resourceVersion: string } }
      return `${base}?watch=1&resourceVersion=${metadata.resourceVersion}`
    },
    event: n => load.request('POST', base, configMap(n, `event-${n}`))
  }
}

/** Creates come first and deletes last: gets and patches need what they are about. */
async function measure(target: Target): Promise<Figure[]> {
  const { load } = target
  const timed = async (name: string, flying: number, ask: (n: number) => Promise<Answer>, countMax?: number): Promise<[Figure, Load]> => {
    const cpuMs = target.cpuMs()
    const done = await load.pump(flying, forMs, ask, countMax)
    const cpuUs = ((target.cpuMs() - cpuMs) / done.done) * 1e3
    const { p50Ms, p99Ms, failed } = done
    const also = { p50Ms, p99Ms, ...(Number.isNaN(cpuUs) ? {} : { cpuUs }), ...(failed === 0 ? {} : { failed }) }
    return [{ name, unit: 'per s', value: done.perSecond, also }, done]
  }
  let created = 0
  await load.pump(inFlight, warmUpMs, () => target.create(created++))
  const [creates] = await timed('create', inFlight, () => target.create(created++))
  const [gets] = await timed('get', inFlight, n => target.get(n % created))
  const [lists, listed] = await timed('list of 2 MB', listInFlight, () => target.list())
  const figures: Figure[] = [creates, gets, { ...lists, also: { ...lists.also, megabytes: listed.bytes / listed.done / 1e6 } }]
  if (target.patch !== undefined) {
    const { patch } = target
    figures.push((await timed('merge-patch', inFlight, n => patch(n % created)))[0])
  }
  let events = 0
  for (const crowd of crowds) figures.push(await fanOut(target, crowd, () => target.event(events++)))
  if (target.remove !== undefined) figures.push((await timed('delete', inFlight, target.remove, created))[0])
  return figures
}

async function fanOut(target: Target, crowd: number, event: () => Promise<Answer>): Promise<Figure> {
  const watching = new HttpLoad(target.load.credentials)
  try {
    const watchers = await watching.watch(crowd, await target.watchPath())
    const cpuMs = target.cpuMs()
    const startMs = performance.now()
    await target.load.pump(watchWriters, watchTimeoutMs, event, watchEvents)
    const whole = await watchers.reach(crowd * watchEvents, watchTimeoutMs)
    const tookMs = performance.now() - startMs
    const cpuUs = ((target.cpuMs() - cpuMs) / watchers.lines) * 1e3
    const also = { ...(Number.isNaN(cpuUs) ? {} : { cpuUs }), ...(whole ? {} : { missing: crowd * watchEvents - watchers.lines }) }
    return { name: `watch deliveries, ${crowd} watchers`, unit: 'per s', value: (watchers.lines / tookMs) * 1e3, also }
  } finally {
    watching.close()
  }
}

async function withFloor<R>(use: (target: Target) => Promise<R>): Promise<R> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-'))
  const pki = await ensurePki({ directory, nowMs: Date.now() })
  fs.rmSync(directory, { recursive: true, force: true })
  const bytesOf = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
  const list = { kind: 'List', items: Array.from({ length: listObjects }, (_, n) => configMap(n, `big-${n}`, listObjectBytes)) }
  const setup: FloorSetup = { ...pki.server, object: bytesOf(configMap(0)), list: bytesOf(list) }
  const worker = new Worker(new URL('./floor-server.js', import.meta.url), { workerData: setup })
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  const load = new HttpLoad({ server: `https://127.0.0.1:${port}`, ca: pki.caPem })
  const post = (n: number) => load.request('POST', '/objects', configMap(n))
  try {
    return await use({
      load,
      cpuMs: () => Number.NaN, // It shares this process with its clients.
      create: post,
      get: () => load.request('GET', '/object'),
      list: () => load.request('GET', '/list'),
      watchPath: async () => '/watch',
      event: post
    })
  } finally {
    load.close()
    await worker.terminate()
  }
}
