// Facts: what single answers and events say of a key, and where two of them contradict each other, whatever else happened.
//
// Guarantee: to leave out operations or watches only makes contradictions fewer. So what is found here proves that a promise
// was broken even of a history with holes, and the smallest history that shows it is found by leaving out what can be left out. That
// nothing is found proves nothing: that every answer can be explained is for linearizability.ts to say.

import type { StoreEvent, StoreKeyValue, StoreRange } from '../storage/index.js'
import { describeOperation, describeWatch, timeOf } from './excerpt.js'
import { type Guarantee, guarantees, type Violation, violation, violationsMax } from './guarantee.js'
import {
  equalBytes,
  type History,
  hasWritten,
  type Operation,
  performed,
  type RangeOperation,
  revisionOf,
  type WatchRecord
} from './history.js'
import { firstPlace, isIn } from './model.js'
import { checkOrder, checkSerializable, Floors, isWrite, sightsOf } from './order.js'
import { missingOf, observe } from './watch.js'
import { checkStream, firstRevision } from './watch-stream.js'

type By = () => string

/** That a revision put or deleted a key. What is not known is absent. */
interface Change {
  readonly revision: number
  readonly type: 'put' | 'delete'
  readonly value?: Uint8Array | undefined
  readonly createRevision?: number | undefined
  readonly version?: number | undefined
  readonly isWatched: boolean
  readonly by: By
}

/** That a key was, at a revision, what `modRevision` had put; 0: that it was not there. */
interface State {
  readonly revision: number
  readonly modRevision: number
  readonly guarantee: Guarantee
  readonly by: By
}

interface KeyFacts {
  readonly changes: Change[]
  readonly states: State[]
}

export function checkFacts(history: History): Violation[] {
  const { operations, watches } = history
  const streams = watches.map(checkStream)
  const sound = watches.filter((_, at) => streams[at] === undefined)
  const floors = new Floors([...sightsOf(operations), ...observe(sound, () => false).sights])
  const wrong = [
    ...streams.filter(found => found !== undefined),
    ...checkSerializable(operations),
    ...checkOrder(operations, floors),
    ...checkUnique(operations)
  ]
  const facts = new Facts()
  for (const operation of operations) facts.addOperation(operation)
  for (const watch of sound) facts.addWatch(watch)
  wrong.push(...facts.contradictions(), ...sound.flatMap(watch => facts.missing(watch)))
  return wrong.slice(0, violationsMax)
}

function checkUnique(operations: readonly Operation[]): Violation[] {
  const claims = new Map<number, Operation>()
  const wrong: Violation[] = []
  for (const operation of operations) {
    if (!isWrite(operation)) continue
    const revision = revisionOf(operation) as number
    const other = claims.get(revision)
    if (other === undefined) claims.set(revision, operation)
    else wrong.push(violation(guarantees.uniqueRevision, `${describeOperation(other)}\n${describeOperation(operation)}`))
  }
  return wrong
}

class Facts {
  readonly #keys = new Map<string, KeyFacts>()
  readonly #ranges: { readonly query: StoreRange; readonly revision: number; readonly keys: ReadonlySet<string>; readonly by: By }[] = []

  addOperation(operation: Operation): void {
    const { outcome } = operation
    if (outcome?.ok !== true) return
    const by = (): string => describeOperation(operation)
    if (operation.kind === 'range') this.#addRange(operation, by)
    else if (operation.kind === 'txn') this.#addTxn(operation, by)
  }

  addWatch(watch: WatchRecord): void {
    for (const { atUs, events } of watch.batches) {
      const by = (): string => `${describeWatch(watch)}\n  at ${timeOf(atUs)}`
      for (const event of events) this.#addEvent(event, watch.request.prevKv === true, by)
    }
  }

