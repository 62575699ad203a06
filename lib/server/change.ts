// Change: read, decide, write, and again if somebody else wrote in between (upstream's GuaranteedUpdate).
//
// The first decision is made on the cache's state, which may be old: an error or a change of nothing is believed only of the state
// the store confirms.

import type { Flow } from '../actor/index.js'
import { type ApiObject, deepEqual, errors, StatusError } from '../object/index.js'
import type { StoreKeyValue, StoreOp } from '../storage/index.js'
import { type Allocation, isService, noAllocation, refusedAllocation, release } from './allocation.js'
import type { Entry } from './entry.js'
import { keyOf } from './resource.js'
import type { Call, Serving } from './serving.js'
import { failureText } from './store-client.js'
import { write } from './writing.js'

const roundsMax = 32

/** What to make of the current state. */
export type Decision =
  | { readonly kind: 'store'; readonly object: ApiObject; readonly allocation?: Allocation }
  /** `shown`: its last state, as the client is to see it. */
  | { readonly kind: 'remove'; readonly shown: ApiObject }
  | { readonly kind: 'keep' }

export interface Changed {
  /** The state after the change; of a removal the last one. */
  readonly entry: Entry
  readonly removed: boolean
}

/** Undefined: there is no such object. `decide` is given an object of its own, in the version of the request. */
export function* change(
  serving: Serving,
  call: Call,
  dryRun: boolean,
  decide: (current: ApiObject, revision: number) => Decision
): Flow<Changed | undefined> {
  const { resource, shelf } = call
  const key = keyOf(resource, call.target.namespace, call.target.name)
  let entry = shelf.get(key)
  let confirmed = false
  for (let round = 1; round <= roundsMax; round++) {
    if (entry === undefined && !confirmed) {
      entry = yield* readEntry(serving, call, key)
      confirmed = true
    }
    if (entry === undefined) return undefined
    const current = entry.object()
    let decision: Decision
    try {
      decision = decide(resource.convert?.fromStored(current) ?? current, entry.revision)
    } catch (error) {
      if (confirmed || !(error instanceof StatusError)) throw error
      entry = yield* readEntry(serving, call, key)
      confirmed = true
      continue
    }
    const next = decision.kind === 'keep' ? undefined : toStored(call, decision.kind === 'store' ? decision.object : decision.shown)
    const shown = next === undefined ? entry : shelf.format.decode(key, next, entry.revision)
    if (shown === undefined) throw errors.internalError('the object to be written is none of its kind')
    if (decision.kind !== 'remove' && same(entry, shown)) {
      if (confirmed) return { entry, removed: false }
      const now: Entry | undefined = yield* readEntry(serving, call, key)
      if (now?.revision === entry.revision) return { entry, removed: false }
      entry = now
      confirmed = true
      continue
    }
    const removed = decision.kind === 'remove'
    if (dryRun) return { entry: shown, removed }
    const allocation = decision.kind === 'store' ? (decision.allocation ?? noAllocation) : noAllocation
    const ops: readonly StoreOp[] = removed && isService(resource) ? release(current) : allocation.ops
    const written = yield* write(serving, call, {
      key,
      expected: entry.revision,
      value: removed ? undefined : next,
      compares: allocation.compares,
      ops,
      inspect: allocation.keys
    })
    if (written.ok) return { entry: shown.at(written.revision), removed }
    if (written.current?.modRevision === entry.revision) refusedAllocation(current, allocation, written.inspected, round === roundsMax)
    entry = entryOf(call, key, written.current)
    confirmed = true
  }
  throw errors.conflict(resource.groupResource, call.target.name)
}

/** The state of one key as the store has it now. */
export function* readEntry(serving: Serving, call: Call, key: string): Flow<Entry | undefined> {
  const read = yield* serving.store.range({ key }, call.deadlineMs)
  if (!read.ok) throw errors.timeout(`the store does not answer: ${failureText(read.error)}`)
  return entryOf(call, key, read.value.kvs[0])
}

const entryOf = ({ shelf }: Call, key: string, kv: StoreKeyValue | undefined): Entry | undefined =>
  kv === undefined ? undefined : shelf.format.decode(key, kv.value, kv.modRevision)

const toStored = ({ resource, shelf }: Call, object: ApiObject): Uint8Array =>
  shelf.format.encode(resource.convert?.toStored(object) ?? object)

/** The same but for the order of members, which clients choose. */
function same(a: Entry, b: Entry): boolean {
  if (a === b) return true
  if (a.bytes.length !== b.bytes.length) return false
  for (let index = 0; index < a.bytes.length; index++) if (a.bytes[index] !== b.bytes[index]) return deepEqual(a.object(), b.object())
  return true
}
