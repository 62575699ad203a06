// Linearizability of transactions and ranges. The answers' revisions give the order (order.ts); here the writes are
// replayed in it, and every answer and everything observed is compared with what the model gives.
//
// Only for a revision that no acknowledged write claims must be searched: one of those whose answer was lost took it. What
// was observed of that revision mostly says which. The search takes the likeliest first (doubts.ts), and where an answer contradicts
// the replay it goes back to the latest choice that had to do with that (choices.ts). It is bounded; if it gives up, the verdict is
// `unknown`, which is not a pass.

import { assert } from '../std/index.js'
import type { StoreEvent, StoreKeyValue, StoreRange, StoreTxnAnswer } from '../storage/index.js'
import { equalRangeAnswers, equalTxnAnswers, type Found, isPast } from './answers.js'
import { type Choice, Choices, Conflict } from './choices.js'
import { Doubts, type Evidence, type Offer } from './doubts.js'
import { brief, describeEvents, describeOperation } from './excerpt.js'
import { Glimpses } from './glimpses.js'
import { guarantees, type Violation, violation, violationsMax } from './guarantee.js'
import {
  comparesOf,
  equalEvents,
  equalKeyValues,
  equalLists,
  type Operation,
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
  stepsMax = searchStepsMax,
  hints: readonly StoreKeyValue[] = []
): OperationsVerdict {
  const floors = new Floors([...sightsOf(operations), ...sights])
  const violations = checkOrder(operations, floors).slice(0, violationsMax)
  const judge = (glimpses: boolean): OperationsVerdict => {
    const replay = new Replay(operations, observed, floors, stepsMax, glimpses ? hints : undefined)
    const wrong = [...violations, ...replay.wrong]
    if (wrong.length === 0) wrong.push(...replay.run())
    const { model, unknown, revisionLast, doubtsResolved } = replay
    return { violations: wrong, unknown, model, revisionLast, doubtsResolved }
  }
  if (operations.some(isLost)) return judge(true)
  // Where nothing must be searched, what single answers show only says sooner what is wrong.
  const verdict = judge(false)
  return verdict.violations.length === 0 ? verdict : judge(true)
}

/** Whether it may have happened, and nobody was told. */
const isLost = ({ kind, outcome }: Operation): boolean => kind === 'txn' && outcome?.ok !== true && outcome?.error.definite !== true

/** What the last contradiction is about: these keys, at that revision. Undefined: anything before it. */
type About = { readonly keys: () => Iterable<string>; readonly revision: number } | undefined

class Replay {
  readonly model = new Model()
  /** What needs no replay. */
  readonly wrong: Violation[] = []
  readonly revisionLast: number
  unknown: string | undefined
  readonly #observed: Observations
  readonly #claims = new Map<number, TxnOperation>()
  readonly #glimpses = new Glimpses()
  readonly #reads = new Map<number, Operation[]>()
  readonly #lost: TxnOperation[] = [] // No answer: it may have happened.
  readonly #refused: TxnOperation[] = []
  readonly #choices: Choices
  #about: About
  /** The last thing that went wrong is that a choice has nothing left. */
  #isExhausted = false
  #stepsLeft: number
  #deepest: { revision: number; violation: Violation } | undefined

