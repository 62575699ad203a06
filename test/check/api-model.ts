// API model: a server of config maps that is slow and obvious, with at most one fault, used by the users and watchers of the real
// workloads; every request takes effect at one moment between its beginning and its end.

import { UserScript, WatchScript } from '../../lib/chaos/index.js'
import { type ApiGuarantee, ApiRecorder, type ApiViolation, apiGuarantees, checkApi } from '../../lib/check/index.js'
import { type Resource, type Result, resources, statusError } from '../../lib/client/index.js'
import { type ApiObject, applyMergePatch, cloneJson, type Json } from '../../lib/object/index.js'
import { Heap, integerBelow, type Random, seededRandom } from '../../lib/std/index.js'

/** What may be wrong with it, and the promise that this breaks. */
export const apiFaults = {
  'stale reads': apiGuarantees.consistent,
  'updates unconditionally': apiGuarantees.optimistic,
  'conflicts for nothing': apiGuarantees.conflictOnlyIfChanged,
  'applies what it refuses': apiGuarantees.noInvention,
  'pages of now': apiGuarantees.chunks,
  'lists without the last': apiGuarantees.snapshot,
  'forgets an event': apiGuarantees.watchReliable,
  'tells an event twice': apiGuarantees.watchUnique,
  'bookmarks ahead': apiGuarantees.bookmark,
  'modified instead of added': apiGuarantees.watchTypes,
  'creates over': apiGuarantees.createOnce
} as const satisfies Readonly<Record<string, ApiGuarantee>>
export type ApiFault = keyof typeof apiFaults

interface Change {
  readonly revision: number
  readonly path: string
  readonly object: ApiObject
  readonly before: ApiObject | undefined
  readonly deleted: boolean
}

const namespace = 'default'
const users = 3
const stepsOfUser = 60
const faultShare = 0.2

class Server {
  readonly changes: Change[] = []
  readonly #fault: ApiFault | undefined
  readonly #random: Random
  #uids = 0
  #tokens = new Map<string, { revision: number; after: string }>()

  constructor(fault: ApiFault | undefined, random: Random) {
    this.#fault = fault
    this.#random = random
  }

  get revision(): number {
    return this.changes.at(-1)?.revision ?? 1
  }

  fails(fault: ApiFault): boolean {
    return this.#fault === fault && this.#random() < faultShare
  }

  /** By path, as of a revision. */
  state(revision: number): Map<string, ApiObject> {
    const objects = new Map<string, ApiObject>()
    for (const change of this.changes) {
      if (change.revision > revision) break
      if (change.deleted) objects.delete(change.path)
      else objects.set(change.path, change.object)
    }
    return objects
  }

  answer(method: string, url: string, body: any): Result<unknown> {
    const [path = '', text = ''] = url.split('?')
    const query = new Map(text.split('&').map(pair => pair.split('=').map(decodeURIComponent) as [string, string]))
    const now = this.state(this.revision)
    const found = now.get(path)
    if (method === 'GET' && path.endsWith('s')) return this.#list(path, query)
    if (method === 'GET') {
      const old = query.get('resourceVersion') === '0' || this.fails('stale reads')
      const shown = old ? this.state(this.#earlier()).get(path) : found
      return shown === undefined ? refused(404, 'NotFound') : { ok: true, value: shown }
    }
    if (method === 'POST') {
      const at = `${path}/${body.metadata.name}`
      if (now.has(at) && !this.fails('creates over')) return refused(409, 'AlreadyExists')
      return this.#write(at, { ...body, metadata: { ...body.metadata, uid: `uid-${++this.#uids}`, creationTimestamp: 'then' } })
    }
    if (found === undefined) return refused(404, 'NotFound')
    const { uid, resourceVersion } = method === 'DELETE' ? body.preconditions : method === 'PUT' ? body.metadata : {}
    const conflicts =
      (uid !== undefined && uid !== found.metadata.uid) ||
      (resourceVersion !== undefined && resourceVersion !== found.metadata.resourceVersion)
    const unconditional = conflicts && uid === found.metadata.uid && this.fails('updates unconditionally')
    if (conflicts && !unconditional) {
      if (method === 'PUT' && this.fails('applies what it refuses')) this.#write(path, this.#merged(found, body))
      return refused(409, 'Conflict')
    }
    if (this.fails('conflicts for nothing')) return refused(409, 'Conflict')
    if (method === 'DELETE') return this.#delete(path, found)
    return this.#write(path, this.#merged(found, body))
  }

  #merged(found: ApiObject, body: object): ApiObject {
    const merged = applyMergePatch(cloneJson(found) as unknown as Json, body as Json)
    if (!merged.ok) throw merged.error
    return merged.value as unknown as ApiObject
  }

