// Errors: from the store's refusals to gRPC's status codes and etcd's texts, by which etcd's clients tell errors apart.
//
// Codes and texts are those of etcd's api/v3/v3rpc/rpctypes/error.go, release 3.5.

import type { Failure } from '../actor/index.js'
import { type GrpcStatus, grpcCodes } from '../ports/index.js'

const { invalidArgument, notFound, outOfRange, resourceExhausted, failedPrecondition, unavailable, dataLoss, unimplemented } = grpcCodes
const { permissionDenied, unauthenticated, unknown } = grpcCodes

const status = (code: number, text: string): GrpcStatus => ({ code, text })
const own = (code: number, text: string): GrpcStatus => status(code, `etcdserver: ${text}`)

/** What the gateway itself finds wrong. */
export const faults = {
  emptyKey: own(invalidArgument, 'key is not provided'),
  keyNotFound: own(invalidArgument, 'key not found'),
  valueProvided: own(invalidArgument, 'value is provided'),
  leaseProvided: own(invalidArgument, 'lease is provided'),
  tooManyOps: own(invalidArgument, 'too many operations in txn request'),
  invalidSort: own(invalidArgument, 'invalid sort option'),
  tooLarge: own(invalidArgument, 'request is too large'),
  badUrls: own(invalidArgument, 'given member URLs are invalid'),
  leaseNotFound: own(notFound, 'requested lease not found'),
  memberNotFound: own(notFound, 'member not found'),
  learner: own(unavailable, 'rpc not supported for learner'),
  stopped: own(unavailable, 'server stopped'),
  noLeader: own(unavailable, 'no leader'),
  notLeader: own(failedPrecondition, 'not leader'),
  badTransferee: own(failedPrecondition, 'bad leader transferee'),
  timedOut: own(unavailable, 'request timed out'),
  tooManyRequests: own(resourceExhausted, 'too many requests'),
  permissionNotGiven: own(invalidArgument, 'permission not given'),
  permissionDenied: own(permissionDenied, 'permission denied')
} as const

/** By the codes of the store's refusals. */
const ofRefusals: Readonly<Record<string, GrpcStatus>> = {
  compacted: own(outOfRange, 'mvcc: required revision has been compacted'),
  'future revision': own(outOfRange, 'mvcc: required revision is a future revision'),
  'no space': own(resourceExhausted, 'mvcc: database space exceeded'),
  corrupt: own(dataLoss, 'corrupt cluster'),
  'lease not found': faults.leaseNotFound,
  'lease exists': own(failedPrecondition, 'lease already exists'),
  'lease ttl too large': own(outOfRange, 'too large lease TTL'),
  'too many ops': faults.tooManyOps,
  'duplicate key': own(invalidArgument, 'duplicate key given in txn request'),
  'empty key': faults.emptyKey,
  'key not found': faults.keyNotFound,
  'value provided': faults.valueProvided,
  'lease provided': faults.leaseProvided,
  'request too large': faults.tooLarge,
  overloaded: faults.tooManyRequests,
  'member not found': faults.memberNotFound,
  'member exists': own(failedPrecondition, 'member ID already exist'),
  'peer url exists': own(failedPrecondition, 'Peer URLs already exists'),
  'learner not ready': own(failedPrecondition, 'can only promote a learner member which is in sync with leader'),
  'too many learners': own(failedPrecondition, 'too many learner members in cluster'),
  'not learner': own(failedPrecondition, 'can only promote a learner member'),
  unhealthy: own(unavailable, 'unhealthy cluster'),
  'not enough started members': own(failedPrecondition, 're-configuration failed due to not enough started members'),
  'bad leader transferee': faults.badTransferee,
  'transfer timeout': own(unavailable, 'request timed out, leader transfer took too long'),
  'root user not found': own(failedPrecondition, 'root user does not exist'),
  'root role not granted': own(failedPrecondition, 'root user does not have root role'),
  'user exists': own(failedPrecondition, 'user name already exists'),
  'user empty': own(invalidArgument, 'user name is empty'),
  'user not found': own(failedPrecondition, 'user name not found'),
  'role exists': own(failedPrecondition, 'role name already exists'),
  'role empty': own(invalidArgument, 'role name is empty'),
  'role not found': own(failedPrecondition, 'role name not found'),
  'role not granted': own(failedPrecondition, 'role is not granted to the user'),
  'auth failed': own(invalidArgument, 'authentication failed, invalid user ID or password'),
  'no password user': status(unknown, 'auth: authentication failed, password was given for no password user'), // etcd has no code for it.
  'permission not given': faults.permissionNotGiven,
  'permission not granted': own(failedPrecondition, 'permission is not granted to the role'),
  'permission denied': faults.permissionDenied,
  'auth not enabled': own(failedPrecondition, 'authentication is not enabled'),
  'auth revision old': own(invalidArgument, 'revision of auth store is old'),
  'invalid auth token': own(unauthenticated, 'invalid auth token'),
  'invalid auth management': own(invalidArgument, 'invalid auth management'),
  'too many of auth': status(resourceExhausted, 'more users, roles or permissions, or longer names, than the store keeps'),
  // As etcd, whose proposals end so when they were lost with their leader. The write may have happened.
  'leader lost': own(unavailable, 'request timed out, possibly due to previous leader failure'),
  'no leader': faults.timedOut, // It was asked for until the time was over.
  down: faults.stopped,
  unreachable: faults.stopped,
  timeout: faults.timedOut
}

/** How a request that the store declined, or did not answer, ends. */
export function statusOf({ code, detail }: Failure): GrpcStatus {
  const known = Object.hasOwn(ofRefusals, code) ? ofRefusals[code] : undefined
  if (known !== undefined) return known
  if (code === 'unknown message') return status(unimplemented, 'the store of kabuki has no such request')
  return status(code === 'invalid' ? invalidArgument : grpcCodes.unknown, detail === '' ? code : detail)
}

/** Why somebody may not watch, as etcd says it in a stream that goes on: grpc-go's text of a status. Undefined: it is another failure. */
export function watchDenialOf({ code }: Failure): string | undefined {
  switch (code) {
    case 'invalid auth token':
      return denial('Unauthenticated', code)
    case 'auth revision old':
    case 'user empty':
      return denial('InvalidArgument', code)
    case 'permission denied':
      return denial('PermissionDenied', code)
    default:
      return undefined
  }
}

const denial = (name: string, code: string): string => `rpc error: code = ${name} desc = ${ofRefusals[code]?.text}`

/**
 * Whether the same request may be sent again: it took no effect, and what was missing may come back. `auth revision old`: its member had
 * not heard of the last change of users and roles, and will in a moment; of etcd's clients only the one in Go asks again by itself.
 */
export const isPassing = ({ code, definite }: Failure): boolean =>
  definite && (code === 'no leader' || code === 'down' || code === 'unreachable' || code === 'auth revision old')

/** As `isPassing`, of a request that changes nothing. */
export const isPassingForReads = (error: Failure): boolean => isPassing(error) || error.code === 'down' || error.code === 'leader lost'
