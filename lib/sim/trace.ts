// Trace: what happened, as a running hash (equal seeds must give equal hashes), as counters, and if asked for,
// as the last lines of text.
//
// The hash takes in the time and the outside of every envelope handled, the scalars in its body, and every log.
// It does not take in values nested deeper: a difference there shows in some later envelope, or matters to nobody.

import type { Envelope } from '../actor/index.js'

export interface LogRecord {
  readonly atUs: number
  readonly address: string
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type LogListener = (record: LogRecord) => void

const namesMax = 65536 // Cached hashes of addresses and message names.

export class Trace {
  readonly lines: string[] = []
  readonly #linesMax: number
  readonly #counts = new Map<string, number>()
  readonly #names = new Map<string, number>()
  readonly #listeners: LogListener[] = []
  #low = 0x811c9dc5
  #high = 0x9e3779b9

  constructor(linesMax: number) {
    this.#linesMax = linesMax
  }

  /** 64 bits, in hexadecimal. */
  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0')
  }

  listen(listener: LogListener): void {
    this.#listeners.push(listener)
  }

  count(event: string): number {
    return this.#counts.get(event) ?? 0
  }

  counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  add(event: string, by = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + by)
  }

  handled(nowUs: number, envelope: Envelope): void {
    this.#time(nowUs)
    this.#mix(this.#name(envelope.kind))
    this.#mix(this.#name(envelope.from))
    this.#mix(this.#name(envelope.to))
    this.#mix(envelope.life * 31 + envelope.id)
    this.#mix(envelope.count)
    if (envelope.type !== '') this.#mix(this.#name(envelope.type))
    this.#value(envelope.body, 1)
    if (this.#linesMax > 0)
      this.#line(nowUs, `${envelope.from} ${envelope.kind} ${envelope.type} > ${envelope.to} ${describe(envelope.body)}`)
  }

  log(nowUs: number, address: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.add(event)
    this.#time(nowUs)
    this.#mix(this.#name(address))
    this.#mix(this.#name(event))
    // Stacks name files and lines: they differ between builds, not between runs.
    if (event !== 'failed') this.#value(fields, 2)
    if (this.#linesMax > 0) this.#line(nowUs, `${address} ${event} ${describe(fields)}`)
    if (this.#listeners.length === 0) return
    const record: LogRecord = { atUs: nowUs, address, event, fields }
    for (const listener of this.#listeners) listener(record)
  }

  #time(us: number): void {
    this.#mix(us | 0)
    this.#mix(Math.floor(us / 4294967296))
  }

  #value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'number':
        this.#mix(value)
        if (!Number.isInteger(value)) this.#mix(value * 1048576)
        return
      case 'string':
        return this.#mix(value.length <= 32 ? this.#name(value) : hashOf(value))
      case 'boolean':
        return this.#mix(value ? 1 : 2)
      case 'object':
        if (value === null) return this.#mix(3)
        if (value instanceof Uint8Array) return this.#mix(value.length)
        if (depth <= 0) return
        if (Array.isArray(value)) {
          this.#mix(value.length)
          for (let i = 0; i < value.length && i < 8; i++) this.#value(value[i], depth - 1)
        } else for (const key in value) this.#value((value as Record<string, unknown>)[key], depth - 1)
        return
      default:
        return
    }
  }

  // Two lanes of 32 bits with unlike steps: FNV-1a in one, a rotate and multiply in the other.
  #mix(x: number): void {
    const bits = x | 0
    this.#low = Math.imul(this.#low ^ bits, 0x01000193)
    const high = Math.imul(this.#high ^ bits, 0x85ebca6b)
    this.#high = (high << 13) | (high >>> 19)
  }

  #name(text: string): number {
    let hash = this.#names.get(text)
    if (hash !== undefined) return hash
    hash = hashOf(text)
    if (this.#names.size < namesMax) this.#names.set(text, hash)
    return hash
  }

  // Bounded: the older half goes when it is full.
  #line(nowUs: number, text: string): void {
    if (this.lines.length >= this.#linesMax) this.lines.splice(0, Math.ceil(this.#linesMax / 2))
    this.lines.push(`${(nowUs / 1000).toFixed(3).padStart(12)} ${text}`)
  }
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

const describeMax = 200

function describe(value: unknown): string {
  if (value === undefined) return ''
  const text = JSON.stringify(value, (_key, part: unknown) => {
    if (part instanceof Uint8Array) return `${part.length} bytes`
    if (typeof part === 'function') return 'function'
    return typeof part === 'bigint' ? String(part) : part
  })
  return (text ?? '').slice(0, describeMax)
}
