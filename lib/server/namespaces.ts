// Namespaces: nothing is created in a namespace that does not exist or is going away (upstream's NamespaceLifecycle).
//
// The namespace looked at is compared in the transaction that creates, so a namespace that goes meanwhile refuses the create, too.

import { ask, type Flow } from '../actor/index.js'
import { namespaceKind } from '../kinds/index.js'
import { errors } from '../object/index.js'
import type { StoreCompare } from '../storage/index.js'
import type { Entry } from './entry.js'
import { freshTimeoutMs } from './feed.js'
import type { Call, Serving } from './serving.js'

/** The condition under which the object may be created. Throws if it may not. */
export function* requireNamespace(serving: Serving, call: Call, name: string): Flow<{ key: string; compare: StoreCompare } | undefined> {
  const { resource, target } = call
  const namespace = target.namespace
  if (!resource.kind.namespaced || namespace === '') return undefined
  const shelf = serving.cache.shelfOf(namespaceKind)
  const key = shelf.prefix + namespace
  let entry = shelf.get(key)
  if (entry === undefined) {
    yield* ask(serving.ctx.self, freshTimeoutMs, 'fresh')
    entry = shelf.get(key)
  }
  if (entry === undefined) throw errors.notFound({ group: '', resource: 'namespaces' }, namespace)
  if (isTerminating(entry)) throw terminating(call, namespace, name)
  return { key, compare: { key, target: 'mod', result: 'equal', operand: entry.revision } }
}

// The phase is set together with the time of the deletion, and is at hand.
const isTerminating = (entry: Entry): boolean => entry.selectable.fields['status.phase'] === 'Terminating'

function terminating({ resource }: Call, namespace: string, name: string) {
  const message = `unable to create new content in namespace ${namespace} because it is being terminated`
  const error = errors.forbidden(resource.groupResource, name, message)
  const details = error.status.details ?? {}
  error.status.details = {
    ...details,
    causes: [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }]
  }
  return error
}
