// EndpointSlice controller: tells who is behind each service with a selector, as EndpointSlices and as Endpoints.
//
// Both objects in one controller (upstream has two): they are made of the same services and pods, and both are served. Slices of a
// deleted service go with it by their owner reference; its Endpoints are deleted here, as upstream does.

import type { Flow } from '../actor/index.js'
import { indexers, resources } from '../client/index.js'
import type { EndpointSlice, Endpoints, Pod, Service } from '../kinds/index.js'
import {
  controllerReference,
  generateName,
  isBeingDeleted,
  matchesLabels,
  objectKey,
  selectorOfMap,
  semanticEqual
} from '../object/index.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import {
  type AddressType,
  addressTypesOf,
  desiredEndpoints,
  headlessLabel,
  isHeadless,
  managedByLabel,
  planSlices,
  serviceNameLabel,
  sliceManager
} from './endpoint-plan.js'
import { endpointSubsets, endpointsManagedByLabel, endpointsManager, overCapacityAnnotation } from './endpoint-subsets.js'

export const endpointSliceController: ControllerDefinition = {
  name: 'endpointslice-controller',
  // The service of the API itself has no selector: apiservers publish themselves.
  interests: [
    { resource: resources.services, wants: ({ metadata }) => metadata.namespace !== 'default' || metadata.name !== 'kubernetes' },
    // Their service may have gone while no controller ran: nobody else deletes them.
    { resource: resources.endpoints, wants: ({ metadata }) => metadata.labels?.[endpointsManagedByLabel] === endpointsManager }
  ],
  needs: [],
  start: scope => new EndpointSliceController(scope)
}

const unseenMaxMs = 5_000 // Real time.

