// Linearizability of transactions and ranges. The answers' revisions give the order (order.ts); here the writes are
// replayed in it, and every answer and everything observed is compared with what the model gives.
//
// Only for a revision that no acknowledged write claims must be searched: one of those whose answer was lost took it. What
// was observed of that revision mostly says which. The search goes depth first, the likeliest first (doubts.ts), and remembers
// configurations that led nowhere. It is bounded; if it gives up, the verdict is `unknown`, which is not a pass.

import type { StoreEvent, StoreKeyValue, StoreOpResult, StoreRangeAnswer, StoreTxnAnswer } from '../storage/index.js'
import { Doubts } from './doubts.js'
import { brief, describeEvents, describeOperation } from './excerpt.js'
import { guarantees, type Violation, violation, violationsMax } from './guarantee.js'
import {
  bytesText,
  equalEvents,
  equalKeyValues,
  equalLists,
  type Operation,
  opsOf,
  performed,
  type RangeOperation,
  type TxnOperation
} from './history.js'
import { Model } from './model.js'
import { checkOrder, Floors, isWrite, type Sight, sightsOf } from './order.js'
import { differenceOf } from './watch.js'

/** Writes considered for revisions that no answer claims, and revisions replayed after a wrong try. */
export const searchStepsMax = 1_000_000
const rangeSteps = 10 // Of a read of many keys.
const memoCharactersMax = 1 << 27

export interface OperationsVerdict {
  readonly violations: readonly Violation[]
  /** Why the search gave up. */
  readonly unknown: string | undefined
  /** The history found, up to its last revision or to where it went wrong. */
  readonly model: Model
  readonly revisionLast: number
  /** How many operations without an answer took effect. */
  readonly doubtsResolved: number
}

/** All events of a revision, where somebody who watched everything saw them. */
export type Observations = ReadonlyMap<number, readonly StoreEvent[]>

export function checkOperations(
  operations: readonly Operation[],
  observed: Observations = new Map(),
  sights: readonly Sight[] = [],
  stepsMax = searchStepsMax
): OperationsVerdict {
  const floors = new Floors([...sightsOf(operations), ...sights])
  const violations = checkOrder(operations, floors).slice(0, violationsMax)
  const replay = new Replay(operations, observed, floors, stepsMax)
  violations.push(...replay.twice)
  if (violations.length === 0) violations.push(...replay.run())
  const { model, unknown, revisionLast, doubtsResolved } = replay
  return { violations, unknown, model, revisionLast, doubtsResolved }
}

/** A revision that no answer claims, and who may have written it. */
interface Choice {
  readonly revision: number
  readonly candidates: readonly TxnOperation[]
  next: number
}

class Replay {
  readonly model = new Model()
  readonly twice: Violation[] = []
  readonly revisionLast: number
  unknown: string | undefined
  readonly #observed: Observations
  readonly #claims = new Map<number, TxnOperation>()
  /** What single answers tell of a revision: that it put these. */
  readonly #glimpsed = new Map<number, StoreKeyValue[]>()
  readonly #glimpsedBy = new Map<StoreKeyValue, Operation>()
  readonly #created = new Map<number, Set<string>>()
  readonly #reads = new Map<number, Operation[]>()
  readonly #lost: TxnOperation[] = [] // No answer: it may have happened.
  readonly #refused: TxnOperation[] = []
  readonly #used = new Set<TxnOperation>()
  readonly #choices: Choice[] = []
  readonly #doubts: Doubts
  readonly #hopeless = new Set<string>() // Configurations from which no order leads to the end.
  #hopelessCharacters = 0
  #isMemoExact = true
  #stepsLeft: number
  #deepest: { revision: number; violation: Violation } | undefined

