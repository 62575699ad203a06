// Workloads: those there are, by name.

import { auth } from './auth.js'
import { kubernetes } from './kubernetes.js'
import { kv } from './kv.js'
import { lease } from './lease.js'
import { membership } from './membership.js'
import { txn } from './txn.js'
import { watch } from './watch.js'

export const workloads = { kv, txn, watch, membership, lease, auth, kubernetes } as const
export type WorkloadName = keyof typeof workloads

export const isWorkload = (name: string): name is WorkloadName => Object.hasOwn(workloads, name)
