// Identity: etcd names clusters and members by numbers of 64 bits, members also by URLs; the store names them by text.
//
// The numbers are hashes of the texts: the same for ever, on every member. A member's peer URL has its machine as the host.

const fnvOffset = 0xcbf29ce484222325n
const fnvPrime = 0x100000001b3n
const peerPort = 2380 // etcd's. Nobody listens there: members talk by message.

/** FNV-1a, 64 bits, and a last mixing (that of MurmurHash3), since names differ in their last characters only. Never 0, which is nobody. */
export function hash64(text: string): bigint {
  let hash = fnvOffset
  for (let at = 0; at < text.length; at++) hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(at))) * fnvPrime)
  hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * 0xff51afd7ed558ccdn)
  hash ^= hash >> 33n
  return hash === 0n ? 1n : hash
}

export const clusterIdOf = (cluster: string): bigint => hash64(`cluster ${cluster}`)
export const memberIdOf = (cluster: string, address: string): bigint => hash64(`member ${cluster} ${address}`)

export const machineOfStore = (address: string): string => address.slice(0, address.lastIndexOf('/'))
export const peerUrlOf = (address: string): string => `http://${machineOfStore(address)}:${peerPort}`

const machinePattern = /^control-(\d{1,3})$/

/** Machines of members are numbered, and with them their ports. Undefined: it is not one. */
export function indexOfMachine(machine: string): number | undefined {
  const index = machinePattern.exec(machine)?.[1]
  return index === undefined ? undefined : Number(index)
}

/** The store's address that a peer URL means: `http://control-3:2380` is `control-3/store`. Undefined: it is no such URL. */
export function addressOfPeerUrl(url: string): string | undefined {
  const machine = /^https?:\/\/([a-z0-9-]+):\d{1,5}$/.exec(url)?.[1]
  return machine === undefined || indexOfMachine(machine) === undefined ? undefined : `${machine}/store`
}