  #of(key: string): KeyFacts {
    const there = this.#keys.get(key)
    if (there !== undefined) return there
    const facts: KeyFacts = { changes: [], states: [] }
    this.#keys.set(key, facts)
    return facts
  }

  #addEvent({ type, kv, prev }: StoreEvent, hasPrev: boolean, by: By): void {
    const { changes, states } = this.#of(kv.key)
    const revision = kv.modRevision
    if (type === 'delete') changes.push({ revision, type, isWatched: true, by })
    else this.#addKeyValue(kv, true, true, by)
    const before = { revision: revision - 1, by }
    if (hasPrev && prev !== undefined) {
      this.#addKeyValue(prev, true, true, by)
      states.push({ ...before, modRevision: prev.modRevision, guarantee: guarantees.watchPrev })
    }
    if (type === 'put' && kv.version === 1) states.push({ ...before, modRevision: 0, guarantee: guarantees.watchCreated })
  }

  #addKeyValue({ key, value, modRevision, createRevision, version }: StoreKeyValue, hasValue: boolean, isWatched: boolean, by: By): void {
    const { changes } = this.#of(key)
    const of = { createRevision, isWatched, by }
    changes.push({ ...of, revision: modRevision, type: 'put', version, value: hasValue ? value : undefined })
    if (createRevision < modRevision) changes.push({ ...of, revision: createRevision, type: 'put', version: 1 })
  }

  #addRange({ query, outcome }: RangeOperation, by: By): void {
    if (outcome?.ok !== true) return
    const revision = query.revision || outcome.value.revision
    this.#addRead(query, outcome.value.kvs, outcome.value.more, revision, by)
  }

  #addRead(query: StoreRange, kvs: readonly StoreKeyValue[], more: boolean, revision: number, by: By): void {
    for (const kv of kvs) {
      this.#addKeyValue(kv, query.keysOnly !== true, false, by)
      this.#of(kv.key).states.push({ revision, modRevision: kv.modRevision, guarantee: guarantees.values, by })
    }
    if (!more && query.countOnly !== true) this.#ranges.push({ query, revision, keys: new Set(kvs.map(({ key }) => key)), by })
  }

  #addTxn({ txn, outcome }: Operation & { readonly kind: 'txn' }, by: By): void {
    if (outcome?.ok !== true) return
    const { revision } = outcome.value
    const done = performed(txn, outcome.value)
    const written = new Map<string, Change>() // The last of each key counts.
    const isWriting = hasWritten(txn, outcome.value)
    for (const [op, result] of done) {
      if (op.type === 'put') written.set(op.key, { revision, type: 'put', value: op.value, isWatched: false, by })
      else if (op.type === 'delete' && result?.type === 'delete') {
        for (const kv of result.prevs) if (kv.modRevision < revision) this.#addKeyValue(kv, true, false, by)
        const gone = op.end === undefined && result.deleted > 0 ? [op.key] : result.prevs.map(({ key }) => key)
        for (const key of gone) written.set(key, { revision, type: 'delete', isWatched: false, by })
      } else if (op.type === 'range' && result?.type === 'range') {
        // In a transaction that writes it depends on what came before it there.
        if (!isWriting) this.#addRead(op, result.kvs, result.more, op.revision || revision, by)
        else for (const kv of result.kvs) if (kv.modRevision < revision) this.#addKeyValue(kv, op.keysOnly !== true, false, by)
      }
    }
    for (const [key, change] of written) this.#of(key).changes.push(change)
  }

  contradictions(): Violation[] {
    const wrong: Violation[] = []
    this.#addAbsent()
    for (const [key, facts] of this.#keys) {
      facts.changes.sort((a, b) => a.revision - b.revision)
      const found = contradictionOf(key, facts)
      if (found !== undefined) wrong.push(found)
      if (wrong.length >= violationsMax) break
    }
    return wrong
  }

  /** What a range did not have, though it is known elsewhere. */
  #addAbsent(): void {
    for (const { query, revision, keys, by } of this.#ranges) {
      const state = { revision, modRevision: 0, guarantee: guarantees.values, by }
      if (query.end === undefined || query.end === '') {
        if (!keys.has(query.key)) this.#of(query.key).states.push(state)
        continue
      }
      for (const [key, { states }] of this.#keys) if (!keys.has(key) && isIn(query, key)) states.push(state)
    }
  }

  /** Changes that a watch was to see, and was told past. */
  missing(watch: WatchRecord): Violation[] {
    const first = firstRevision(watch)
    const told = watch.batches.reduce((most, { revision }) => Math.max(most, revision), 0)
    if (first === undefined || told < first) return []
    const sent = new Set(watch.batches.flatMap(({ events }) => events.map(({ kv }) => `${kv.modRevision} ${kv.key}`)))
    const revisions = new Set(watch.batches.flatMap(({ events }) => events.map(({ kv }) => kv.modRevision)))
    for (const [key, { changes }] of this.#keys) {
      if (!isIn(watch.request, key)) continue
      for (const { revision, type, by } of changes) {
        if ((type === 'put' ? watch.request.noPut : watch.request.noDelete) === true) continue
        if (revision < first || revision > told || sent.has(`${revision} ${key}`)) continue
        const guarantee = revisions.has(revision) ? guarantees.watchAtomic : missingOf(watch, revision)
        return [
          violation(guarantee, `${describeWatch(watch)}\nwas told up to ${told}, and not of ${key} at revision ${revision}:\n${by()}`)
        ]
      }
    }
    return []
  }
}

function contradictionOf(key: string, { changes, states }: KeyFacts): Violation | undefined {
  const say = (guarantee: Guarantee, one: By, other: By): Violation =>
    violation(guarantee, `${key}: one of these is wrong\n${one()}\n${other()}`)
  let gone: Change | undefined
  for (const change of changes) {
    const { version = 1, createRevision = change.revision, revision, by } = change
    if (version > revision - createRevision + 1) return say(guarantees.values, by, () => `for there is no room for ${version} versions`)
    if (gone !== undefined && gone.revision > createRevision) return say(guarantees.values, by, gone.by)
    if (change.type === 'delete') gone = change
  }
  for (let at = 1; at < changes.length; at++) {
    const [one, other] = [changes[at - 1] as Change, changes[at] as Change]
    const guarantee = one.revision === other.revision ? disagreementOf(one, other) : undefined
    if (guarantee !== undefined) return say(guarantee, one.by, other.by)
  }
  for (const state of states) {
    const place = firstPlace(changes.length, at => (changes[at] as Change).revision > state.revision)
    const last = changes[place - 1]
    const next = changes[place]
    if (state.modRevision > 0) {
      if (last !== undefined && last.revision > state.modRevision) return say(state.guarantee, state.by, last.by)
    } else {
      // Before it something that is not known may have deleted the key; but not where the same life goes on.
      if (last?.type === 'put' && last.revision === state.revision) return say(state.guarantee, state.by, last.by)
      if (next?.createRevision !== undefined && next.createRevision <= state.revision) return say(state.guarantee, state.by, next.by)
    }
  }
  return undefined
}

function disagreementOf(a: Change, b: Change): Guarantee | undefined {
  const differ = (one: number | undefined, other: number | undefined): boolean => one !== undefined && other !== undefined && one !== other
  const wrongly = a.isWatched && b.isWatched ? guarantees.agreement : guarantees.noLostWrite
  if (a.type !== b.type || (a.value !== undefined && b.value !== undefined && !equalBytes(a.value, b.value))) return wrongly
  if (!differ(a.createRevision, b.createRevision) && !differ(a.version, b.version)) return undefined
  return a.isWatched || b.isWatched ? guarantees.watchCreated : guarantees.values
}
