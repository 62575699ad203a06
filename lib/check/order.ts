// Order: revisions against real time. An answer's revision says where in the store's order its operation took effect, so
// that order needs no search: it must only never run against real time.

import { describeOperation, describeWatch, timeOf } from './excerpt.js'
import { guarantees, type Violation, violation } from './guarantee.js'
import { hasWritten, type Operation, revisionOf, type WatchRecord } from './history.js'

/** Somebody knew at that time that the store had reached that revision. */
export interface Sight {
  readonly atUs: number
  readonly revision: number
  readonly by: Operation | WatchRecord
}

const describeSight = ({ by }: Sight): string => ('kind' in by ? describeOperation(by) : describeWatch(by))

/** What was known when. */
export class Floors {
  readonly #sights: readonly Sight[] // Ascending by time and, what is older left out, by revision.

  constructor(sights: Iterable<Sight>) {
    const newest: Sight[] = []
    let last = 0
    for (const sight of [...sights].sort((a, b) => a.atUs - b.atUs)) {
      if (sight.revision <= last) continue
      newest.push(sight)
      last = sight.revision
    }
    this.#sights = newest
  }

  /** The newest revision that anybody knew before that time. */
  before(us: number): Sight | undefined {
    return this.#known(us, false)
  }

  /** The newest revision that anybody knew by then. */
  knownBy(us: number): number {
    return this.#known(us, true)?.revision ?? 0
  }

  /** The last before that time, or at it, too. Asked of every operation: without a closure, and never for an element before the first. */
  #known(us: number, atIt: boolean): Sight | undefined {
    let low = 0
    let high = this.#sights.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { atUs } = this.#sights[middle] as Sight
      if (atUs > us || (atUs === us && !atIt)) high = middle
      else low = middle + 1
    }
    return low === 0 ? undefined : this.#sights[low - 1]
  }
}

export function sightsOf(operations: readonly Operation[]): Sight[] {
  const sights: Sight[] = []
  for (const operation of operations) {
    const revision = revisionOf(operation)
    if (revision !== undefined) sights.push({ atUs: operation.returnedUs, revision, by: operation })
  }
  return sights
}

/** Whether an operation that changed something was answered: then its revision is its own. */
export const isWrite = (operation: Operation): boolean =>
  operation.kind === 'txn' && operation.outcome?.ok === true && hasWritten(operation.txn, operation.outcome.value)

/** A read that says it may be old promises nothing about time. */
const mayBeOld = (operation: Operation): boolean => operation.kind === 'range' && operation.query.serializable === true

export function checkOrder(operations: readonly Operation[], floors: Floors): Violation[] {
  const wrong: Violation[] = []
  for (const operation of operations) {
    const floor = floors.before(operation.invokedUs)
    const late = misplaced(operation, floor?.revision ?? 0) ?? refusedFuture(operation, floor?.revision ?? 0)
    if (late === undefined || floor === undefined) continue
    const known = `revision ${floor.revision} was known at ${timeOf(floor.atUs)}:\n  ${describeSight(floor)}`
    wrong.push(violation(late, `${describeOperation(operation)}\nafter ${known}`))
  }
  return wrong
}

function misplaced(operation: Operation, floor: number): Violation['guarantee'] | undefined {
  const revision = revisionOf(operation)
  if (revision === undefined || mayBeOld(operation)) return undefined
  return revision < floor || (isWrite(operation) && revision <= floor) ? guarantees.realTime : undefined
}

function refusedFuture(operation: Operation, floor: number): Violation['guarantee'] | undefined {
  if (operation.kind !== 'range' || mayBeOld(operation) || operation.outcome?.ok !== false) return undefined
  const asked = operation.query.revision ?? 0
  return operation.outcome.error.code === 'future revision' && asked <= floor ? guarantees.future : undefined
}

/**
 * A serializable read is answered from the state its member has, however old. But that state only goes forward: no read of
 * one client at one member is older than one that the same member had answered it before. That is all: another member may be
 * further behind, and so may be a member that passed this client's write on to its leader. It holds across a restart, too: a
 * member serves nothing until it has again what it had (where etcd did, that counted as a bug: etcd #3879, #16666).
 */
export function checkSerializable(operations: readonly Operation[]): Violation[] {
  const wrong: Violation[] = []
  const pairs = new Map<string, Operation[]>()
  for (const operation of operations) {
    if (operation.to === '' || !mayBeOld(operation) || revisionOf(operation) === undefined) continue
    const name = `${operation.client} > ${operation.to}`
    const own = pairs.get(name)
    if (own === undefined) pairs.set(name, [operation])
    else own.push(operation)
  }
  for (const own of pairs.values()) {
    const floors = new Floors(sightsOf(own))
    for (const operation of own) {
      const floor = floors.before(operation.invokedUs)
      if (floor === undefined || (revisionOf(operation) as number) >= floor.revision) continue
      const known = `which had told it of revision ${floor.revision} at ${timeOf(floor.atUs)}:\n  ${describeSight(floor)}`
      wrong.push(violation(guarantees.serializableForward, `${describeOperation(operation)}\n${known}`))
    }
  }
  return wrong
}

/** Refusals as compacted need a compaction that was asked for, answered or not. */
export function checkCompacted(operations: readonly Operation[], compactionsUnseen: boolean): Violation[] {
  if (compactionsUnseen) return []
  let highest = 0
  for (const operation of operations) if (operation.kind === 'compact') highest = Math.max(highest, operation.revision)
  return operations
    .filter(operation => {
      if (operation.kind !== 'range' || operation.outcome?.ok !== false) return false
      return operation.outcome.error.code === 'compacted' && (operation.query.revision ?? 0) >= highest
    })
    .map(operation => violation(guarantees.compactedOnlyIfAsked, describeOperation(operation)))
}