class EndpointSliceController {
  readonly #scope: ControllerScope
  readonly #services
  readonly #pods
  readonly #slices
  readonly #endpoints
  readonly #nodes
  readonly #sliceQueue
  readonly #endpointsQueue
  // By service: slices written and not seen yet, with their revisions.
  readonly #made = new Map<string, { readonly slices: Map<string, string>; readonly sinceMs: number }>()

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#sliceQueue = scope.loop({ reconcile: key => this.#reconcileSlices(key) })
    this.#endpointsQueue = scope.loop({ reconcile: key => this.#reconcileEndpoints(key) })
    const byService = ({ metadata }: EndpointSlice): string[] => [`${metadata.namespace}/${metadata.labels?.[serviceNameLabel] ?? ''}`]
    this.#services = scope.informer({ resource: resources.services, indexers: { namespace: indexers.namespace } })
    this.#pods = scope.informer({ resource: resources.pods, indexers: { namespace: indexers.namespace } })
    this.#slices = scope.informer({ resource: resources.endpointSlices, indexers: { service: byService } })
    this.#endpoints = scope.informer({ resource: resources.endpoints })
    this.#nodes = scope.informer({ resource: resources.nodes })
    this.#services.addHandler({
      add: service => this.#enqueue(service),
      update: (_, service) => this.#enqueue(service),
      delete: service => this.#enqueue(service)
    })
    this.#pods.addHandler({
      add: pod => this.#podChanged(pod),
      update: (old, pod) => {
        this.#podChanged(pod)
        if (!semanticEqual(old.metadata.labels, pod.metadata.labels)) this.#podChanged(old)
      },
      delete: pod => this.#podChanged(pod)
    })
    this.#slices.addHandler({
      add: slice => this.#sliceChanged(slice),
      update: (_, slice) => this.#sliceChanged(slice),
      delete: slice => this.#sliceChanged(slice)
    })
    this.#endpoints.addHandler({
      // Made while its service was being deleted, or left over: nobody else looks at it again (upstream's checkLeftoverEndpoints).
      add: ({ metadata }) => {
        const key = objectKey(metadata)
        if (this.#services.store.get(key) === undefined) this.#endpointsQueue.add(key)
      },
      // What was compared may have been the state before this controller's own last write: it is compared again when that is seen.
      update: (_, { metadata }) => this.#endpointsQueue.add(objectKey(metadata)),
      delete: ({ metadata }) => this.#endpointsQueue.add(objectKey(metadata))
    })
  }

  #enqueue(service: Service): void {
    const key = objectKey(service.metadata)
    this.#sliceQueue.add(key)
    this.#endpointsQueue.add(key)
  }

  #podChanged(pod: Pod): void {
    for (const service of this.#services.store.byIndex('namespace', pod.metadata.namespace ?? '')) {
      if (this.#selects(service, pod)) this.#enqueue(service)
    }
  }

  #sliceChanged({ metadata }: EndpointSlice): void {
    if (metadata.labels?.[managedByLabel] !== sliceManager) return
    const key = `${metadata.namespace}/${metadata.labels[serviceNameLabel] ?? ''}`
    const slices = this.#made.get(key)?.slices
    const revision = slices?.get(metadata.name ?? '')
    if (revision !== undefined && Number(metadata.resourceVersion) >= Number(revision)) slices?.delete(metadata.name ?? '')
    this.#sliceQueue.add(key)
  }

  #selects({ spec }: Service, pod: Pod): boolean {
    const { selector } = spec
    return selector !== undefined && Object.keys(selector).length > 0 && matchesLabels(selectorOfMap(selector), pod.metadata.labels)
  }

  #selected(service: Service): Pod[] | undefined {
    const { selector, type } = service.spec
    if (type === 'ExternalName' || selector === undefined || Object.keys(selector).length === 0 || isBeingDeleted(service)) return undefined
    return this.#pods.store.byIndex('namespace', service.metadata.namespace ?? '').filter(pod => this.#selects(service, pod))
  }

  // Slices ------------------------------------------------------------------------------------------

  *#reconcileSlices(key: string): Flow<Reconciled> {
    const service = this.#services.store.get(key)
    if (service === undefined) {
      this.#made.delete(key)
      return 'done'
    }
    const pods = this.#selected(service)
    if (pods === undefined) return 'done'
    const own = this.#slices.store.byIndex('service', key).filter(({ metadata }) => metadata.labels?.[managedByLabel] === sliceManager)
    // Planning over slices that are not what was written would write them twice: they will be told of (upstream's tracker).
    if (!this.#caughtUp(key)) return 'done'
    const types = addressTypesOf(service)
    let settled = true
    for (const type of types) {
      const slices = own.filter(slice => slice.addressType === type && !isBeingDeleted(slice))
      if (!(yield* this.#apply(service, pods, type, slices))) settled = false
    }
    for (const slice of own.filter(({ addressType }) => !types.includes(addressType as AddressType))) {
      const result = yield* this.#scope.client.delete(resources.endpointSlices, slice.metadata)
      if (!result.ok && result.error.reason !== 'NotFound') settled = false
    }
    return settled ? 'done' : 'retry'
  }

  #caughtUp(key: string): boolean {
    const made = this.#made.get(key)
    if (made === undefined || made.slices.size === 0) return true
    // A slice that was deleted before it was ever seen is never told of.
    const leftMs = made.sinceMs + unseenMaxMs - this.#scope.ctx.nowMs
    if (leftMs <= 0) return this.#made.delete(key)
    this.#sliceQueue.addAfter(key, leftMs, 'real')
    return false
  }

  *#apply(service: Service, pods: readonly Pod[], type: AddressType, slices: readonly EndpointSlice[]): Flow<boolean> {
    const { client, ctx, options } = this.#scope
    const groups = desiredEndpoints(service, pods, name => this.#nodes.store.get(name), type)
    const plan = planSlices(groups, slices, options.endpointsPerSliceMax)
    const labels = this.#sliceLabels(service)
    const relabelled = slices.filter(slice => !plan.remove.includes(slice) && !semanticEqual(slice.metadata.labels, labels))
    const updates = new Map(plan.update.map(slice => [slice.metadata.name, slice]))
    for (const slice of relabelled) if (!updates.has(slice.metadata.name)) updates.set(slice.metadata.name, slice)
    let settled = true
    for (const { ports, endpoints } of plan.create) {
      const { namespace, name } = service.metadata
      const metadata = {
        name: generateName(`${name}-`, () => ctx.random()),
        generateName: `${name}-`,
        namespace: namespace ?? '',
        labels,
        ownerReferences: [{ ...controllerReference(service), apiVersion: 'v1', kind: 'Service' }]
      }
      const result = yield* client.create(resources.endpointSlices, {
        metadata,
        addressType: type,
        endpoints: [...endpoints],
        ports: [...ports]
      })
      if (result.ok) this.#wrote(service, result.value)
      else if (!result.error.message.includes('being terminated')) settled = false
    }
    for (const slice of updates.values()) {
      const result = yield* client.update(resources.endpointSlices, { ...slice, metadata: { ...slice.metadata, labels } })
      if (result.ok) this.#wrote(service, result.value)
      else settled = false
    }
    for (const slice of plan.remove) {
      const result = yield* client.delete(resources.endpointSlices, slice.metadata)
      if (!result.ok && result.error.reason !== 'NotFound') settled = false
    }
    return settled
  }

  #wrote(service: Service, slice: EndpointSlice): void {
    const key = objectKey(service.metadata)
    const known = this.#slices.store.get(objectKey(slice.metadata))
    const revision = slice.metadata.resourceVersion ?? ''
    if (known !== undefined && Number(known.metadata.resourceVersion) >= Number(revision)) return
    const made = this.#made.get(key) ?? { slices: new Map<string, string>(), sinceMs: 0 }
    made.slices.set(slice.metadata.name ?? '', revision)
    this.#made.set(key, { ...made, sinceMs: this.#scope.ctx.nowMs })
  }

  #sliceLabels(service: Service): Record<string, string> {
    const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {}
    return {
      ...labels,
      ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
      [serviceNameLabel]: service.metadata.name ?? '',
      [managedByLabel]: sliceManager
    }
  }

  // Endpoints ---------------------------------------------------------------------------------------

  *#reconcileEndpoints(key: string): Flow<Reconciled> {
    const { client } = this.#scope
    const service = this.#services.store.get(key)
    const known = this.#endpoints.store.get(key)
    if (service === undefined) {
      // Endpoints that somebody wrote by hand, without this controller's label, are theirs.
      if (known?.metadata.labels?.[endpointsManagedByLabel] !== endpointsManager) return 'done'
      const result = yield* client.delete(resources.endpoints, known.metadata, { preconditions: { uid: known.metadata.uid ?? '' } })
      return result.ok || result.error.reason === 'NotFound' || result.error.reason === 'Conflict' ? 'done' : 'retry'
    }
    const pods = this.#selected(service)
    if (pods === undefined) return 'done'
    const wanted = this.#endpointsOf(service, pods, known)
    if (known !== undefined) {
      const { metadata } = known
      const same = semanticEqual(known.subsets, wanted.subsets) && semanticEqual(metadata.labels, wanted.metadata.labels)
      if (same && semanticEqual(metadata.annotations, wanted.metadata.annotations)) return 'done'
      const result = yield* client.update(resources.endpoints, wanted)
      return result.ok ? 'done' : 'retry'
    }
    const result = yield* client.create(resources.endpoints, wanted)
    if (result.ok || result.error.message.includes('being terminated')) return 'done'
    return 'retry'
  }

  #endpointsOf(service: Service, pods: readonly Pod[], known: Endpoints | undefined): Endpoints {
    const { namespace, name, labels } = service.metadata
    const { subsets, truncated } = endpointSubsets(service, pods)
    const { [overCapacityAnnotation]: _, ...annotations } = known?.metadata.annotations ?? {}
    if (truncated) annotations[overCapacityAnnotation] = 'truncated'
    return {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: {
        ...known?.metadata,
        namespace: namespace ?? '',
        name: name ?? '',
        labels: { ...labels, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}), [endpointsManagedByLabel]: endpointsManager },
        annotations
      },
      subsets
    }
  }
}
