// Namespace controller: empties a namespace that is being deleted, and lets it go when nothing is left.
//
// Pods go first and everything else after them (OrderedNamespaceDeletion), so that what guards pods outlives them.

import type { Flow } from '../actor/index.js'
import { resources } from '../client/index.js'
import type { Namespace } from '../kinds/index.js'
import { semanticEqual } from '../object/index.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'
import { type Discovered, discover } from './discovery.js'
import { type ContentReport, graceLeftSeconds, namespaceConditions, type Remaining } from './namespace-plan.js'

export const namespaceController: ControllerDefinition = {
  name: 'namespace-controller',
  interests: [{ resource: resources.namespaces, wants: ({ metadata }, deleted) => !deleted && metadata.deletionTimestamp !== undefined }],
  needs: [],
  start: scope => new NamespaceController(scope)
}

const finalizer = 'kubernetes'
const lookAgainMinMs = 20 // Real time, doubled with each look ...
const lookAgainMaxMs = 1_000 // ... up to this: a pod's end is not told to this controller.

class NamespaceController {
  readonly #scope: ControllerScope
  readonly #namespaces
  readonly #queue
  readonly #looks = new Map<string, number>()

  constructor(scope: ControllerScope) {
    this.#scope = scope
    this.#queue = scope.loop({ workers: 10, reconcile: key => this.#reconcile(key) }) // As --concurrent-namespace-syncs.
    this.#namespaces = scope.informer({ resource: resources.namespaces })
    const changed = ({ metadata }: Namespace): void => {
      if (metadata.deletionTimestamp !== undefined) this.#queue.add(metadata.name ?? '')
    }
    this.#namespaces.addHandler({
      add: changed,
      update: (_, namespace) => changed(namespace),
      delete: ({ metadata }) => void this.#looks.delete(metadata.name ?? '')
    })
  }

  *#reconcile(name: string): Flow<Reconciled> {
    const { client, ctx } = this.#scope
    const read = yield* client.get(resources.namespaces, { name })
    if (!read.ok) return read.error.reason === 'NotFound' ? 'done' : 'retry'
    let namespace = read.value
    if (namespace.metadata.deletionTimestamp === undefined || !(namespace.spec?.finalizers ?? []).includes(finalizer)) return 'done'
    const report = yield* this.#empty(name)
    const conditions = [...namespaceConditions(namespace.status?.conditions, report, ctx.clusterMs)]
    const status = { ...namespace.status, phase: 'Terminating', conditions }
    if (!semanticEqual(status, namespace.status)) {
      const updated = yield* client.updateStatus(resources.namespaces, { ...namespace, status })
      if (!updated.ok) return 'retry'
      namespace = updated.value
    }
    if (report.discoveryFailures.length > 0 || report.deletionFailures.length > 0) return 'retry'
    if (report.remaining.length > 0) {
      this.#lookAgain(name, report)
      return 'done'
    }
    const finalizers = (namespace.spec?.finalizers ?? []).filter(one => one !== finalizer)
    const result = yield* client.update(
      resources.namespaces,
      { ...namespace, spec: { ...namespace.spec, finalizers } },
      { subresource: 'finalize' }
    )
    return result.ok || result.error.reason === 'NotFound' ? 'done' : 'retry'
  }

  #lookAgain(name: string, report: ContentReport): void {
    const looks = this.#looks.get(name) ?? 0
    this.#looks.set(name, looks + 1)
    const delayMs = Math.min(lookAgainMaxMs, lookAgainMinMs * 2 ** Math.min(looks, 10))
    // As upstream waits half the pods' grace; they may well be gone sooner, so never longer than a second or so.
    const graceMs = graceLeftSeconds(report.remaining) * 500
    this.#queue.addAfter(name, graceMs > 0 ? Math.min(delayMs, graceMs) : delayMs, 'real')
  }

  *#empty(namespace: string): Flow<ContentReport> {
    const { resources: served, failures } = yield* discover(this.#scope.client)
    const discoveryFailures = failures.map(({ groupVersion, error }) => `${groupVersion}: ${error.message}`)
    const deletable = served.filter(({ namespaced, verbs }) => namespaced && verbs.includes('delete') && verbs.includes('list'))
    const isPods = ({ group, plural }: Discovered): boolean => group === '' && plural === 'pods'
    const first = yield* this.#emptyOf(namespace, deletable.filter(isPods))
    // Discovery that failed may hide pods of other kinds of work, but never pods themselves.
    if (first.remaining.length > 0 || first.deletionFailures.length > 0) return { ...first, discoveryFailures }
    const rest = yield* this.#emptyOf(
      namespace,
      deletable.filter(resource => !isPods(resource))
    )
    return { ...rest, discoveryFailures }
  }

  *#emptyOf(namespace: string, kinds: readonly Discovered[]): Flow<Omit<ContentReport, 'discoveryFailures'>> {
    const parts = yield* this.#scope.all(kinds.map(resource => this.#emptyKind(namespace, resource)))
    return {
      deletionFailures: parts.filter(part => typeof part === 'string'),
      remaining: parts.filter(part => typeof part !== 'string').filter(({ objects }) => objects.length > 0)
    }
  }

  /** What remains of a kind, or why it could not be deleted. */
  *#emptyKind(namespace: string, resource: Discovered): Flow<Remaining | string> {
    const { client } = this.#scope
    const before = yield* client.list(resource, { namespace })
    if (!before.ok) return before.error.code === 404 || before.error.code === 405 ? { resource, objects: [] } : before.error.message
    if (before.value.items.length === 0) return { resource, objects: [] }
    const deletion = { propagationPolicy: 'Background' }
    if (resource.verbs.includes('deletecollection')) {
      const deleted = yield* client.deleteCollection(resource, { namespace }, deletion)
      if (!deleted.ok) return deleted.error.message
    } else {
      for (const { metadata } of before.value.items) {
        const deleted = yield* client.delete(resource, metadata, deletion)
        if (!deleted.ok && deleted.error.reason !== 'NotFound') return deleted.error.message
      }
    }
    const after = yield* client.list(resource, { namespace })
    return after.ok ? { resource, objects: after.value.items } : after.error.message
  }
}
