// Subresources that are not simply a part of their object: scale, binding, eviction.

import type { Flow } from '../actor/index.js'
import { type Pod, type Scale, toScale } from '../kinds/index.js'
import { type ApiObject, type DeleteOptions, errors, field, formatTime, type Json } from '../object/index.js'
import { change } from './change.js'
import { checkObject, decodeObject, type Expected, fieldValidationOf, isDryRun } from './decoding.js'
import { remove } from './deletion.js'
import { attribute } from './fields.js'
import { jsonReply, statusReply } from './presentation.js'
import { awaitRevision } from './reading.js'
import { keyOf } from './resource.js'
import type { Call, Reply, Serving } from './serving.js'
import { decideUpdate, patchOf } from './update.js'

const scaleExpected: Expected = { apiVersion: 'autoscaling/v1', kind: 'Scale', schemaName: 'io.k8s.api.autoscaling.v1.Scale' }
const bindingExpected: Expected = { apiVersion: 'v1', kind: 'Binding', schemaName: 'io.k8s.api.core.v1.Binding' }
const evictionExpected: Expected = { apiVersion: 'policy/v1', kind: 'Eviction', schemaName: 'io.k8s.api.policy.v1.Eviction' }

export function* getScale(serving: Serving, call: Call): Flow<Reply> {
  yield* awaitRevision(serving, call.query.get('resourceVersion'))
  const entry = call.shelf.get(keyOf(call.resource, call.target.namespace, call.target.name))
  if (entry === undefined) throw errors.notFound(call.resource.groupResource, call.target.name)
  return jsonReply(scaleOf(call, entry.object()))
}

export function* updateScale(serving: Serving, call: Call): Flow<Reply> {
  const validation = fieldValidationOf(call.query, 'UpdateOptions')
  const wanted = decodeObject(call.body, call.contentType, scaleExpected, validation, serving.decoders, call.warnings)
  return yield* changeScale(serving, call, () => wanted as unknown as Scale)
}

export function* patchScale(serving: Serving, call: Call): Flow<Reply> {
  const validation = fieldValidationOf(call.query, 'PatchOptions')
  const apply = patchOf(serving, call, scaleExpected.schemaName)
  return yield* changeScale(serving, call, scale => {
    const result = apply(scale as unknown as Json)
    if (!result.ok) throw result.error
    return checkObject(result.value, scaleExpected, validation, serving.decoders, []) as unknown as Scale
  })
}