  constructor(operations: readonly Operation[], observed: Observations, floors: Floors, stepsMax: number) {
    this.#observed = observed
    this.#stepsLeft = stepsMax
    let last = 1
    for (const revision of observed.keys()) last = Math.max(last, revision)
    for (const operation of operations) {
      this.#sort(operation)
      if (operation.outcome?.ok === true && operation.kind !== 'compact') last = Math.max(last, operation.outcome.value.revision)
    }
    this.revisionLast = last
    const told = [...this.#glimpsed.values()].flat()
    for (const events of observed.values()) for (const { kv } of events) told.push(kv)
    const claims = [...this.#claims.values()]
    this.#doubts = new Doubts({ lost: this.#lost, floors, told, claims, reads: [...this.#reads.values()].flat() })
  }

  get doubtsResolved(): number {
    return this.#used.size
  }

  #sort(operation: Operation): void {
    const { outcome } = operation
    for (const kv of keyValuesOf(operation)) {
      const there = this.#glimpsed.get(kv.modRevision)
      if (there === undefined) this.#glimpsed.set(kv.modRevision, [kv])
      else if (!there.some(other => equalKeyValues(other, kv))) there.push(kv)
      else continue
      this.#glimpsedBy.set(kv, operation)
      const { createRevision, key } = kv
      const created = this.#created.get(createRevision)
      if (created === undefined) this.#created.set(createRevision, new Set([key]))
      else created.add(key)
    }
    if (operation.kind === 'txn' && outcome?.ok !== true) {
      if (outcome?.error.definite === true) this.#refused.push(operation)
      else this.#lost.push(operation)
      return
    }
    if (outcome?.ok !== true || operation.kind === 'compact' || operation.kind === 'revision') return
    const { revision } = outcome.value
    if (operation.kind === 'txn' && isPast(operation.txn)) this.#isMemoExact = false
    if (operation.kind === 'txn' && isWrite(operation)) {
      const other = this.#claims.get(revision)
      if (other === undefined) this.#claims.set(revision, operation)
      else this.twice.push(violation(guarantees.uniqueRevision, `${describeOperation(other)}\n${describeOperation(operation)}`))
      return
    }
    // A read of the past says what was true then.
    const asked = operation.kind === 'range' ? operation.query.revision || revision : revision
    const at = Math.min(asked, revision)
    const there = this.#reads.get(at)
    if (there === undefined) this.#reads.set(at, [operation])
    else there.push(operation)
  }

  /** Depth first; what it answers is what went wrong in the try that came furthest. */
  run(): Violation[] {
    let wrong = this.#checkReads(1)
    while (wrong === undefined && this.model.revision < this.revisionLast) {
      wrong = this.#advance(this.model.revision + 1)
      while (wrong !== undefined && this.#stepsLeft > 0) {
        if (this.#deepest === undefined || this.model.revision >= this.#deepest.revision)
          this.#deepest = { revision: this.model.revision, violation: wrong }
        const retried = this.#retry()
        if (retried === 'no more') return [this.#deepest.violation]
        wrong = retried
      }
      if (wrong !== undefined) {
        this.unknown = `the search gave up at revision ${this.#deepest?.revision}, after: ${(this.#deepest?.violation ?? wrong).excerpt}`
        return []
      }
    }
    return wrong === undefined ? [] : [wrong]
  }

  #advance(revision: number): Violation | undefined {
    if (this.#deepest !== undefined) this.#stepsLeft--
    const claim = this.#claims.get(revision)
    if (claim !== undefined) return this.#take(claim, revision)
    if (this.#deepest !== undefined && this.#hopeless.size > 0 && this.#hopeless.has(this.#configuration(revision)))
      return this.#deepest.violation
    const evidence = { seen: this.#observed.get(revision), glimpsed: this.#glimpsed.get(revision) }
    this.#stepsLeft -= this.#doubts.steps
    const choice = { revision, candidates: this.#doubts.of(revision, evidence, this.#used, this.model), next: 0 }
    this.#choices.push(choice)
    return this.#tryNext(choice)
  }

  /** Takes the last choice that has something left to try. Undefined: that went well. */
  #retry(): Violation | undefined | 'no more' {
    for (let choice = this.#choices.at(-1); choice !== undefined; choice = this.#choices.at(-1)) {
      this.#backTo(choice)
      const wrong = this.#tryNext(choice)
      if (wrong === undefined) return undefined
      if (this.#stepsLeft <= 0) return wrong
      if (choice.next < choice.candidates.length) continue
      this.#choices.pop()
      this.#note(choice.revision)
    }
    return 'no more'
  }

  /** Nothing that could be tried from here led to the end. */
  #note(revision: number): void {
    if (!this.#isMemoExact || this.#hopelessCharacters > memoCharactersMax) return
    const configuration = this.#configuration(revision)
    this.#hopeless.add(configuration)
    this.#hopelessCharacters += configuration.length
  }

  /**
   * What all that is to come depends on: which writes in doubt are used up, and the keys that these changed. Every other
   * key is as the acknowledged writes left it, whichever way led here.
   */
  #configuration(revision: number): string {
    this.#stepsLeft -= 1 + (this.#choices.length >> 2)
    const used: number[] = []
    const keys = new Set<string>()
    for (const choice of this.#choices) {
      if (choice.revision >= revision) break
      used.push(this.#doubts.at(choice.candidates[choice.next - 1] as TxnOperation))
      for (const { kv } of this.model.events(choice.revision)) keys.add(kv.key)
    }
    const state = [...keys].sort().map(key => {
      const kv = this.model.at(key, revision - 1)
      return kv === undefined ? key : [key, kv.modRevision, kv.createRevision, kv.version, kv.lease, bytesText(kv.value)]
    })
    return JSON.stringify([revision, used.sort((a, b) => a - b), state])
  }

  #backTo(choice: Choice): void {
    this.model.undoTo(choice.revision - 1)
    const taken = choice.candidates[choice.next - 1]
    if (taken !== undefined) this.#used.delete(taken)
  }

  #tryNext(choice: Choice): Violation | undefined {
    const { revision, candidates } = choice
    while (choice.next < candidates.length) {
      const candidate = candidates[choice.next++] as TxnOperation
      this.#stepsLeft--
      this.model.apply(candidate.txn)
      const wrong = this.model.revision === revision ? (this.#misfit(revision) ?? this.#checkReads(revision)) : this.#unexplained(revision)
      if (wrong === undefined) {
        this.#used.add(candidate)
        return undefined
      }
      this.model.undoTo(revision - 1)
      if (this.#stepsLeft <= 0) return wrong
    }
    return this.#unexplained(revision)
  }

  /** An acknowledged write at its revision. */
  #take(operation: TxnOperation, revision: number): Violation | undefined {
    const answer = this.model.apply(operation.txn)
    const told = operation.outcome?.ok === true ? operation.outcome.value : undefined
    if (told === undefined || this.model.revision !== revision || !equalTxnAnswers(answer, told)) {
      this.model.undoTo(revision - 1)
      return this.#wrong(
        revision,
        guarantees.values,
        () => `${describeOperation(operation)}\nwhere the writes before it give ${brief(answer)}`
      )
    }
    const misfit = this.#misfit(revision)
    if (misfit !== undefined) {
      this.model.undoTo(revision - 1)
      const guarantee = misfit.guarantee === guarantees.values ? guarantees.noLostWrite : misfit.guarantee
      return this.#wrong(revision, guarantee, () => `${describeOperation(operation)}\n${misfit.excerpt}`)
    }
    return this.#checkReads(revision)
  }

  /** Whether what was observed of that revision is something else. */
  #misfit(revision: number): Violation | undefined {
    const seen = this.#observed.get(revision)
    const events = this.model.events(revision)
    const missing = this.#glimpsed.get(revision)?.find(kv => !events.some(event => event.type === 'put' && equalKeyValues(event.kv, kv)))
    const right = (): string => `where the history has: ${describeEvents(events)}`
    if (missing !== undefined) {
      const by = this.#glimpsedBy.get(missing) as Operation
      return this.#wrong(revision, guarantees.values, () => `${describeOperation(by)}\nhas ${brief(missing)}\n${right()}`)
    }
    for (const key of this.#created.get(revision) ?? []) {
      if (!events.some(({ kv }) => kv.key === key && kv.version === 1))
        return this.#wrong(revision, guarantees.values, () => `answers have ${key} created at ${revision}\n${right()}`)
    }
    const difference = seen === undefined ? undefined : differenceOf(seen, events)
    if (seen === undefined || difference === undefined) return undefined
    // Another event altogether: which of the two is right nobody knows.
    const guarantee = difference === guarantees.watchTrue ? guarantees.values : difference
    return this.#wrong(revision, guarantee, () => `at revision ${revision} was seen: ${describeEvents(seen)}\n${right()}`)
  }

  #unexplained(revision: number): Violation {
    const seen = this.#observed.get(revision)
    const what = seen === undefined ? 'was answered, but no write that may have happened fits' : `was seen: ${describeEvents(seen)}`
    const excerpt = `revision ${revision} ${what}`
    // To look for who might have is dear: once for how far the search has come.
    if (seen === undefined || revision <= (this.#deepest?.revision ?? 0)) return violation(guarantees.noInvention, excerpt)
    for (const [guarantee, operations] of this.#suspects()) {
      const culprit = operations.find(operation => this.#would(operation, revision))
      if (culprit !== undefined) return violation(guarantee, `${describeOperation(culprit)}\n${excerpt}`)
    }
    return violation(guarantees.noInvention, excerpt)
  }

  // Who might have written it, had it been allowed to.
  #suspects(): [Violation['guarantee'], Iterable<TxnOperation> & { find: TxnOperation[]['find'] }][] {
    return [
      [guarantees.refusedIsNothing, this.#refused],
      [guarantees.atMostOnce, [...this.#used]],
      [guarantees.atMostOnce, [...this.#claims.values()]],
      [guarantees.realTime, this.#lost]
    ]
  }

  #would({ txn }: TxnOperation, revision: number): boolean {
    const seen = this.#observed.get(revision)
    if (seen === undefined) return false
    this.model.apply(txn)
    // By value: a write that came a second time has another version.
    const fits = this.model.revision === revision && equalLists(seen, this.model.events(revision), equalEvents)
    this.model.undoTo(revision - 1)
    return fits
  }

  /** Words are dear: only for a try that came further than all before. */
  #wrong(revision: number, guarantee: Violation['guarantee'], excerpt: () => string): Violation {
    const deepest = this.#deepest
    return deepest !== undefined && revision <= deepest.revision ? deepest.violation : violation(guarantee, excerpt())
  }

  #checkReads(revision: number): Violation | undefined {
    for (const operation of this.#reads.get(revision) ?? []) {
      const wrong = this.#checkRead(operation, revision)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  #checkRead(operation: Operation, revision: number): Violation | undefined {
    if (operation.outcome?.ok !== true) return undefined
    let right: unknown
    if (operation.kind === 'txn') {
      const answer = this.model.apply(operation.txn)
      if (this.model.revision === revision && equalTxnAnswers(answer, operation.outcome.value)) return undefined
      this.model.undoTo(revision)
      right = answer
    } else if (operation.kind === 'range') {
      const answer = this.#range(operation, revision)
      if (equalRangeAnswers(answer, operation.outcome.value)) return undefined
      right = answer
    } else return undefined
    const excerpt = (): string => `${describeOperation(operation)}\nwhere the writes up to revision ${revision} give ${brief(right)}`
    return this.#wrong(revision, guarantees.values, excerpt)
  }

  #range({ query }: RangeOperation, revision: number): StoreRangeAnswer {
    if (this.#deepest !== undefined) this.#stepsLeft -= query.end === undefined ? 1 : rangeSteps
    return { ...this.model.range(query, revision), revision }
  }
}

/** Whether it reads what was, so that more than the newest state matters to it. */
const isPast = (txn: TxnOperation['txn']): boolean => opsOf(txn).some(op => op.type === 'range' && (op.revision ?? 0) > 0)

/** The key-values in an answer that are whole, and of revisions before it. */
function keyValuesOf(operation: Operation): readonly StoreKeyValue[] {
  if (operation.outcome?.ok !== true) return []
  if (operation.kind === 'range') return operation.query.keysOnly === true ? [] : operation.outcome.value.kvs
  if (operation.kind !== 'txn') return []
  return [...performed(operation.txn, operation.outcome.value)].flatMap(([op, result]) => {
    if (result?.type === 'delete') return result.prevs
    if (result?.type === 'put') return result.prev ?? []
    return result?.type === 'range' && !(op.type === 'range' && op.keysOnly === true) ? result.kvs : []
  })
}

const equalRangeAnswers = (a: Omit<StoreRangeAnswer, 'revision'>, b: Omit<StoreRangeAnswer, 'revision'>): boolean =>
  a.count === b.count && a.more === b.more && equalLists(a.kvs, b.kvs, equalKeyValues)

function equalTxnAnswers(a: StoreTxnAnswer, b: StoreTxnAnswer): boolean {
  return a.succeeded === b.succeeded && a.revision === b.revision && equalLists(a.results, b.results, equalResults)
}

function equalResults(one: StoreOpResult, other: StoreOpResult): boolean {
  if (one.type === 'range') return other.type === 'range' && equalRangeAnswers(one, other)
  if (one.type === 'txn')
    return other.type === 'txn' && one.succeeded === other.succeeded && equalLists(one.results, other.results, equalResults)
  if (one.type === 'delete')
    return other.type === 'delete' && one.deleted === other.deleted && equalLists(one.prevs, other.prevs, equalKeyValues)
  if (other.type !== 'put' || one.prev === undefined || other.prev === undefined) return other.type === 'put' && one.prev === other.prev
  return equalKeyValues(one.prev, other.prev)
}