  #write(path: string, object: ApiObject): Result<unknown> {
    const revision = this.revision + 1
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    this.changes.push({ revision, path, object: stored, before: this.state(revision).get(path), deleted: false })
    return { ok: true, value: stored }
  }

  #delete(path: string, found: ApiObject): Result<unknown> {
    const revision = this.revision + 1
    const last = { ...found, metadata: { ...found.metadata, resourceVersion: String(revision) } }
    this.changes.push({ revision, path, object: last, before: found, deleted: true })
    return { ok: true, value: { kind: 'Status', details: { uid: found.metadata.uid } } }
  }

  #list(path: string, query: ReadonlyMap<string, string>): Result<unknown> {
    const token = this.#tokens.get(query.get('continue') ?? '')
    const version = query.get('resourceVersion') ?? ''
    const exact = query.get('resourceVersionMatch') === 'Exact'
    let revision = version === '0' || (token === undefined && this.fails('stale reads')) ? this.#earlier() : this.revision
    if (token !== undefined && !this.fails('pages of now')) revision = token.revision
    if (exact) revision = Number(version)
    let items = [...this.state(revision)]
      .filter(([at, object]) => at.startsWith(`${path}/`) && at > (token?.after ?? '') && isSelected(query, object))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    if (this.fails('lists without the last')) items = items.slice(0, -1)
    const limit = version === '0' ? 0 : Number(query.get('limit') ?? 0)
    const metadata: { resourceVersion: string; continue?: string } = { resourceVersion: String(revision) }
    if (limit > 0 && items.length > limit) {
      items = items.slice(0, limit)
      metadata.continue = `token-${this.#tokens.size}`
      this.#tokens.set(metadata.continue, { revision, after: items.at(-1)?.[0] ?? '' })
    }
    return { ok: true, value: { metadata, items: items.map(([, object]) => object) } }
  }

  #earlier(): number {
    return Math.max(1, this.revision - integerBelow(this.#random, 4))
  }
}

const refused = (code: number, reason: string): Result<never> => ({
  ok: false,
  error: statusError(code, { kind: 'Status', apiVersion: 'v1', metadata: {}, reason, code })
})

function isSelected(query: ReadonlyMap<string, string>, object: ApiObject | undefined): boolean {
  const [name = '', value = ''] = (query.get('labelSelector') ?? '').split('=')
  return object !== undefined && (name === '' || object.metadata.labels?.[name] === value)
}

