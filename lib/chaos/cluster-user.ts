// Cluster user: creates, changes and deletes deployments, services and config maps of its own, one request at a time, and reads them back.
//
// Every write leaves its number in an annotation, so that the store's history tells whose each change was. What became of a write
// is what the client was told: it was acknowledged, it was refused, or nobody knows.

import { type Flow, sleep } from '../actor/index.js'
import { type ApiClient, isNotFound, type Resource, type Result, resources, type Unstored } from '../client/index.js'
import type { ConfigMap, Deployment, Service } from '../kinds/index.js'
import type { ApiObject } from '../object/index.js'
import { integerBelow, type Random } from '../std/index.js'
import { registryRoot } from './cluster-history.js'
import type { ClusterRunPlan } from './cluster-plan.js'
import type { Running } from './store-client.js'

export const namespace = 'default'
export const operationAnnotation = 'chaos/operation'

export interface UserOperation {
  readonly id: number
  readonly kind: 'create' | 'change' | 'delete' | 'read'
  readonly key: string // In the store.
  readonly startedMs: number
  outcome: 'acknowledged' | 'refused' | 'in doubt' | undefined
  /** Of the object answered; 0 without one. */
  revision: number
  detail: string
}

const images = ['nginx:1.27', 'nginx:1.28', 'nginx:1.29']
const configMaps = 6 // Of one user.
const pauseMs = 50 // After a failure.