  /** Without `hints` nothing that single answers show is kept. */
  constructor(
    operations: readonly Operation[],
    observed: Observations,
    floors: Floors,
    stepsMax: number,
    hints: readonly StoreKeyValue[] | undefined
  ) {
    this.#observed = observed
    this.#stepsLeft = stepsMax
    let last = 1
    for (const revision of observed.keys()) last = Math.max(last, revision)
    for (const operation of operations) {
      if (hints !== undefined) this.#glimpses.add(operation)
      this.#sort(operation)
      if (operation.outcome?.ok === true && operation.kind !== 'compact') last = Math.max(last, operation.outcome.value.revision)
    }
    this.revisionLast = last
    const told = [...this.#glimpses.all(), ...(hints ?? [])]
    const hinted = new Map(hints?.map(kv => [kv.modRevision, [kv]]))
    if (hints !== undefined) for (const events of observed.values()) for (const { kv } of events) told.push(kv)
    const claims = [...this.#claims.values()]
    const doubts = new Doubts({ lost: this.#lost, floors, told, claims, reads: [...this.#reads.values()].flat() })
    const unclaimed: number[] = []
    if (claims.length < last - 1)
      for (let revision = 2; revision <= last; revision++) if (!this.#claims.has(revision)) unclaimed.push(revision)
    const evidenceOf = (revision: number): Evidence => ({
      seen: observed.get(revision),
      glimpsed: this.#glimpses.putsOf(revision) ?? hinted.get(revision)
    })
    this.#choices = new Choices(doubts, this.model, evidenceOf, unclaimed)
  }

  get doubtsResolved(): number {
    return this.#choices.count
  }

  #sort(operation: Operation): void {
    const { outcome } = operation
    if (operation.kind === 'txn' && outcome?.ok !== true) {
      if (outcome?.error.definite === true) this.#refused.push(operation)
      else this.#lost.push(operation)
      return
    }
    if (outcome?.ok !== true || operation.kind === 'compact' || operation.kind === 'revision') return
    const { revision } = outcome.value
    const isClaim = operation.kind === 'txn' && isWrite(operation)
    if (revision < (isClaim ? 2 : 1)) {
      this.wrong.push(violation(guarantees.values, `${describeOperation(operation)}\nwhere the first write is of revision 2`))
      return
    }
    if (isClaim) {
      const other = this.#claims.get(revision)
      if (other === undefined) this.#claims.set(revision, operation)
      else this.wrong.push(violation(guarantees.uniqueRevision, `${describeOperation(other)}\n${describeOperation(operation)}`))
      return
    }
    // A read of the past says what was true then.
    const asked = operation.kind === 'range' ? operation.query.revision || revision : revision
    const at = Math.min(asked, revision)
    const there = this.#reads.get(at)
    if (there === undefined) this.#reads.set(at, [operation])
    else there.push(operation)
  }

  /** What it answers is what went wrong in the try that came furthest. */
  run(): Violation[] {
    let wrong = this.#checkReads(1)
    while (wrong === undefined && this.model.revision < this.revisionLast) {
      wrong = this.#advance(this.model.revision + 1)
      while (wrong !== undefined && this.#canGoOn) {
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

  /** What is decided at the first try costs nothing. */
  get #canGoOn(): boolean {
    if (this.#deepest === undefined) this.#choices.steps = 0
    return this.#stepsLeft > this.#choices.steps
  }

  #advance(revision: number): Violation | undefined {
    if (this.#deepest !== undefined) this.#stepsLeft--
    const claim = this.#claims.get(revision)
    if (claim !== undefined) return this.#take(claim, revision)
    return this.#tryNext(this.#choices.open(revision))
  }

  /** Takes the latest choice that the contradiction depends on and that has something left to try. Undefined: that went well. */
  #retry(): Violation | undefined | 'no more' {
    let conflict = this.#conflict()
    for (let choice = this.#choices.back(conflict); choice !== undefined; choice = this.#choices.back(conflict)) {
      this.model.undoTo(choice.revision - 1)
      const wrong = this.#tryNext(choice)
      if (wrong === undefined || !this.#canGoOn) return wrong
      conflict = this.#choices.exhaust()
    }
    return 'no more'
  }

  /** Why the last try failed. A choice that has nothing left to try knows best. */
  #conflict(): Conflict {
    if (this.#isExhausted) return this.#choices.exhaust()
    const conflict = new Conflict()
    if (this.#about === undefined) conflict.isOfAll = true
    else this.#choices.blame(conflict, this.#about.keys(), this.#about.revision)
    return conflict
  }

  #tryNext(choice: Choice): Violation | undefined {
    const { revision } = choice
    this.#isExhausted = false
    for (let offer = this.#choices.take(choice); offer !== undefined; offer = this.#choices.take(choice)) {
      const [first] = offer.doubts
      assert(first !== undefined, 'an offer is of some write')
      this.#stepsLeft--
      this.model.apply(first.operation.txn)
      const isChange = this.model.revision === revision
      this.#about = { keys: () => this.#choices.dependenciesOf(first), revision }
      const wrong = isChange
        ? (this.#misfit(revision) ?? this.#overdrawn(choice, offer) ?? this.#checkReads(revision))
        : this.#unexplained(revision)
      if (wrong === undefined) return undefined
      this.#choices.failed(choice, this.#conflict())
      this.model.undoTo(revision - 1)
      if (!this.#canGoOn) return wrong
    }
    this.#isExhausted = true
    return this.#unexplained(revision)
  }

  /** Whether it leaves too few revisions for what is needed. */
  #overdrawn(choice: Choice, offer: Offer): Violation | undefined {
    const { revision } = choice
    const keys = this.#choices.needing(choice, offer)
    if (keys === undefined) return undefined
    this.#about = { keys: () => keys, revision }
    return this.#wrong(
      revision,
      guarantees.noInvention,
      () => `after revision ${revision} fewer writes than answers need of ${brief(keys)}`
    )
  }

  /** An acknowledged write at its revision. */
  #take(operation: TxnOperation, revision: number): Violation | undefined {
    const answer = this.model.apply(operation.txn)
    const told = operation.outcome?.ok === true ? operation.outcome.value : undefined
    if (told === undefined || this.model.revision !== revision || !equalTxnAnswers(answer, told)) {
      this.model.undoTo(revision - 1)
      this.#about = isPast(operation.txn) ? undefined : { keys: () => this.#differing(operation, answer), revision: revision - 1 }
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
    const missing = this.#glimpses.putsOf(revision)?.find(kv => !events.some(event => event.type === 'put' && equalKeyValues(event.kv, kv)))
    const right = (): string => `where the history has: ${describeEvents(events)}`
    if (missing !== undefined) {
      const by = this.#glimpses.by(missing)
      this.#about = { keys: () => [missing.key], revision }
      return this.#wrong(revision, guarantees.values, () => `${describeOperation(by)}\nhas ${brief(missing)}\n${right()}`)
    }
    for (const key of this.#glimpses.createdAt(revision)) {
      if (events.some(({ kv }) => kv.key === key && kv.version === 1)) continue
      this.#about = { keys: () => [key], revision }
      return this.#wrong(revision, guarantees.values, () => `answers have ${key} created at ${revision}\n${right()}`)
    }
    const difference = seen === undefined ? undefined : differenceOf(seen, events)
    if (seen === undefined || difference === undefined) return undefined
    this.#about = { keys: () => [...seen, ...events].map(({ kv }) => kv.key), revision }
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
      [guarantees.atMostOnce, this.#choices.taken],
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
      this.#about = isPast(operation.txn) ? undefined : { keys: () => this.#differing(operation, answer), revision }
    } else if (operation.kind === 'range') {
      const answer = this.#range(operation, revision)
      if (equalRangeAnswers(answer, operation.outcome.value)) return undefined
      right = answer
      const told = operation.outcome.value
      this.#about = { keys: () => this.#differingIn(operation.query, told, answer), revision }
    } else return undefined
    const excerpt = (): string => `${describeOperation(operation)}\nwhere the writes up to revision ${revision} give ${brief(right)}`
    return this.#wrong(revision, guarantees.values, excerpt)
  }

  /** Keys by which what was told differs from what the replay gives. */
  #differing({ txn, outcome }: TxnOperation, answer: StoreTxnAnswer): Iterable<string> {
    if (outcome?.ok !== true) return []
    const ops = performed(txn, answer)
    const told = performed(txn, outcome.value)
    // Another branch was taken somewhere: which keys matter is what was compared.
    const isOfOneBranch = ops.length === told.length && ops.every(([op], at) => op === told[at]?.[0])
    if (!isOfOneBranch || answer.succeeded !== outcome.value.succeeded)
      return comparesOf(txn).flatMap(compare => this.#choices.keysIn(compare))
    return ops.flatMap(([op, right], at): readonly string[] => {
      const other = told[at]?.[1]
      if (op.type === 'put') return [op.key]
      if (other?.type === 'range' && right?.type === 'range') return this.#differingIn(op, other, right)
      return this.#choices.keysIn(op)
    })
  }

  #differingIn(query: StoreRange, told: Found, right: Found): readonly string[] {
    const keys = told.kvs.filter(kv => !right.kvs.some(other => equalKeyValues(kv, other))).map(({ key }) => key)
    for (const kv of right.kvs) if (!told.kvs.some(other => equalKeyValues(kv, other))) keys.push(kv.key)
    if (keys.length > 0 || told.count === right.count) return keys
    // Too many: one of those that are there is not. Too few: one of the others is.
    return this.#choices.doubtfulIn(query, right.count > told.count, this.model.revision)
  }

  #range({ query }: RangeOperation, revision: number): Found {
    if (this.#deepest !== undefined) this.#stepsLeft -= query.end === undefined ? 1 : rangeSteps
    return this.model.range(query, revision)
  }
}
