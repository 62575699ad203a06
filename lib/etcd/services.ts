// Services: which function serves which method, by its path. A method that is not here is answered Unimplemented.

import { auth } from './auth.js'
import { cluster } from './cluster.js'
import { kv } from './kv.js'
import { keepAlive, lease } from './lease.js'
import { maintenance } from './maintenance.js'
import type { Streaming, Unary } from './method.js'
import { snapshot } from './snapshot.js'
import { watch } from './watch.js'

const tables: readonly (readonly [service: string, table: Readonly<Record<string, Unary>>])[] = [
  ['KV', kv],
  ['Lease', lease],
  ['Cluster', cluster],
  ['Maintenance', maintenance],
  ['Auth', auth]
]

export const services: Readonly<Record<string, Unary>> = Object.fromEntries(
  tables.flatMap(([service, table]) => Object.entries(table).map(([method, unary]) => [`/etcdserverpb.${service}/${method}`, unary]))
)

export const streams: Readonly<Record<string, Streaming>> = {
  '/etcdserverpb.Watch/Watch': watch,
  '/etcdserverpb.Lease/LeaseKeepAlive': keepAlive,
  '/etcdserverpb.Maintenance/Snapshot': snapshot
}
