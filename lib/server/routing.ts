// Routing: from a request of a resource to the verb that answers it; what is not served is refused as upstream does.

import type { Flow } from '../actor/index.js'
import type { Verb } from '../kinds/index.js'
import { errors } from '../object/index.js'
import { apply } from './apply.js'
import { create } from './create.js'
import { remove, removeCollection } from './deletion.js'
import { servedSubresources } from './discovery.js'
import { parseMediaType } from './negotiation.js'
import { get, list } from './reading.js'
import type { ResourceRequest } from './request.js'
import type { Resource, Resources } from './resource.js'
import type { Call, Reply, Serving } from './serving.js'
import { bind, evict, getScale, patchScale, updateScale } from './subresources.js'
import { patch, patchTypes, update } from './update.js'

/** The resource a request names; 404 if there is none of it, 405 if it cannot do that. */
export function routed(resources: Resources, target: ResourceRequest): Resource {
  const resource = resources.get(target.group, target.version, target.resource)
  if (resource === undefined) throw errors.unknownPath()
  const { kind } = resource
  const clusterScoped = !kind.namespaced && target.namespace !== '' && kind.plural !== 'namespaces'
  // Objects of a namespace are named under it; all namespaces together can only be listed and watched.
  const outside = kind.namespaced && target.namespace === '' && (target.name !== '' || target.verb === 'deletecollection')
  if (clusterScoped || outside) throw errors.unknownPath()
  if (target.subresource === '') {
    const verbs: readonly string[] = kind.verbs
    // POST goes to collections, PUT and PATCH to objects.
    const onObject = target.name !== ''
    const misplaced =
      (kind.namespaced && target.namespace === '' && target.verb === 'create') ||
      (target.verb === 'create' && onObject) ||
      ((target.verb === 'update' || target.verb === 'patch') && !onObject)
    if (misplaced || !verbs.includes(target.verb as Verb)) throw errors.methodNotAllowed(resource.groupResource, target.verb)
    return resource
  }
  const subresource = kind.subresources.find(({ name }) => name === target.subresource)
  if (subresource === undefined) throw errors.unknownPath()
  if (!servedSubresources.includes(subresource.name))
    throw errors.serviceUnavailable(`${kind.plural}/${subresource.name} is not served by this server`)
  if (!subresource.verbs.includes(target.verb)) throw errors.methodNotAllowed(resource.groupResource, target.verb)
  return resource
}

export function* answer(serving: Serving, call: Call): Flow<Reply> {
  const { verb, subresource } = call.target
  switch (subresource) {
    case 'scale':
      return yield* verb === 'get' ? getScale(serving, call) : verb === 'update' ? updateScale(serving, call) : patchScale(serving, call)
    case 'binding':
      return yield* bind(serving, call)
    case 'eviction':
      return yield* evict(serving, call)
  }
  switch (verb) {
    case 'create':
      return yield* create(serving, call)
    case 'get':
      return yield* get(serving, call)
    case 'list':
      return yield* list(serving, call)
    case 'update':
      return yield* update(serving, call)
    case 'patch':
      return yield* isApply(call) ? apply(serving, call) : patch(serving, call)
    case 'delete':
      return yield* remove(serving, call)
    case 'deletecollection':
      return yield* removeCollection(serving, call)
    case 'watch':
      throw errors.badRequest('a watch is not answered at once')
  }
}

const isApply = ({ contentType }: Call): boolean => contentType !== undefined && parseMediaType(contentType).type === patchTypes.apply