/** Runs users and watchers on it, at times of a seed. */
export function runModel(
  seed: number,
  fault: ApiFault | undefined,
  withStore: boolean
): { violations: readonly ApiViolation[]; exercised: { operations: number } } {
  const random = seededRandom(seed)
  const queue = new Heap<{ us: number; act: () => void; heapIndex: number }>((a, b) => a.us < b.us)
  let nowUs = 0
  const after = (act: () => void, us = 1 + integerBelow(random, 1000)): void => queue.push({ us: nowUs + us, act, heapIndex: -1 })
  const recorder = new ApiRecorder({ nowUs: () => nowUs, written: [`configmaps/${namespace}/`], lived: [] })
  const server = new Server(fault, random)
  for (let at = 0; at < users; at++) {
    const options = { name: `user-${at}`, namespace, random, recorder, deploymentsMax: 1, replicasMax: 1 }
    use(new UserScript(options), server, random, after)
  }
  const selector = { 'chaos/tier': 'front' }
  const follow = (client: string, some: object): void => {
    const script = new WatchScript({
      client,
      resource: resources.configMaps as Resource,
      namespace,
      random,
      recorder,
      timeoutSecondsMax: 5,
      ...some
    })
    watch(script, server, random, after)
  }
  follow('all', {})
  follow('front', { selector })
  for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
    nowUs = one.us
    if (nowUs < 1_000_000) one.act()
  }
  if (withStore) {
    const changes = server.changes.map(({ path, object, deleted, revision }) => {
      const resource = path.split('/').at(-2) ?? ''
      const state = deleted ? recorder.deletedState(resource, object) : recorder.stateOf(resource, object)
      return { key: state.key, revision, state: deleted ? undefined : state }
    })
    recorder.store = { resources: new Set(['configmaps', 'deployments', 'services']), changes }
  }
  return { violations: checkApi(recorder, false), exercised: { operations: recorder.operations.length } }
}

type After = (act: () => void, us?: number) => void

function use(script: UserScript, server: Server, random: Random, after: After): void {
  let left = stepsOfUser
  const next = (): void => {
    if (left-- === 0) return
    const call = script.next()
    after(() => {
      // Some requests are lost before they arrive, some answers on their way back.
      const chance = random()
      const answer = chance < 0.03 ? undefined : server.answer(call.method, call.path, call.body)
      const error = { ...statusError(0, undefined), definite: false }
      after(() => {
        script.answered(call, answer === undefined || chance < 0.06 ? { ok: false, error } : answer)
        after(next)
      })
    })
  }
  after(next)
}

function watch(script: WatchScript, server: Server, random: Random, after: After): void {
  const next = (): void => {
    const { kind, path } = script.next()
    if (kind === 'list') {
      after(() => {
        const answer = server.answer('GET', path, undefined)
        after(() => {
          script.listed(answer)
          after(next)
        })
      })
    } else stream(path)
  }
  const stream = (url: string): void => {
    const [path = '', text = ''] = url.split('?')
    const query = new Map(text.split('&').map(pair => pair.split('=').map(decodeURIComponent) as [string, string]))
    const tell = (type: string, object: object): boolean => script.told(JSON.parse(JSON.stringify({ type, object })))
    let at = Number(query.get('resourceVersion') ?? 0)
    if (query.get('sendInitialEvents') === 'true') {
      at = server.revision
      for (const [key, object] of server.state(at)) if (key.startsWith(`${path}/`) && isSelected(query, object)) tell('ADDED', object)
      tell('BOOKMARK', { metadata: { resourceVersion: String(at), annotations: { 'k8s.io/initial-events-end': 'true' } } })
    }
    const more = (): void => {
      for (const change of server.changes) {
        if (change.revision <= at || !change.path.startsWith(`${path}/`)) continue
        const now = !change.deleted && isSelected(query, change.object)
        const was = isSelected(query, change.before)
        if ((!now && !was) || server.fails('forgets an event')) continue
        const type = now ? (was || server.fails('modified instead of added') ? 'MODIFIED' : 'ADDED') : 'DELETED'
        tell(type, change.object)
        if (server.fails('tells an event twice')) tell(type, change.object)
      }
      at = server.revision
      if (random() < 0.3) tell('BOOKMARK', { metadata: { resourceVersion: String(at + (server.fails('bookmarks ahead') ? 1 : 0)) } })
      if (random() > 0.15) return after(more, integerBelow(random, 5000))
      script.ended(undefined)
      after(next)
    }
    after(more)
  }
  after(next)
}
