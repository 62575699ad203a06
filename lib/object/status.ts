// Status: what the API answers when it cannot do what was asked, in upstream's reasons, codes and words
// (k8s.io/apimachinery/pkg/api/errors). Clients branch on reason and code; people read the message.
//
// Constructors return a StatusError to throw or to answer with.

import type { ListMeta } from './api-object.js'
import { aggregateText, type FieldError, fieldCauses, quote } from './field.js'

export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: ListMeta
  status: 'Success' | 'Failure'
  message?: string
  reason?: StatusReason
  details?: StatusDetails
  code?: number
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string // The resource (plural) for most reasons, the kind for Invalid.
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: number
}

export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}

export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'

export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: Status

  constructor(status: Status) {
    super(status.message ?? '')
    this.status = status
  }

  get code(): number {
    return this.status.code ?? 500
  }

  get reason(): StatusReason | undefined {
    return this.status.reason
  }
}

/** A resource without its version: `{ group: 'apps', resource: 'deployments' }`. The core group is ''. */
export interface GroupResource {
  readonly group: string
  readonly resource: string
}

export interface GroupKind {
  readonly group: string
  readonly kind: string
}

/** `deployments.apps`; the core group adds nothing. */
export const resourceText = ({ group, resource }: GroupResource): string => (group === '' ? resource : `${resource}.${group}`)

export const staleObject = 'the object has been modified; please apply your changes to the latest version and try again'

export function notFound(resource: GroupResource, name: string): StatusError {
  return failure(404, 'NotFound', `${resourceText(resource)} ${quote(name)} not found`, about(resource, name))
}

/** No such path: what upstream answers where no resource is served. */
export function unknownPath(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function alreadyExists(resource: GroupResource, name: string): StatusError {
  return failure(409, 'AlreadyExists', `${resourceText(resource)} ${quote(name)} already exists`, about(resource, name))
}

export function generateNameConflict(resource: GroupResource, name: string, retryAfterSeconds = 1): StatusError {
  const message = `${resourceText(resource)} ${quote(name)} already exists, the server was not able to generate a unique name for the object`
  return failure(409, 'AlreadyExists', message, { ...about(resource, name), retryAfterSeconds })
}

export function conflict(resource: GroupResource, name: string, why: string = staleObject): StatusError {
  const message = `Operation cannot be fulfilled on ${resourceText(resource)} ${quote(name)}: ${why}`
  return failure(409, 'Conflict', message, about(resource, name))
}

export function invalid(kind: GroupKind, name: string, errors: readonly FieldError[]): StatusError {
  const subject = `${kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`} ${quote(name)} is invalid`
  return failure(422, 'Invalid', errors.length === 0 ? subject : `${subject}: ${aggregateText(errors)}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: fieldCauses(errors)
  })
}

export const badRequest = (message: string): StatusError => failure(400, 'BadRequest', message)

export const unauthorized = (message = 'Unauthorized'): StatusError => failure(401, 'Unauthorized', message)

export function forbidden(resource: GroupResource, name: string, why: string): StatusError {
  const subject = resourceText(resource)
  const message =
    subject === ''
      ? `forbidden: ${why}`
      : name === ''
        ? `${subject} is forbidden: ${why}`
        : `${subject} ${quote(name)} is forbidden: ${why}`
  return failure(403, 'Forbidden', message, about(resource, name))
}

export interface DeniedRequest {
  readonly user: string
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly path?: string // Set for requests outside resources.
}

/** What authorization answers: who may not do what, where. */
export function denied(request: DeniedRequest, reason = ''): StatusError {
  const who = `User ${quote(request.user)}`
  const tail = reason === '' ? '' : `: ${reason}`
  if (request.path !== undefined) {
    return failure(403, 'Forbidden', `forbidden: ${who} cannot ${request.verb} path ${quote(request.path)}${tail}`, {})
  }
  const resource = request.subresource === undefined ? request.resource : `${request.resource}/${request.subresource}`
  const where =
    request.namespace === undefined || request.namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(request.namespace)}`
  const why = `${who} cannot ${request.verb} resource ${quote(resource)} in API group ${quote(request.group)} ${where}${tail}`
  return forbidden({ group: request.group, resource: request.resource }, request.name ?? '', why)
}

export function methodNotAllowed(resource: GroupResource, action: string): StatusError {
  const message = `${action} is not supported on resources of kind ${quote(resourceText(resource))}`
  return failure(405, 'MethodNotAllowed', message, about(resource, ''))
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`)
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`
  )
}

export const expired = (message: string): StatusError => failure(410, 'Expired', message)

/** A watch from a compacted revision. */
export const watchTooOld = (): StatusError => expired('The resourceVersion for the provided watch is too old.')

/** An exact list of a compacted revision. */
export const listTooOld = (): StatusError => expired('The resourceVersion for the provided list is too old.')

/** What a watch cache says of a revision before its window. */
export const tooOldForCache = (requested: string, oldest: string): StatusError =>
  expired(`too old resource version: ${requested} (${oldest})`)

const continueExpired = 'The provided continue parameter is too old to display a consistent list result.'

/** A continue token outlived its revision. With a fresh `token` the client may go on inconsistently, as upstream offers. */
export function continueTooOld(token?: string): StatusError {
  if (token === undefined) return expired(`${continueExpired} You must start a new list without the continue parameter.`)
  const error = expired(
    `${continueExpired} You can start a new list without the continue parameter, or use the continue token in this response to ` +
      'retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were ' +
      'created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'
  )
  error.status.metadata.continue = token
  return error
}

export const gone = (message: string): StatusError => failure(410, 'Gone', message)

/** The client asks for a revision this server has not reached. */
export function tooLargeResourceVersion(requested: number, current: number, retryAfterSeconds = 1): StatusError {
  const error = timeout(`Too large resource version: ${requested}, current: ${current}`, retryAfterSeconds)
  error.status.details = {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds
  }
  return error
}

/** Whether it happened is not known: the client may look. */
export function timeout(message: string, retryAfterSeconds = 0): StatusError {
  return failure(504, 'Timeout', `Timeout: ${message}`, retryAfterSeconds > 0 ? { retryAfterSeconds } : {})
}

export function serverTimeout(resource: GroupResource, operation: string, retryAfterSeconds = 0): StatusError {
  const message = `The ${operation} operation against ${resourceText(resource)} could not be completed at this time, please try again.`
  return failure(500, 'ServerTimeout', message, { ...about(resource, operation), ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}) })
}

export function tooManyRequests(message = 'Too many requests, please try again later.', retryAfterSeconds = 1): StatusError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds })
}

/** What the eviction subresource answers while a budget forbids. */
export function disruptionBudget(detail: string, retryAfterSeconds = 10): StatusError {
  return failure(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: detail }],
    retryAfterSeconds
  })
}

/** `why`: `limit is 3145728`. */
export function requestEntityTooLarge(why: string): StatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: ${why}`)
}

export function internalError(message: string): StatusError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
}

export const serviceUnavailable = (message: string): StatusError => failure(503, 'ServiceUnavailable', message)

/** The answer of a DELETE that removed the object. */
export function success(resource: GroupResource, name: string, uid?: string): Status {
  const details: StatusDetails = { ...about(resource, name), ...(uid === undefined ? {} : { uid }) }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

function failure(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
  if (details !== undefined) status.details = details
  return new StatusError(status)
}

function about(resource: GroupResource, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    ...(resource.resource === '' ? {} : { kind: resource.resource })
  }
}
