// AddressTable: what every thread of a cluster must agree on about addresses, in shared memory: where a listener
// really listens (moved ports), and on which machine an address is.
//
// Guarantee: what one thread noted, another finds at once, even if the first died since. Each entry is one 64-bit
// word, so no thread ever holds a lock, and a thread that dies holds nobody up. Only 127.0.0.0/8 can be noted.

import type { Transport } from '../ports/index.js'

const listenersMax = 16_384 // 2^14: see `home`.
// How far from its home an entry may be. Slots of closed listeners never become empty again, so nothing else ends a search;
// with half the slots in use, an entry that finds no place within it is rarer than 1 in 10^9.
const probesMax = 128
const machinesMax = 1024
const nameBytesMax = 60
const recordBytes = 4 + nameBytesMax
const machinesAt = listenersMax * 8
export const addressTableBytes = machinesAt + 4 + machinesMax * recordBytes

export class AddressTable {
  readonly #listeners: BigInt64Array // transport, address, port asked for | port really bound (0: none any more).
  readonly #machineCount: Int32Array
  readonly #prefixes: Int32Array // One word a record: the low 24 bits, the last byte 0 for a whole /24.
  readonly #bytes: Uint8Array

  constructor(shared: SharedArrayBuffer) {
    this.#listeners = new BigInt64Array(shared, 0, listenersMax)
    this.#machineCount = new Int32Array(shared, machinesAt, 1)
    this.#prefixes = new Int32Array(shared, machinesAt + 4)
    this.#bytes = new Uint8Array(shared)
  }

  /** The port really bound for that listener, as last noted. */
  boundAt(transport: Transport, address: string, port: number): number | undefined {
    const key = listenerKey(transport, address, port)
    if (key === undefined) return undefined
    const slot = this.#find(key)
    const bound = slot < 0 ? 0 : Number(Atomics.load(this.#listeners, slot) & 0xffffn)
    return bound === 0 ? undefined : bound
  }

  /** Notes the port really bound; null: the listener is closed. False: there is no room. */
  note(transport: Transport, address: string, port: number, bound: number | null): boolean {
    const key = listenerKey(transport, address, port)
    if (key === undefined) return false
    const word = (key << 16n) | BigInt(bound ?? 0)
    const known = this.#find(key)
    if (known >= 0) Atomics.store(this.#listeners, known, word)
    if (known >= 0 || bound === null) return true
    for (let i = 0, slot = home(key); i < probesMax; i++, slot = (slot + 1) % listenersMax) {
      const old = Atomics.load(this.#listeners, slot)
      if (old !== 0n && (old & 0xffffn) !== 0n) continue // In use; a closed listener's slot is taken over.
      if (Atomics.compareExchange(this.#listeners, slot, old, word) === old) return true
      i = -1 // Another thread was faster: from the start again.
      slot = (home(key) + listenersMax - 1) % listenersMax
    }
    return false
  }

  /** `address`: one address, or a whole /24 as `127.9.2`. False: not a loopback address, or the table is full. */
  place(address: string, machine: string): boolean {
    const prefix = loopbackBits(address.split('.').length === 3 ? `${address}.0` : address)
    const name = new TextEncoder().encode(machine)
    if (prefix === undefined || name.length > nameBytesMax) return false
    const at = this.#place(prefix)
    if (at === undefined) return false
    const bytes = new Uint8Array(nameBytesMax)
    bytes.set(name)
    this.#bytes.set(bytes, machinesAt + 4 + at * recordBytes + 4)
    Atomics.store(this.#prefixes, (at * recordBytes) / 4, (prefix + 1) | 0)
    return true
  }

  machineOf(address: string): string | undefined {
    const bits = loopbackBits(address)
    if (bits === undefined) return undefined
    return this.#machineAt(bits) ?? this.#machineAt(bits & ~0xff)
  }

  #find(key: bigint): number {
    for (let i = 0, slot = home(key); i < probesMax; i++, slot = (slot + 1) % listenersMax) {
      const word = Atomics.load(this.#listeners, slot)
      if (word === 0n) return -1
      if (word >> 16n === key) return slot
    }
    return -1
  }

  #place(prefix: number): number | undefined {
    const count = Math.min(Atomics.load(this.#machineCount, 0), machinesMax)
    for (let i = 0; i < count; i++) if (this.#prefixes[(i * recordBytes) / 4] === ((prefix + 1) | 0)) return i
    const at = Atomics.add(this.#machineCount, 0, 1)
    return at < machinesMax ? at : undefined
  }

  #machineAt(prefix: number): string | undefined {
    const count = Math.min(Atomics.load(this.#machineCount, 0), machinesMax)
    for (let i = 0; i < count; i++) {
      if (Atomics.load(this.#prefixes, (i * recordBytes) / 4) !== ((prefix + 1) | 0)) continue
      const from = machinesAt + 4 + i * recordBytes + 4
      const name = this.#bytes.slice(from, from + nameBytesMax)
      const end = name.indexOf(0)
      return new TextDecoder().decode(end < 0 ? name : name.subarray(0, end))
    }
    return undefined
  }
}

/** The low 24 bits of an address in 127.0.0.0/8. */
export function loopbackBits(address: string): number | undefined {
  const parts = address.split('.').map(Number)
  if (parts.length !== 4 || parts[0] !== 127 || parts.some(part => !(part >= 0 && part <= 255))) return undefined
  return ((parts[1] as number) << 16) | ((parts[2] as number) << 8) | (parts[3] as number)
}

export const isLoopback = (address: string): boolean => loopbackBits(address) !== undefined

function listenerKey(transport: Transport, address: string, port: number): bigint | undefined {
  const bits = loopbackBits(address)
  if (bits === undefined || port < 1 || port > 65_535) return undefined
  return (BigInt(transport === 'UDP' ? 1 : 0) << 40n) | (BigInt(bits) << 16n) | BigInt(port)
}

// The top bits of a multiplicative hash: neighbouring pods listen on the same port, so the low bits of keys are alike.
const home = (key: bigint): number => Number(BigInt.asUintN(64, key * 0x9e3779b97f4a7c15n) >> 50n)
