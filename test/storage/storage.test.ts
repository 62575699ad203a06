// Our own store under the conformance suite: on threads, where the first member leads, and in the simulator, by a follower.

import { load } from '../../actors/roster.js'
import { storageConformance } from './conformance.js'
import { hostStorage } from './host-storage.js'
import { simStorage } from './sim-storage.js'

const members = ['control-0/store', 'control-1/store', 'control-2/store']
const store = await load('store')
const args = { clusterId: 'conformance', members }

storageConformance('our store, on threads', () => hostStorage(members.map(address => ({ address, actor: 'store', args }))))
storageConformance('our store, simulated', () => simStorage(2, store, members, members[1] as string))
