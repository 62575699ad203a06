// Create: POST of a new object.

import type { Flow } from '../actor/index.js'
import { beforeCreate } from '../kinds/index.js'
import { type ApiObject, cloneJson, errors } from '../object/index.js'
import { admitCreate } from './admission.js'
import { type Allocation, allocate, isService, noAllocation, refusedAllocation } from './allocation.js'
import { decodeObject, expectedOf, fieldValidationOf, isDryRun } from './decoding.js'
import { attribute } from './fields.js'
import { requireNamespace } from './namespaces.js'
import { Presentation } from './presentation.js'
import { keyOf } from './resource.js'
import type { Call, Reply, Serving } from './serving.js'
import { makeUid } from './uid.js'
import { write } from './writing.js'

/** As upstream: how often a generated name that is taken is generated anew. */
const generatedNameTries = 8
/** Rounds of picking something that others may pick at the same time. */
const roundsMax = 16

export function* create(serving: Serving, call: Call): Flow<Reply> {
  const { resource, target, query } = call
  const dryRun = isDryRun(query.all('dryRun'), 'CreateOptions')
  const validation = fieldValidationOf(query, 'CreateOptions')
  if (target.name !== '') throw errors.methodNotAllowed(resource.groupResource, 'create')
  const object = decodeObject(call.body, call.contentType, expectedOf(resource.kind), validation, serving.decoders, call.warnings)
  return yield* createObject(serving, call, object, dryRun)
}

/** The same for an object that PUT found missing. */
export function* createObject(serving: Serving, call: Call, object: ApiObject, dryRun: boolean): Flow<Reply> {
  const { resource, target } = call
  const meta = object.metadata
  if (resource.kind.namespaced) {
    if (target.namespace === '') throw errors.badRequest('an empty namespace may not be set during creation')
    if (meta.namespace !== undefined && meta.namespace !== '' && meta.namespace !== target.namespace) throw namespaceMismatch()
    meta.namespace = target.namespace
  }
  if (meta.resourceVersion !== undefined && meta.resourceVersion !== '' && meta.resourceVersion !== '0') {
    throw errors.badRequest('resourceVersion should not be set on objects to be created')
  }
  delete meta.managedFields
  resource.kind.defaults(object)
  for (let tries = 1; ; tries++) {
    const generated = !meta.name && !!meta.generateName
    const candidate = generated ? cloneJson(object) : object
    const reply = yield* tryCreate(serving, call, candidate, dryRun)
    if (reply !== undefined) return reply
    const name = candidate.metadata.name ?? ''
    if (!generated) throw errors.alreadyExists(resource.groupResource, name)
    if (tries >= generatedNameTries) throw errors.generateNameConflict(resource.groupResource, name)
  }
}

/** Undefined: the name is taken. */
function* tryCreate(serving: Serving, call: Call, object: ApiObject, dryRun: boolean): Flow<Reply | undefined> {
  const { resource, target, shelf } = call
  const { ctx } = serving
  let condition = yield* requireNamespace(serving, call, object.metadata.name ?? '')
  admitCreate(resource, object)
  const faults = beforeCreate(resource.kind, object, {
    namespace: target.namespace,
    nowMs: ctx.clusterMs,
    uid: makeUid(ctx),
    random: () => ctx.random()
  })
  const name = object.metadata.name ?? ''
  if (faults.length > 0) throw errors.invalid(resource.groupKind, name, faults)
  const key = keyOf(resource, target.namespace, name)
  const allocates = isService(resource)
  for (let round = 1; ; round++) {
    const attempt = allocates ? cloneJson(object) : object // What is allocated in one round must not be demanded in the next.
    const allocation: Allocation = allocates ? allocate(serving, attempt, undefined) : noAllocation
    attribute(serving, call, attempt, undefined)
    const stored = shelf.format.encode(resource.convert?.toStored(attempt) ?? attempt)
    if (dryRun) return shelf.get(key) === undefined ? new Presentation(resource, call.accepted).reply(201, stored) : undefined
    const written = yield* write(serving, call, {
      key,
      expected: 0,
      value: stored,
      compares: [...(condition === undefined ? [] : [condition.compare]), ...allocation.compares],
      ops: allocation.ops,
      inspect: [...(condition === undefined ? [] : [condition.key]), ...allocation.keys]
    })
    if (written.ok) {
      const entry = shelf.format.decode(key, stored, written.revision)
      if (entry === undefined) throw errors.internalError('an object just written cannot be read')
      const shown = new Presentation(resource, call.accepted)
      return shown.reply(201, shown.bytes(entry, ctx.clusterMs))
    }
    if (written.current !== undefined) return undefined
    refusedAllocation(object, allocation, condition === undefined ? written.inspected : written.inspected.slice(1), round >= roundsMax)
    if (round >= roundsMax) throw errors.serverTimeout(resource.groupResource, 'create')
    condition = yield* requireNamespace(serving, call, name)
  }
}

const namespaceMismatch = () => errors.badRequest('the namespace of the provided object does not match the namespace sent on the request')
