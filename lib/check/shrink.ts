// Shrink: the smallest part of a history that still breaks the same promise, as far as it can be found within a bound.
//
// Mostly two or three answers contradict each other, whatever else happened (facts.ts): the rest is left out. Otherwise only what
// cannot explain anything is. What follows an instant: an order that explains a history explains its beginning. Reads and
// watches: they ask for explanations and give none. A write stays, since without it what it explained would look invented.

import { describeOperation, describeWatch } from './excerpt.js'
import { checkFacts } from './facts.js'
import { guarantees, type Violation } from './guarantee.js'
import type { History, Operation, WatchRecord } from './history.js'
import { checkLeases, describeLeaseOperation, type LeaseHistory, type LeaseOperation } from './lease.js'
import type { RegisterHistory, RegisterOperation } from './register.js'
import { byKey, checkRegisters } from './registers.js'
import { checkStore, type StoreQuestion } from './store.js'

/** Checks made, and operations in all of them. */
export const shrinkChecksMax = 400
export const shrinkWorkMax = 2_000_000

interface Broken {
  /** The promise. */
  readonly guarantee: string
  readonly excerpt: string
}

/** `question.history` breaks that promise; so does what is answered. It may have holes: then it says that it is partial. */
export function shrinkHistory(question: StoreQuestion, broken: Broken): History {
  const budget = new Budget()
  return shrinkToFacts(question.history, broken, budget) ?? shrinkToBeginning(question, broken, budget)
}

/** Where facts contradict each other, nothing else is needed. Undefined: they do not. */
function shrinkToFacts(history: History, { guarantee, excerpt }: Broken, budget: Budget): History | undefined {
  type Unit = { readonly operation: Operation } | { readonly watch: WatchRecord }
  const partial = (units: readonly Unit[]): History => ({
    operations: units.flatMap(unit => ('operation' in unit ? [unit.operation] : [])),
    watches: units.flatMap(unit => ('watch' in unit ? [unit.watch] : [])),
    partial: true
  })
  const breaks = (some: History): boolean => budget.take(sizeOf(some)) && breaksPromise(checkFacts(some), guarantee)
  const all: Unit[] = [...history.operations.map(operation => ({ operation })), ...history.watches.map(watch => ({ watch }))]
  const isNamed = (unit: Unit): boolean =>
    excerpt.includes('operation' in unit ? describeOperation(unit.operation) : describeWatch(unit.watch))
  const named = all.filter(isNamed)
  const start = breaks(partial(named)) ? named : all
  if (start === all && !breaks(partial(all))) return undefined
  const kept = partial(smallest(start, units => breaks(partial(units))))
  const watches = [...kept.watches]
  for (const [at, watch] of watches.entries()) {
    // The beginning of a stream is all that its client had seen by then.
    for (let length = 0; length < watch.batches.length; length++) {
      const shorter = { ...watch, batches: watch.batches.slice(0, length), ended: undefined }
      if (!breaks({ ...kept, watches: watches.with(at, shorter) })) continue
      watches[at] = shorter
      break
    }
  }
  return { ...kept, watches }
}

function shrinkToBeginning(question: StoreQuestion, { guarantee }: Broken, budget: Budget): History {
  const breaks = (history: History): boolean =>
    budget.take(sizeOf(history)) &&
    breaksPromise(checkStore({ ...question, history, isQuiet: question.isQuiet && history === question.history }).violations, guarantee)
  const { operations, watches, ...rest } = shortestBeginning(question.history, breaks)
  const isReader = (operation: Operation): boolean => operation.kind === 'range' || operation.kind === 'revision'
  const kept = smallest(operations.filter(isReader), readers =>
    breaks({ ...rest, operations: without(operations, isReader, readers), watches })
  )
  const fewer = without(operations, isReader, kept)
  return { ...rest, operations: fewer, watches: smallest(watches, some => breaks({ ...rest, operations: fewer, watches: some })) }
}

const breaksPromise = (violations: readonly Violation[], guarantee: string): boolean =>
  violations.some(violation => violation.guarantee === guarantee)

const sizeOf = ({ operations, watches }: History): number =>
  operations.length + watches.reduce((sum, { batches }) => sum + batches.length, 0)

function without(
  operations: readonly Operation[],
  isDroppable: (operation: Operation) => boolean,
  kept: readonly Operation[]
): Operation[] {
  const keep = new Set(kept)
  return operations.filter(operation => !isDroppable(operation) || keep.has(operation))
}

class Budget {
  #checks = shrinkChecksMax
  #work = shrinkWorkMax

