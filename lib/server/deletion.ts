// Deletion: DELETE of one object and of collections: preconditions, grace, finalizers, what becomes of dependents.
//
// The rules are upstream's (registry/rest BeforeDelete, generic/registry Store.Delete): an object with grace or finalizers left is only
// marked; who removes the last finalizer, or deletes it with a grace of 0, makes it go.

import { ask, type Flow } from '../actor/index.js'
import type { Namespace } from '../kinds/index.js'
import { type ApiObject, type DeleteOptions, errors, field, formatTime, parseTime } from '../object/index.js'
import { change, type Decision } from './change.js'
import { isDryRun, parseBody } from './decoding.js'
import { freshTimeoutMs } from './feed.js'
import { jsonReply, Presentation, statusReply } from './presentation.js'
import type { Query } from './request.js'
import { selectionOf, visitSelected } from './selection.js'
import type { Call, Reply, Serving } from './serving.js'

const orphan = 'orphan'
const foreground = 'foregroundDeletion'
const immortal = ['default', 'kube-system', 'kube-public']
// Whose deletion answers with the object rather than a Status, as upstream's registries say (ReturnDeletedObject).
const answeredWithObject = new Set([
  'pods',
  'services',
  'serviceaccounts',
  'podtemplates',
  'persistentvolumes',
  'persistentvolumeclaims',
  'resourcequotas'
])

export function* remove(serving: Serving, call: Call): Flow<Reply> {
  const { resource, target } = call
  const options = deleteOptionsOf(call)
  if (resource.kind.kind === 'Namespace' && immortal.includes(target.name)) {
    throw errors.forbidden(resource.groupResource, target.name, 'this namespace may not be deleted')
  }
  const dryRun = isDryRun(options.dryRun ?? [], 'DeleteOptions')
  const changed = yield* change(serving, call, dryRun, (current, revision) => decide(serving, call, options, current, revision))
  if (changed === undefined) throw errors.notFound(resource.groupResource, target.name)
  if (changed.removed && !answeredWithObject.has(resource.kind.plural)) {
    return statusReply(errors.success(resource.groupResource, target.name, changed.entry.object().metadata.uid), 200)
  }
  const shown = new Presentation(resource, call.accepted)
  return shown.reply(200, shown.bytes(changed.entry, serving.ctx.clusterMs))
}

export function* removeCollection(serving: Serving, call: Call): Flow<Reply> {
  const { resource, target } = call
  const options = deleteOptionsOf(call)
  const dryRun = isDryRun(options.dryRun ?? [], 'DeleteOptions')
  const fresh = yield* ask(serving.ctx.self, freshTimeoutMs, 'fresh')
  if (!fresh.ok) throw errors.timeout('the store does not answer')
  const shown = new Presentation(resource, call.accepted)
  const keys: string[] = []
  visitSelected(call.shelf, selectionOf(call), shown, '', entry => void keys.push(entry.key))
  const items: object[] = []
  for (const key of keys) {
    const name = key.slice(key.lastIndexOf('/') + 1)
    const namespace = resource.kind.namespaced ? (key.slice(resource.prefix.length).split('/')[0] as string) : ''
    const one: Call = { ...call, target: { ...target, name, namespace } }
    const changed = yield* change(serving, one, dryRun, (current, revision) => decide(serving, one, options, current, revision))
    if (changed !== undefined) items.push(shown.value(changed.entry, serving.ctx.clusterMs))
  }
  const metadata = { resourceVersion: String(serving.cache.revision) }
  return jsonReply({ kind: `${resource.kind.kind}List`, apiVersion: resource.apiVersion, metadata, items })
}

function decide(serving: Serving, call: Call, options: DeleteOptions, object: ApiObject, revision: number): Decision {
  checkPreconditions(call, options, object, revision)
  const { kind } = call.resource
  if (kind.kind === 'Namespace') return decideNamespace(serving, options, object as Namespace)
  const meta = object.metadata
  const graceful = kind.graceSeconds !== undefined
  if (meta.deletionTimestamp !== undefined && graceful && meta.deletionGracePeriodSeconds !== undefined) {
    const left = meta.deletionGracePeriodSeconds
    const asked = options.gracePeriodSeconds
    if (asked === undefined || asked >= left) return { kind: 'keep' }
    // Only a shorter grace is granted; the time of the deletion moves with it.
    const startMs = (parseTime(meta.deletionTimestamp) ?? serving.ctx.clusterMs) - left * 1000
    const grace = Math.max(asked, 0)
    setFinalizers(object, options)
    meta.deletionGracePeriodSeconds = grace
    meta.deletionTimestamp = formatTime(startMs + grace * 1000)
    return grace === 0 && (meta.finalizers ?? []).length === 0 ? { kind: 'remove', shown: object } : { kind: 'store', object }
  }
  setFinalizers(object, options)
  const grace = kind.graceSeconds?.(object, options.gracePeriodSeconds) ?? 0
  if (grace === 0 && (meta.finalizers ?? []).length === 0) return { kind: 'remove', shown: object }
  if (meta.deletionTimestamp === undefined) {
    meta.deletionTimestamp = formatTime(serving.ctx.clusterMs + grace * 1000)
    meta.deletionGracePeriodSeconds = grace
    if ((meta.generation ?? 0) > 0) meta.generation = (meta.generation ?? 0) + 1
  }
  return { kind: 'store', object }
}

