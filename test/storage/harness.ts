// Harness: what the conformance suite needs of a storage, ours or a real etcd; and the words its cases are written in.
//
// A storage may be shared: each case has keys and a revision of its own to begin at, and nobody else writes meanwhile.

import type { Test } from 'tap'
import type { Failure, Outcome } from '../../lib/actor/index.js'
import type { StoreCompare, StoreOp, StoreWatch, StoreWatchBatch } from '../../lib/storage/index.js'
import type { Seen } from './probe.js'

export interface StorageHarness {
  ask(type: string, body?: unknown, timeoutMs?: number): Promise<Outcome<any>>
  watch(name: string, watch: StoreWatch, options?: { readonly window?: number; readonly held?: boolean }): Promise<Outcome<null>>
  release(name: string): Promise<void>
  closeWatch(name: string): Promise<void>
  seen(name: string): Promise<Seen>
  /** Waits until it holds; rejects, naming `what`, if it does not within a generous limit. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>
  close(): Promise<void>
}

/** Where a case begins. */
export interface Scope {
  key(name: string): string
  /** All keys of the case. */
  readonly all: { readonly key: string; readonly end: string }
  /** Of the storage when the case began. */
  readonly revision: number
}

export interface StorageCase {
  readonly name: string
  readonly run: (t: Test, storage: StorageHarness, scope: Scope) => Promise<void>
}

let scopes = 0

export async function scopeOf(storage: StorageHarness): Promise<Scope> {
  const prefix = `/registry/conformance/${++scopes}/`
  return {
    key: name => prefix + name,
    all: { key: prefix, end: `${prefix.slice(0, -1)}0` },
    revision: (await must(storage, 'revision')).revision
  }
}

export async function must(storage: StorageHarness, type: string, body?: unknown): Promise<any> {
  const outcome = await storage.ask(type, body)
  if (!outcome.ok) throw new Error(`${type} failed: ${JSON.stringify(outcome.error)}`)
  return outcome.value
}

// Requests and answers -------------------------------------------------------------------------------

export type Step = readonly [request: readonly [type: string, body?: unknown], gives: unknown]

/** A case that is a list of requests, and what each gives. */
export const script = (name: string, steps: (scope: Scope) => readonly Step[]): StorageCase => ({
  name,
  async run(t, storage, scope) {
    for (const [[type, body], gives] of steps(scope)) {
      const outcome = legible(await storage.ask(type, body))
      t.same(projected(outcome, gives), gives, `${type} ${JSON.stringify(legible(body))}`)
    }
  }
})

export const gives = (value: unknown) => ({ ok: true, value })
/** Refused, and nothing happened. */
export const refused = (code: string, detail?: string) => ({
  ok: false,
  error: { code, definite: true, ...(detail === undefined ? {} : { detail }) }
})

const encoder = new TextEncoder()
export const bytes = (text: string): Uint8Array => encoder.encode(text)

export const put = (key: string, value = 'v'): StoreOp => ({ type: 'put', key, value: bytes(value) })
export const del = (key: string, more: object = {}): StoreOp => ({ type: 'delete', key, ...more })
export const get = (key: string, more: object = {}): StoreOp => ({ type: 'range', key, ...more })
export const range = (key: string, more: object = {}) => ['range', { key, ...more }] as const
export const txn = (compares: readonly StoreCompare[], success: readonly StoreOp[], failure: readonly StoreOp[] = []) =>
  ['txn', { compares, success, failure }] as const
export const write = (...ops: StoreOp[]) => txn([], ops)

type Target = 'version' | 'create' | 'mod' | 'lease' | 'value'
type Result = StoreCompare['result']
export const compare = (key: string, target: Target, result: Result, operand: number | string): StoreCompare =>
  (typeof operand === 'string' ? { key, target, result, operand: bytes(operand) } : { key, target, result, operand }) as StoreCompare

/** A key and its value as an answer has it, in legible form. */
export const kv = (key: string, value: string, createRevision: number, modRevision: number, version: number, lease = 0) => ({
  key,
  value,
  createRevision,
  modRevision,
  version,
  lease
})

/** Bytes as text, so that what is expected can be read. */
export function legible(value: unknown): unknown {
  if (value instanceof Uint8Array) return String.fromCharCode(...value)
  if (Array.isArray(value)) return value.map(legible)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, legible(member)]))
}

/** What `pattern` speaks of: of objects only the members it has, of lists every item. */
export function projected(value: unknown, pattern: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(pattern)) return value.map((item, at) => projected(item, pattern[at]))
  if (typeof value !== 'object' || value === null || typeof pattern !== 'object' || pattern === null || Array.isArray(value)) return value
  const known = value as Readonly<Record<string, unknown>>
  return Object.fromEntries(Object.entries(pattern).flatMap(([name, of]) => (name in known ? [[name, projected(known[name], of)]] : [])))
}

// Watches --------------------------------------------------------------------------------------------

/** One event as text: `put /key v1 @5`, `delete /key @6`. */
export const line = ({ type, kv: { key, value, modRevision } }: StoreWatchBatch['events'][number]): string =>
  type === 'put' ? `put ${key} ${legible(value)} @${modRevision}` : `delete ${key} @${modRevision}`

export const linesOf = ({ batches }: Seen): string[] => batches.flatMap(batch => batch.events.map(line))

export const endOf = async (storage: StorageHarness, name: string): Promise<Failure | 'end' | null> => (await storage.seen(name)).end

/** Waits for so many events and shows them. */
export async function eventsOf(storage: StorageHarness, name: string, count: number): Promise<string[]> {
  await storage.until(`${count} events of ${name}`, async () => linesOf(await storage.seen(name)).length >= count)
  return linesOf(await storage.seen(name))
}

/** What a watch of every key promises beside its events: it reaches every revision, and says nothing twice or out of order. */
export function disorderOf({ batches }: Seen): string[] {
  const found: string[] = []
  let told = 0
  let last = 0
  for (const { revision, events } of batches) {
    if (revision < told) found.push(`batch of ${revision} after one of ${told}`)
    for (const { kv } of events) {
      if (kv.modRevision <= told) found.push(`event of ${kv.modRevision} after ${told} was told`)
      if (kv.modRevision < last) found.push(`event of ${kv.modRevision} after one of ${last}`)
      if (kv.modRevision > revision) found.push(`event of ${kv.modRevision} in a batch of ${revision}`)
      last = kv.modRevision
    }
    told = revision
  }
  return found
}
