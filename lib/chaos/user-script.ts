// User script: what a user of the API asks for next, and what it makes of the answers. The same in the simulator and on a real cluster.
//
// It has deployments, services and config maps of its own, shares some config maps with the other users, and increases counters with
// them: read, add one, write onto what was read. It reads in every way that Kubernetes makes a promise for. Every write leaves its mark.

import type { ApiAsked, ApiOperation, ApiOutcome, ApiRecorder, ApiState } from '../check/index.js'
import { isStatus, queryText, type Resource, type Result, resourcePath, resources } from '../client/index.js'
import type { ApiList, ApiObject } from '../object/index.js'
import { integerBelow, type Random } from '../std/index.js'
import { counterOf, deploymentOf, images, increasedOf, marked, markedPatch, serviceOf, tierLabel, tiers } from './user-objects.js'

export interface ApiCall {
  readonly operation: ApiOperation
  readonly resource: Resource
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly contentType?: string
}

export interface UserOptions {
  readonly name: string
  readonly namespace: string
  readonly random: Random
  readonly recorder: ApiRecorder
  readonly deploymentsMax: number
  readonly replicasMin?: number
  readonly replicasMax: number
  readonly mix?: UserMix
}

/** Relative frequencies. */
const userMix = { deployment: 40, service: 20, own: 40, count: 45, share: 30, list: 25, get: 20 }
type Action = keyof typeof userMix
export type UserMix = Readonly<Record<Action, number>>

const ownConfigMaps = 4
const counters = 2
const shared = 6
const pageLimit = 4
const finalizer = 'chaos.kabuki.dev/held'
const strategic = 'application/strategic-merge-patch+json'
const merge = 'application/merge-patch+json'

export class UserScript {
  readonly #options: UserOptions
  readonly #known = new Map<string, ApiState>() // As far as this user was told; what it was told is gone is not in it.
  readonly #following: (() => ApiCall)[] = [] // What the last answer leads to.
  #listed = 0 // Revision of the last list.