/** A namespace goes when its spec has no finalizer left: the namespace controller's, which empties it first. */
function decideNamespace(serving: Serving, options: DeleteOptions, namespace: Namespace): Decision {
  const meta = namespace.metadata
  if (meta.deletionTimestamp === undefined) {
    setFinalizers(namespace, options)
    meta.deletionTimestamp = formatTime(serving.ctx.clusterMs)
    namespace.status = { ...namespace.status, phase: 'Terminating' }
    return { kind: 'store', object: namespace }
  }
  if ((namespace.spec?.finalizers ?? []).length > 0 || (meta.finalizers ?? []).length > 0) return { kind: 'keep' }
  return { kind: 'remove', shown: namespace }
}

/** What is to become of dependents stands in the finalizers, where the garbage collector reads it. */
function setFinalizers(object: ApiObject, options: DeleteOptions): void {
  const had = object.metadata.finalizers ?? []
  const orphans = wants(options, 'Orphan', had.includes(orphan))
  const waits = wants(options, 'Foreground', had.includes(foreground))
  const finalizers = had.filter(name => name !== orphan && name !== foreground)
  if (orphans) finalizers.push(orphan)
  if (waits) finalizers.push(foreground)
  if (finalizers.length > 0) object.metadata.finalizers = finalizers
  else delete object.metadata.finalizers
}

function wants({ orphanDependents, propagationPolicy }: DeleteOptions, policy: 'Orphan' | 'Foreground', has: boolean): boolean {
  if (orphanDependents !== undefined) return policy === 'Orphan' && orphanDependents
  return propagationPolicy === undefined ? has : propagationPolicy === policy
}

function checkPreconditions({ resource, target }: Call, options: DeleteOptions, object: ApiObject, revision: number): void {
  const { uid, resourceVersion } = options.preconditions ?? {}
  const told = object.metadata.uid ?? ''
  const conflict = (what: string, wanted: string, found: string) =>
    errors.conflict(
      resource.groupResource,
      target.name,
      `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`
    )
  if (uid !== undefined && uid !== told) throw conflict('UID', uid, told)
  if (resourceVersion !== undefined && resourceVersion !== String(revision)) {
    throw conflict('ResourceVersion', resourceVersion, String(revision))
  }
}

const policies = ['Background', 'Foreground', 'Orphan']

export function deleteOptionsOf(call: Call): DeleteOptions {
  const options = call.body.length > 0 ? parseOptions(call) : optionsOfQuery(call.query)
  const faults = []
  if (options.propagationPolicy !== undefined && options.orphanDependents !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set'
    faults.push(field.invalid('propagationPolicy', options.propagationPolicy, why))
  }
  if (options.propagationPolicy !== undefined && !policies.includes(options.propagationPolicy)) {
    faults.push(field.notSupported('propagationPolicy', options.propagationPolicy, policies))
  }
  if (faults.length > 0) throw errors.invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', faults)
  return options
}

function parseOptions(call: Call): DeleteOptions {
  const { value } = parseBody(call.body, call.contentType, 'DeleteOptions')
  if (typeof value !== 'object' || value === null) throw errors.badRequest('the body of a deletion must be DeleteOptions')
  const options = value as DeleteOptions
  if (options.kind !== undefined && options.kind !== 'DeleteOptions') {
    throw errors.badRequest(`decoded object cannot be converted to DeleteOptions: ${String(options.kind)}`)
  }
  for (const name of Object.keys(options) as (keyof DeleteOptions)[]) if (options[name] === null) delete options[name]
  const { gracePeriodSeconds: grace } = options
  if (grace !== undefined && !Number.isInteger(grace)) throw errors.badRequest('gracePeriodSeconds must be an integer')
  return options
}

function optionsOfQuery(query: Query): DeleteOptions {
  const grace = query.get('gracePeriodSeconds')
  if (grace !== undefined && !/^-?\d+$/.test(grace)) throw errors.badRequest(`invalid gracePeriodSeconds ${JSON.stringify(grace)}`)
  const policy = query.get('propagationPolicy')
  const orphans = query.get('orphanDependents')
  return {
    dryRun: [...query.all('dryRun')],
    ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(orphans === undefined ? {} : { orphanDependents: orphans !== 'false' && orphans !== '0' })
  }
}
