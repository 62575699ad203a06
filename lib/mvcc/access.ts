// Access: what a caller must be permitted for a command: etcd's authApplierV3 (server/etcdserver/apply/apply_auth.go), with what
// its later patches of 3.5 added: transactions in transactions, and of puts in them what is asked of a put.

import type { Auth, AuthFailureCode, Caller } from '../auth/index.js'
import { unreachable } from '../std/index.js'
import type { Command, Delete, Op, Put, Txn } from './command.js'
import { type Failure, failed } from './key-value.js'
import type { Leases } from './lease.js'

interface Guarded {
  readonly auth: Auth
  readonly leases: Leases
}

/** While auth is on. */
export function misfitOfCaller(store: Guarded, caller: Caller, command: Command): Failure | undefined {
  const code = misfitOf(store, caller, command)
  return code === undefined ? undefined : failed(code)
}

function misfitOf(store: Guarded, caller: Caller, command: Command): AuthFailureCode | undefined {
  switch (command.type) {
    case 'put':
    case 'delete':
    case 'txn':
      return misfitOfOp(store, caller, command)
    case 'leaseGrant':
      return caller.user === '' ? 'userEmpty' : undefined
    case 'leaseRevoke':
      return caller.user === '' ? 'userEmpty' : misfitOfLease(store, caller, command.id, 'write')
    case 'auth':
      return command.change.type === 'authenticate' ? undefined : store.auth.misfitOfRoot(caller)
    case 'compact':
    case 'alarm':
    case 'leaseCheckpoint':
      return store.auth.misfitOfRoot(caller)
    default:
      return unreachable(command)
  }
}

/** Of all its compares, and of both branches. A transaction without any needs nothing, as in etcd. */
export function misfitOfTxnAccess(store: Guarded, caller: Caller, { compares, success, failure }: Txn): AuthFailureCode | undefined {
  for (const compare of compares) {
    const misfit = store.auth.misfitOfKeys(caller, compare, 'read')
    if (misfit !== undefined) return misfit
  }
  for (const ops of [success, failure]) {
    for (const op of ops) {
      const misfit = misfitOfOp(store, caller, op)
      if (misfit !== undefined) return misfit
    }
  }
  return undefined
}

function misfitOfOp(store: Guarded, caller: Caller, op: Op): AuthFailureCode | undefined {
  switch (op.type) {
    case 'put':
      return misfitOfPut(store, caller, op)
    case 'delete':
      return misfitOfDelete(store, caller, op)
    case 'range':
      return store.auth.misfitOfKeys(caller, op, 'read')
    case 'txn':
      return misfitOfTxnAccess(store, caller, op)
    default:
      return unreachable(op)
  }
}

/** Who could not revoke a lease must not attach a key to it: its end would take the key along. */
function misfitOfPut(store: Guarded, caller: Caller, { key, lease = 0, prevKv }: Put): AuthFailureCode | undefined {
  const misfit =
    store.auth.misfitOfKeys(caller, { key }, 'write') ?? (lease === 0 ? undefined : misfitOfLease(store, caller, lease, 'write'))
  return misfit ?? (prevKv === true ? store.auth.misfitOfKeys(caller, { key }, 'read') : undefined)
}

const misfitOfDelete = ({ auth }: Guarded, caller: Caller, { key, end, prevKv }: Delete): AuthFailureCode | undefined =>
  auth.misfitOfKeys(caller, { key, end }, 'write') ?? (prevKv === true ? auth.misfitOfKeys(caller, { key, end }, 'read') : undefined)

/** Of all its keys. Root may do so with any; so may everybody with one that has none, or that there is not. */
export function misfitOfLease(
  { auth, leases }: Guarded,
  caller: Caller,
  id: number,
  access: 'read' | 'write'
): AuthFailureCode | undefined {
  if (auth.misfitOfRoot(caller) === undefined) return undefined
  for (const key of leases.get(id)?.keys ?? []) {
    const misfit = auth.misfitOfKeys(caller, { key }, access)
    if (misfit !== undefined) return misfit
  }
  return undefined
}