function* changeScale(serving: Serving, call: Call, wantedOf: (scale: Scale) => Scale): Flow<Reply> {
  const { resource, target } = call
  const dryRun = isDryRun(call.query.all('dryRun'), 'UpdateOptions')
  const changed = yield* change(serving, call, dryRun, (current, revision) => {
    const wanted = wantedOf(scaleOf(call, current))
    const { name, resourceVersion, uid } = wanted.metadata
    if (name !== undefined && name !== target.name) {
      throw errors.badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`)
    }
    const replicas = wanted.spec?.replicas ?? 0
    if (replicas < 0) {
      const fault = field.invalid('spec.replicas', replicas, 'must be greater than or equal to 0')
      throw errors.invalid({ group: 'autoscaling', kind: 'Scale' }, target.name, [fault])
    }
    const object = structuredClone(current)
    if (resourceVersion === undefined || resourceVersion === '') object.metadata.resourceVersion = String(revision)
    else object.metadata.resourceVersion = resourceVersion
    if (uid !== undefined && uid !== '') object.metadata.uid = uid
    resource.kind.scale?.setReplicas(object, replicas)
    return decideUpdate(serving, { ...call, target: { ...target, subresource: '' } }, object, current, revision)
  })
  if (changed === undefined) throw errors.notFound(resource.groupResource, target.name)
  return jsonReply(scaleOf(call, changed.entry.object()))
}

function scaleOf({ resource, target }: Call, object: ApiObject): Scale {
  const scale = toScale(resource.kind, object)
  if (scale === undefined) throw errors.notFound(resource.groupResource, target.name)
  return scale
}

interface Binding extends ApiObject {
  target?: { kind?: string; name?: string }
}

/** Assigns a pod to a node, once. */
export function* bind(serving: Serving, call: Call): Flow<Reply> {
  const validation = fieldValidationOf(call.query, 'CreateOptions')
  const dryRun = isDryRun(call.query.all('dryRun'), 'CreateOptions')
  const binding = decodeObject(call.body, call.contentType, bindingExpected, validation, serving.decoders, call.warnings) as Binding
  const { target, resource } = call
  if ((binding.metadata.name ?? target.name) !== target.name) {
    throw errors.badRequest(`name in URL does not match name in Binding object`)
  }
  checkBinding(binding)
  const bindingResource = { group: '', resource: 'pods/binding' }
  const node = binding.target?.name ?? ''
  const changed = yield* change(serving, call, dryRun, (current, revision) => {
    const pod = structuredClone(current) as Pod
    const conflict = (why: string) => errors.conflict(bindingResource, target.name, why)
    const { uid, resourceVersion, annotations, labels } = binding.metadata
    if (uid && uid !== pod.metadata.uid) {
      throw conflict(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`)
    }
    if (resourceVersion && resourceVersion !== String(revision)) {
      throw conflict(
        `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${revision}`
      )
    }
    if (pod.metadata.deletionTimestamp !== undefined) throw conflict(`pod ${target.name} is being deleted, cannot be assigned to a host`)
    if (pod.spec.nodeName) throw conflict(`pod ${target.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`)
    if ((pod.spec.schedulingGates ?? []).length > 0) throw conflict(`pod ${target.name} has non-empty .spec.schedulingGates`)
    pod.spec.nodeName = node
    if (annotations !== undefined) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations }
    if (labels !== undefined) pod.metadata.labels = { ...pod.metadata.labels, ...labels }
    const status = pod.status ?? {}
    const now = formatTime(serving.ctx.clusterMs)
    const conditions = (status.conditions ?? []).filter(one => one.type !== 'PodScheduled')
    pod.status = { ...status, conditions: [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime: now }] }
    attribute(serving, call, pod, current)
    return { kind: 'store', object: pod }
  })
  if (changed === undefined) throw errors.notFound(resource.groupResource, target.name)
  return statusReply({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

function checkBinding(binding: Binding): void {
  const faults = []
  const kind = binding.target?.kind ?? ''
  if (kind !== '' && kind !== 'Node') faults.push(field.notSupported('target.kind', kind, ['Node', '<empty>']))
  if (!binding.target?.name) faults.push(field.required('target.name'))
  if (faults.length > 0) throw errors.invalid({ group: '', kind: 'Binding' }, binding.metadata.name ?? '', faults)
}

interface Eviction extends ApiObject {
  deleteOptions?: DeleteOptions
}

/** Deletes the pod as the eviction says. Disruption budgets are not served, so none forbids it. */
export function* evict(serving: Serving, call: Call): Flow<Reply> {
  const validation = fieldValidationOf(call.query, 'CreateOptions')
  const eviction = decodeObject(call.body, call.contentType, evictionExpected, validation, serving.decoders, call.warnings) as Eviction
  const { target } = call
  if ((eviction.metadata.name ?? target.name) !== target.name) {
    throw errors.badRequest('name in URL does not match name in Eviction object')
  }
  const dryRun = [...call.query.all('dryRun'), ...(eviction.deleteOptions?.dryRun ?? [])]
  const options: DeleteOptions = { ...eviction.deleteOptions, ...(dryRun.length > 0 ? { dryRun } : {}) }
  const body = new TextEncoder().encode(JSON.stringify(options))
  yield* remove(serving, { ...call, body, contentType: 'application/json', target: { ...target, subresource: '' } })
  return statusReply({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}