const tolerations = ['not-ready', 'unreachable'].map(taint => ({
  key: `node.kubernetes.io/${taint}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 5
}))

export class ClusterUser {
  readonly operations: UserOperation[] = []
  readonly #name: string
  readonly #plan: ClusterRunPlan
  readonly #random: Random
  readonly #running: Running
  readonly #nextId: () => number
  readonly #nowMs: () => number
  readonly #exists = new Map<string, boolean>() // As far as this user knows.
  #client!: ApiClient

  constructor(options: {
    name: string
    plan: ClusterRunPlan
    random: Random
    running: Running
    nextId: () => number
    nowMs: () => number
  }) {
    this.#name = options.name
    this.#plan = options.plan
    this.#random = options.random
    this.#running = options.running
    this.#nextId = options.nextId
    this.#nowMs = options.nowMs
  }

  *run(client: ApiClient): Flow<void> {
    this.#client = client
    while (!this.#running.stopping) {
      yield* sleep('real', -Math.log(1 - this.#random()) * this.#plan.thinkMs)
      if (--this.#running.operationsLeft < 0) return
      if (!(yield* this.#one())) yield* sleep('real', pauseMs)
    }
  }

  #below(count: number): number {
    return integerBelow(this.#random, count)
  }

  *#one(): Flow<boolean> {
    let left = this.#random() * Object.values(this.#plan.mix).reduce((sum, weight) => sum + weight, 0)
    for (const [kind, weight] of Object.entries(this.#plan.mix)) {
      left -= weight
      if (left >= 0) continue
      if (kind === 'configMap') return yield* this.#configMap()
      if (kind === 'deployment') return yield* this.#deployment()
      if (kind === 'service') return yield* this.#service()
      return yield* this.#readBack()
    }
    return true
  }

  // What it does ---------------------------------------------------------------------------------------

  *#configMap(): Flow<boolean> {
    const name = `${this.#name}-${this.#below(configMaps)}`
    const key = keyOf(resources.configMaps, name)
    const chance = this.#random()
    const data = { at: String(this.#nowMs()), ballast: 'x'.repeat(this.#below(500)) }
    if (this.#exists.get(key) !== true)
      return yield* this.#create(resources.configMaps, name, { metadata: {}, data } as unknown as Unstored<ConfigMap>)
    if (chance < 0.15) return yield* this.#delete(resources.configMaps, name)
    return yield* this.#change(resources.configMaps, name, { data })
  }

  *#deployment(): Flow<boolean> {
    const name = `${this.#name}-${this.#below(this.#plan.deploymentsMax)}`
    const key = keyOf(resources.deployments, name)
    const chance = this.#random()
    const { replicasMin, replicasMax } = this.#plan
    const replicas = replicasMin + this.#below(replicasMax - replicasMin + 1)
    const image = images[this.#below(images.length)] as string
    if (this.#exists.get(key) !== true) return yield* this.#create(resources.deployments, name, deploymentOf(name, replicas, image))
    if (chance < 0.1) return yield* this.#delete(resources.deployments, name)
    if (chance < 0.5) return yield* this.#change(resources.deployments, name, { spec: { replicas } })
    return yield* this.#change(resources.deployments, name, { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } })
  }

  *#service(): Flow<boolean> {
    const name = `${this.#name}-${this.#below(this.#plan.deploymentsMax)}`
    const key = keyOf(resources.services, name)
    if (this.#exists.get(key) === true) {
      if (this.#random() < 0.3) return yield* this.#delete(resources.services, name)
      return yield* this.#change(resources.services, name, { metadata: { labels: { at: String(this.#below(100)) } } })
    }
    const service = { metadata: {}, spec: { selector: { app: name }, ports: [{ port: 80 }] } } as unknown as Unstored<Service>
    return yield* this.#create(resources.services, name, service)
  }

  /** Of what this user knows to be there, or not to be. */
  *#readBack(): Flow<boolean> {
    const name = `${this.#name}-${this.#below(configMaps)}`
    const operation = this.#begin('read', resources.configMaps, name)
    const read = yield* this.#client.get(resources.configMaps, { namespace, name }, { timeoutMs: this.#plan.timeoutMs })
    if (!read.ok && !isNotFound(read)) return this.#end(operation, read, undefined)
    operation.outcome = 'acknowledged'
    operation.revision = read.ok ? Number(read.value.metadata.resourceVersion) : 0
    this.#exists.set(operation.key, read.ok)
    return true
  }

  // How it is written down -----------------------------------------------------------------------------

  *#create<T extends ApiObject>(resource: Resource<T>, name: string, object: Unstored<T>): Flow<boolean> {
    const operation = this.#begin('create', resource, name)
    const metadata = { ...object.metadata, name, namespace, annotations: { [operationAnnotation]: String(operation.id) } }
    const result = yield* this.#client.create(resource, { ...object, metadata } as Unstored<T>, { timeoutMs: this.#plan.timeoutMs })
    return this.#end(operation, result, true)
  }

  *#change<T extends ApiObject>(resource: Resource<T>, name: string, patch: object): Flow<boolean> {
    const operation = this.#begin('change', resource, name)
    const { metadata = {} } = patch as { metadata?: object }
    const body = { ...patch, metadata: { ...metadata, annotations: { [operationAnnotation]: String(operation.id) } } }
    const type = resource === (resources.deployments as Resource) ? 'strategic' : 'merge'
    const result = yield* this.#client.patch(resource, { namespace, name }, body, { type, timeoutMs: this.#plan.timeoutMs })
    return this.#end(operation, result, true)
  }

  *#delete(resource: Resource, name: string): Flow<boolean> {
    const operation = this.#begin('delete', resource, name)
    const deletion = { propagationPolicy: 'Background' as const }
    const result = yield* this.#client.delete(resource, { namespace, name }, deletion, { timeoutMs: this.#plan.timeoutMs })
    return this.#end(operation, result, false)
  }

  #begin(kind: UserOperation['kind'], resource: Resource, name: string): UserOperation {
    const operation: UserOperation = {
      id: this.#nextId(),
      kind,
      key: keyOf(resource, name),
      startedMs: this.#nowMs(),
      outcome: undefined,
      revision: 0,
      detail: ''
    }
    this.operations.push(operation)
    return operation
  }

  #end(operation: UserOperation, result: Result<ApiObject | undefined>, exists: boolean | undefined): boolean {
    if (result.ok) {
      operation.outcome = 'acknowledged'
      operation.revision = Number(result.value?.metadata?.resourceVersion ?? 0)
      if (exists !== undefined) this.#exists.set(operation.key, exists)
      return true
    }
    const { definite, reason, message } = result.error
    operation.outcome = definite ? 'refused' : 'in doubt'
    operation.detail = `${reason}: ${message}`
    if (reason === 'AlreadyExists') this.#exists.set(operation.key, true)
    else if (reason === 'NotFound') this.#exists.set(operation.key, false)
    return false
  }
}

const groupPrefix = new Map<string, string>([['services', 'services/specs']])

/** As the apiserver stores it. */
export const keyOf = ({ plural }: Resource, name: string): string =>
  `${registryRoot}${groupPrefix.get(plural) ?? plural}/${namespace}/${name}`

const deploymentOf = (name: string, replicas: number, image: string): Unstored<Deployment> =>
  ({
    metadata: { labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { tolerations, terminationGracePeriodSeconds: 1, containers: [{ name: 'web', image, ports: [{ containerPort: 80 }] }] }
      }
    }
  }) as unknown as Unstored<Deployment>
