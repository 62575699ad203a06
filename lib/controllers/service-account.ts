// ServiceAccount controller: every namespace that stays has a service account named `default`.

import type { Flow } from '../actor/index.js'
import { resources } from '../client/index.js'
import type { ControllerDefinition, ControllerScope, Reconciled } from './controller.js'

export const serviceAccountController: ControllerDefinition = {
  name: 'serviceaccount-controller',
  interests: [{ resource: resources.namespaces }],
  needs: [],
  start: scope => new ServiceAccountController(scope)
}

class ServiceAccountController {
  readonly #scope: ControllerScope
  readonly #namespaces
  readonly #accounts

  constructor(scope: ControllerScope) {
    this.#scope = scope
    const queue = scope.loop({ reconcile: key => this.#reconcile(key) })
    this.#namespaces = scope.informer({ resource: resources.namespaces })
    this.#accounts = scope.informer({ resource: resources.serviceAccounts, fieldSelector: 'metadata.name=default', metadataOnly: true })
    this.#namespaces.addHandler({
      add: ({ metadata }) => queue.add(metadata.name ?? ''),
      update: (_, { metadata }) => queue.add(metadata.name ?? '')
    })
    this.#accounts.addHandler({ delete: ({ metadata }) => queue.add(metadata.namespace ?? '') })
  }

  *#reconcile(name: string): Flow<Reconciled> {
    const namespace = this.#namespaces.store.get(name)
    if (namespace === undefined || namespace.status?.phase === 'Terminating' || namespace.metadata.deletionTimestamp !== undefined)
      return 'done'
    if (this.#accounts.store.get(`${name}/default`) !== undefined) return 'done'
    const result = yield* this.#scope.client.create(resources.serviceAccounts, { metadata: { namespace: name, name: 'default' } })
    if (result.ok || result.error.reason === 'AlreadyExists' || result.error.message.includes('being terminated')) return 'done'
    return 'retry'
  }
}
