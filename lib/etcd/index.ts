// etcd: etcd's v3 API as a gateway in front of one member of the store.

export { type EtcdProtocol, type EtcdTimer, Gateway, leaderlessMs, requestBytesMax, requestOverheadBytes } from './gateway.js'
export { clusterIdOf, indexOfMachine, memberIdOf } from './identity.js'
