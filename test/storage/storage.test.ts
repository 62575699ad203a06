// Our own store under the conformance suite: on threads, where the first member leads; in the simulator, by a follower; and as an etcd: through
// its gateways, by the actor that speaks for a real one.

import type { EtcdArgs } from '../../actors/etcd.js'
import { load } from '../../actors/roster.js'
import { canListen } from '../../lib/host/free-port.js'
import { storageConformance } from './conformance.js'
import { hostStorage } from './host-storage.js'
import { simStorage } from './sim-storage.js'

const members = ['control-0/store', 'control-1/store', 'control-2/store']
const store = await load('store')
const args = { clusterId: 'conformance', members }

storageConformance('our store, on threads', () => hostStorage(members.map(address => ({ address, actor: 'store', args }))))
storageConformance('our store, simulated', () => simStorage(2, store, members, members[1] as string))
storageConformance('our store, by etcd’s API', async () => {
  // Gateways listen side by side, each its machine's number after the first.
  let firstPort = 34_000 + (process.pid % 900) * members.length
  const free = (): Promise<boolean[]> => Promise.all(members.map((_, at) => canListen('127.0.0.1', firstPort + at)))
  while (!(await free()).every(one => one)) firstPort += members.length
  const servers = members.map((_, at) => `http://127.0.0.1:${firstPort + at}`)
  const gateway: EtcdArgs = { cluster: 'conformance', listen: { address: '127.0.0.1', firstPort } }
  const to = 'client-0/etcd-storage'
  const actors = [
    ...members.map(address => ({ address, actor: 'store', args })),
    ...members.map((_, at) => ({ address: `control-${at}/etcd`, actor: 'etcd', args: gateway })),
    { address: to, actor: 'etcd-storage', args: { servers, prefix: '/registry', compactEveryMs: 0 } }
  ]
  return hostStorage(actors, to)
})