  constructor(options: UserOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  next(): ApiCall {
    // Pages go on while others write, and now and then this user does, too.
    const following = this.#random() < 0.7 ? this.#following.shift() : undefined
    if (following !== undefined) return following()
    const actions = Object.entries(this.#options.mix ?? userMix) as [Action, number][]
    let left = this.#random() * actions.reduce((sum, [, weight]) => sum + weight, 0)
    const action = actions.find(([, weight]) => {
      left -= weight
      return left < 0
    })
    return this.#act(action?.[0] ?? 'get')
  }

  /** False: better wait a little. */
  answered(call: ApiCall, result: Result<unknown>): boolean {
    const { operation, resource } = call
    const outcome = this.#options.recorder.end(operation, this.#outcomeOf(operation, resource, result))
    const { key } = operation
    if (outcome.kind === 'object') {
      this.#known.set(key, outcome.state)
      if (operation.verb === 'get' && outcome.state.tally !== undefined) this.#following.unshift(() => this.#increase(outcome.state))
    } else if (outcome.kind === 'gone') this.#known.delete(key)
    else if (outcome.kind === 'marked') this.#following.unshift(() => this.#get(resource, key, ''))
    else if (outcome.kind === 'list') this.#learn(call, outcome, (result as { value: ApiList }).value.metadata.continue)
    else if (outcome.kind === 'failed') {
      if (outcome.code === 404) this.#known.delete(key)
      // Who may read what is old does not learn from it what there is to write onto.
      else if (outcome.code === 409) this.#following.unshift(() => this.#get(resource, key, ''))
    }
    return outcome.kind !== 'failed'
  }

  #act(action: Action): ApiCall {
    switch (action) {
      case 'deployment':
        return this.#deployment()
      case 'service':
        return this.#service()
      case 'own':
        return this.#own()
      case 'count':
        return this.#count()
      case 'share':
        return this.#share()
      case 'list':
        return this.#list()
      case 'get':
        return this.#getSome()
    }
  }

  // What it does ---------------------------------------------------------------------------------------

  #deployment(): ApiCall {
    const name = `${this.name}-${this.#below(this.#options.deploymentsMax)}`
    const resource = resources.deployments
    const chance = this.#random()
    const { replicasMin = 0, replicasMax } = this.#options
    const replicas = replicasMin + this.#below(replicasMax - replicasMin + 1)
    const image = this.#pick(images)
    if (!this.#known.has(this.#key(resource, name))) return this.#create(resource, name, deploymentOf(name, replicas, image))
    if (chance < 0.1) return this.#delete(resource, name, {}, this.#random() < 0.4 ? 'Foreground' : 'Background')
    if (chance < 0.5) return this.#patch(resource, name, { spec: { replicas } })
    return this.#patch(resource, name, { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } }, strategic)
  }

  #service(): ApiCall {
    const name = `${this.name}-${this.#below(this.#options.deploymentsMax)}`
    const resource = resources.services
    if (!this.#known.has(this.#key(resource, name))) return this.#create(resource, name, serviceOf(name))
    if (this.#random() < 0.3) return this.#delete(resource, name, {})
    return this.#patch(resource, name, { metadata: { labels: { at: String(this.#below(100)) } } })
  }

  /** Config maps that nobody else writes: written, and read back. */
  #own(): ApiCall {
    const resource = resources.configMaps
    const name = `${this.name}-${this.#below(ownConfigMaps)}`
    const key = this.#key(resource, name)
    const data = { ballast: 'x'.repeat(this.#below(500)) }
    const chance = this.#random()
    if (chance < 0.3) return this.#get(resource, key, '')
    const known = this.#known.get(key)
    // What a finalizer holds is marked when it is deleted, and goes when the finalizer does.
    const finalizers = this.#random() < 0.3 ? [finalizer] : []
    if (known === undefined) return this.#create(resource, name, { metadata: { labels: this.#tier(), finalizers }, data })
    if (known.deleting) return this.#patch(resource, name, { metadata: { finalizers: null } })
    if (chance < 0.4) return this.#delete(resource, name, {})
    return this.#patch(resource, name, { data })
  }

  #count(): ApiCall {
    const resource = resources.configMaps
    const name = `counter-${this.#below(counters)}`
    const key = this.#key(resource, name)
    const known = this.#known.get(key)
    const chance = this.#random()
    if (known === undefined) return chance < 0.5 ? this.#create(resource, name, counterOf(0)) : this.#get(resource, key, '')
    if (chance < 0.03) return this.#delete(resource, name, { uid: known.uid, resourceVersion: String(known.revision) })
    if (chance < 0.6) return this.#increase(known)
    return this.#get(resource, key, chance < 0.85 ? '' : '0')
  }

  #increase(known: ApiState): ApiCall {
    const name = nameOf(known.key)
    const precondition = { sentRevision: known.revision, sentUid: known.uid }
    const operation = this.#begin({ verb: 'update', key: known.key, ...precondition })
    const body = marked(resources.configMaps, this.#at(name), increasedOf(known), operation.mark ?? '')
    return { operation, resource: resources.configMaps, method: 'PUT', path: this.#path(resources.configMaps, name), body }
  }

  /** Config maps that everybody creates, moves from tier to tier, and deletes. */
  #share(): ApiCall {
    const resource = resources.configMaps
    const name = `shared-${this.#below(shared)}`
    const known = this.#known.get(this.#key(resource, name))
    const chance = this.#random()
    if (known === undefined) return this.#create(resource, name, { metadata: { labels: this.#tier() } })
    if (chance < 0.15) return this.#delete(resource, name, { uid: known.uid })
    return this.#patch(resource, name, { metadata: { labels: this.#tier() } })
  }

  #list(): ApiCall {
    const chance = this.#random()
    const selector = this.#random() < 0.3 ? this.#tier() : undefined
    if (chance < 0.35) return this.#listOf({ version: '', limit: pageLimit, selector })
    if (chance < 0.55) return this.#listOf({ version: '', selector })
    if (chance < 0.75 || this.#listed === 0) return this.#listOf({ version: '0', selector })
    return this.#listOf({ version: String(this.#listed), exact: chance < 0.87, selector })
  }

  #getSome(): ApiCall {
    const resource = resources.configMaps
    const name = this.#random() < 0.5 ? `shared-${this.#below(shared)}` : `${this.name}-${this.#below(ownConfigMaps)}`
    const key = this.#key(resource, name)
    const known = this.#known.get(key)
    const chance = this.#random()
    return this.#get(resource, key, chance < 0.4 ? '' : chance < 0.6 || known === undefined ? '0' : String(known.revision))
  }

  // How it is asked for --------------------------------------------------------------------------------

  #create(resource: Resource, name: string, object: object): ApiCall {
    const operation = this.#begin({ verb: 'create', key: this.#key(resource, name) })
    const body = marked(resource, this.#at(name), object, operation.mark ?? '')
    return { operation, resource, method: 'POST', path: this.#path(resource), body }
  }

  #patch(resource: Resource, name: string, patch: object, contentType = merge): ApiCall {
    const operation = this.#begin({ verb: 'patch', key: this.#key(resource, name) })
    const body = markedPatch(patch, operation.mark ?? '')
    return { operation, resource, method: 'PATCH', path: this.#path(resource, name), body, contentType }
  }

  #delete(
    resource: Resource,
    name: string,
    preconditions: { uid?: string; resourceVersion?: string },
    propagationPolicy: 'Background' | 'Foreground' = 'Background'
  ): ApiCall {
    const { uid, resourceVersion } = preconditions
    const operation = this.#begin({
      verb: 'delete',
      key: this.#key(resource, name),
      ...(uid === undefined ? {} : { sentUid: uid }),
      ...(resourceVersion === undefined ? {} : { sentRevision: Number(resourceVersion) })
    })
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy, preconditions }
    return { operation, resource, method: 'DELETE', path: this.#path(resource, name), body }
  }

  #get(resource: Resource, key: string, version: string): ApiCall {
    const operation = this.#begin({ verb: 'get', key, version })
    const query = queryText({ resourceVersion: version === '' ? undefined : version })
    return { operation, resource, method: 'GET', path: this.#path(resource, nameOf(key)) + query }
  }

  #listOf(asked: Pick<ApiAsked, 'version' | 'exact' | 'limit' | 'selector' | 'firstPage'>, token?: string): ApiCall {
    const resource = resources.configMaps
    const { version, exact, limit, selector } = asked
    const operation = this.#begin({ verb: 'list', key: this.#key(resource, ''), ...asked })
    const query = queryText({
      resourceVersion: version === '' ? undefined : version,
      resourceVersionMatch: exact === undefined ? undefined : exact ? 'Exact' : 'NotOlderThan',
      limit,
      continue: token,
      labelSelector: selector === undefined ? undefined : `${tierLabel}=${selector[tierLabel]}`
    })
    return { operation, resource, method: 'GET', path: this.#path(resource) + query }
  }

  // What it makes of answers ---------------------------------------------------------------------------

  #outcomeOf(operation: ApiOperation, resource: Resource, result: Result<unknown>): ApiOutcome {
    if (!result.ok) {
      const { code, reason, definite } = result.error
      return { kind: 'failed', code, reason, definite }
    }
    const { recorder } = this.#options
    if (operation.verb === 'list') {
      const list = result.value as ApiList
      const more = (list.metadata.continue ?? '') !== ''
      return { kind: 'list', revision: Number(list.metadata.resourceVersion), states: recorder.statesOf(resource.plural, list), more }
    }
    if (isStatus(result.value)) return { kind: 'gone', uid: result.value.details?.uid ?? '' }
    const object = result.value as ApiObject
    const { uid = '', deletionTimestamp, finalizers = [] } = object.metadata
    if (operation.verb === 'delete') return { kind: deletionTimestamp === undefined ? 'gone' : 'marked', uid }
    // Who takes the last finalizer of what is deleted is shown its last state.
    if (operation.verb === 'patch' && deletionTimestamp !== undefined && finalizers.length === 0) return { kind: 'gone', uid }
    return { kind: 'object', state: recorder.stateOf(resource.plural, object) }
  }

  #learn({ operation }: ApiCall, list: Extract<ApiOutcome, { kind: 'list' }>, token: string | undefined): void {
    this.#listed = Math.max(this.#listed, list.revision)
    const { id, selector, firstPage = id } = operation
    if (list.more) this.#following.push(() => this.#listOf({ version: '', limit: pageLimit, selector, firstPage }, token))
  }

  #begin(asked: Omit<ApiAsked, 'client'>): ApiOperation {
    return this.#options.recorder.begin({ client: this.name, ...asked })
  }

  #tier(): Record<string, string> {
    return { [tierLabel]: this.#pick(tiers) }
  }

  #key({ plural }: Resource, name: string): string {
    return `${plural}/${this.#options.namespace}/${name}`
  }

  #at(name: string): { name: string; namespace: string } {
    return { name, namespace: this.#options.namespace }
  }

  #path(resource: Resource, name?: string): string {
    return resourcePath(resource, name === undefined ? { namespace: this.#options.namespace } : this.#at(name))
  }

  #random(): number {
    return this.#options.random()
  }

  #below(count: number): number {
    return integerBelow(this.#options.random, count)
  }

  #pick<V>(of: readonly V[]): V {
    return of[this.#below(of.length)] as V
  }
}

const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1)