  take(size: number): boolean {
    if (this.#checks <= 0 || this.#work <= 0) return false
    this.#checks--
    this.#work -= size + 1
    return true
  }
}

/** What was asked by then, and what was answered by then of it. */
function upTo({ operations, watches, ...rest }: History, us: number): History {
  const asked = operations.filter(({ invokedUs }) => invokedUs <= us)
  return {
    ...rest,
    operations: asked.map(operation =>
      operation.returnedUs <= us || operation.returnedUs === Number.POSITIVE_INFINITY
        ? operation
        : ({ ...operation, returnedUs: Number.POSITIVE_INFINITY, outcome: undefined } as Operation)
    ),
    watches: watches.filter(({ openedUs }) => openedUs <= us).map(watch => watchUpTo(watch, us))
  }
}

function watchUpTo(watch: WatchRecord, us: number): WatchRecord {
  const batches = watch.batches.filter(({ atUs }) => atUs <= us)
  return { ...watch, batches, ended: batches.length === watch.batches.length ? watch.ended : undefined }
}

function shortestBeginning(history: History, breaks: (history: History) => boolean): History {
  const times = new Set<number>()
  for (const { returnedUs } of history.operations) if (returnedUs !== Number.POSITIVE_INFINITY) times.add(returnedUs)
  for (const { batches } of history.watches) for (const { atUs } of batches) times.add(atUs)
  const sorted = [...times].sort((a, b) => a - b)
  let best = history
  let low = 0
  let high = sorted.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    const beginning = upTo(history, sorted[middle] as number)
    if (breaks(beginning)) {
      best = beginning
      high = middle
    } else low = middle + 1
  }
  return best
}

/** Delta debugging (Zeller and Hildebrandt 2002): parts are left out, halves first, until no single one can be. */
export function smallest<V>(all: readonly V[], holds: (some: readonly V[]) => boolean): V[] {
  let kept = [...all]
  if (kept.length > 0 && holds([])) return []
  for (let size = Math.ceil(kept.length / 2); kept.length > 1; ) {
    let shrunk = false
    for (let start = 0; start < kept.length; ) {
      const rest = [...kept.slice(0, start), ...kept.slice(start + size)]
      if (rest.length < kept.length && rest.length > 0 && holds(rest)) {
        kept = rest
        shrunk = true
      } else start += size
    }
    if (size === 1 && !shrunk) break
    size = Math.max(1, Math.ceil(size / 2))
  }
  return kept
}

/** Of leases: the one that is broken, without what only asked for an explanation. What may have ended or renewed it stays. */
export function shrinkLeases(history: LeaseHistory, { guarantee, excerpt }: Broken): LeaseHistory {
  const budget = new Budget()
  const named = history.operations.find(operation => excerpt.includes(describeLeaseOperation(operation)))
  if (named === undefined) return history
  const own = history.operations.filter(({ id }) => id === named.id)
  const breaks = (operations: readonly LeaseOperation[]): boolean =>
    budget.take(operations.length) && breaksPromise(checkLeases({ ...history, operations }), guarantee)
  const isEnd = guarantee === guarantees.leaseEnds
  const canGo = ({ kind, outcome }: LeaseOperation): boolean =>
    kind === 'look' || kind === 'read' || (kind === 'keepAlive' && outcome?.ok === true && !isEnd)
  const kept = smallest(own.filter(canGo), some => breaks(own.filter(one => !canGo(one) || some.includes(one))))
  return { ...history, operations: own.filter(one => !canGo(one) || kept.includes(one)) }
}

/** Of registers: the one key that is broken, then whatever can go. */
export function shrinkRegisters(history: RegisterHistory): RegisterHistory {
  const budget = new Budget()
  const breaks = (operations: readonly RegisterOperation[]): boolean =>
    budget.take(operations.length) && checkRegisters({ ...history, operations }).violations.length > 0
  const broken = [...byKey(history.operations).values()].find(breaks)
  if (broken === undefined) return history
  const isRead = ({ kind }: RegisterOperation): boolean => kind === 'read'
  const differs = broken.some(({ outcome }) => outcome === 'differed')
  const grouped = differs ? broken : smallest(groupsOf(broken), some => breaks(some.flat())).flat()
  const rest = grouped.filter(operation => !isRead(operation))
  const reads = smallest(grouped.filter(isRead), some => breaks([...rest, ...some]))
  return { ...history, operations: [...rest, ...reads].sort((a, b) => a.invokedUs - b.invokedUs) }
}

/**
 * What can only be left out together: whatever writes a value, with everything that saw it. From an order that explains all,
 * such a group can be taken and the rest is still explained; but for a cas that found a difference, which any of them may have made.
 */
function groupsOf(operations: readonly RegisterOperation[]): RegisterOperation[][] {
  const parents = new Map<string, string>()
  const root = (name: string): string => {
    let at = name
    for (let up = parents.get(at); up !== undefined && up !== at; up = parents.get(at)) at = up
    return at
  }
  const nameOf = (value: string | null): string => (value === null ? 'nothing' : `=${value}`)
  for (const { kind, value, expected } of operations) if (kind === 'cas') parents.set(root(nameOf(value)), root(nameOf(expected)))
  const groups = new Map<string, RegisterOperation[]>()
  for (const operation of operations) {
    const name = root(nameOf(operation.value))
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [operation])
    else group.push(operation)
  }
  return [...groups.values()]
}
