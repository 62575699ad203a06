// Leases: whether what clients were told of leases is what a store promises of them.
//
// A lease's number is granted once, and a key is attached once, to one lease, and neither overwritten nor deleted; so every answer says
// of one instant that a lease was there, or that it was gone, and no order has to be searched. What came of an operation in doubt is
// taken as whatever makes the others right.
// The store measures time by its leader's clock: `clocks` says by how much that may have gone faster than the history's.

import type { Outcome } from '../actor/index.js'
import { cameOf, timeOf } from './excerpt.js'
import { type Guarantee, guarantees, type Violation, violation, violationsMax } from './guarantee.js'

interface LeaseAsked {
  readonly client: string
  readonly to: string
  /** Of the lease. */
  readonly id: number
  readonly invokedUs: number
  /** Infinity: in doubt, or never answered. */
  returnedUs: number
}

export type LeaseOperation = LeaseAsked &
  (
    | { readonly kind: 'grant'; readonly ttlSeconds: number; outcome: Outcome<{ readonly ttlSeconds: number }> | undefined }
    /** 0 seconds: there is no such lease. */
    | { readonly kind: 'keepAlive'; outcome: Outcome<{ readonly ttlSeconds: number }> | undefined }
    | { readonly kind: 'revoke'; outcome: Outcome<object> | undefined }
    /** What is left of it: -1, there is none. */
    | { readonly kind: 'look'; outcome: Outcome<LeaseLook> | undefined }
    | { readonly kind: 'attach'; readonly key: string; outcome: Outcome<object> | undefined }
    /** A linearizable read of all keys that are or were this lease's. */
    | { readonly kind: 'read'; outcome: Outcome<{ readonly keys: readonly string[] }> | undefined }
  )
export type LeaseKind = LeaseOperation['kind']

export interface LeaseLook {
  readonly grantedTtlSeconds: number
  readonly remainingTtlSeconds: number
  readonly keys: readonly string[]
}

export interface LeaseClocks {
  /** Of a member's clock to the history's, at most. */
  readonly rateMax: number
  /** Times at which a member's clock leapt forward. */
  readonly jumps: readonly { readonly atUs: number; readonly byUs: number }[]
}

export interface LeaseHistory {
  readonly operations: readonly LeaseOperation[]
  readonly clocks: LeaseClocks
  /** From then on one leader led, by a right clock, and nothing failed. Absent: that was never so. */
  readonly steadyUs?: number | undefined
}

/** After its time to live: an election's time that leases are given by a new leader, and what it takes to revoke and to answer. */
export const leaseEndsWithinUs = 5_000_000
/** How long after it was asked a request in doubt may still take effect. */
const lingersUs = 5_000_000
/** Clocks are read in whole milliseconds. */
const grainUs = 5_000
const notFound = 'lease not found'

/** That it was there, or was to be, and for how long from when it was asked. */
interface Promised {
  readonly fromUs: number
  readonly forUs: number
  readonly guarantee: Guarantee
  readonly by: LeaseOperation
}

/** What all operations on one lease told. */
interface Told {
  readonly promised: Promised[]
  readonly alive: LeaseOperation[]
  readonly gone: LeaseOperation[]
  /** May have revoked it. */
  readonly revokes: LeaseOperation[]
  /** Acknowledged. */
  readonly attached: (LeaseOperation & { readonly kind: 'attach' })[]
  readonly asked: Set<string>
  readonly looks: (LeaseOperation & { readonly kind: 'look' })[]
  readonly reads: (LeaseOperation & { readonly kind: 'read' })[]
  /** When it may have been renewed last, and for how long at most. */
  renewedUs: number
  ttlUs: number
}

export function checkLeases({ operations, clocks, steadyUs }: LeaseHistory): Violation[] {
  const byId = new Map<number, LeaseOperation[]>()
  for (const operation of operations) {
    const own = byId.get(operation.id)
    if (own === undefined) byId.set(operation.id, [operation])
    else own.push(operation)
  }
  const wrong: Violation[] = []
  for (const own of byId.values()) {
    const told = toldBy(own)
    wrong.push(...checkLife(told, clocks), ...checkGone(told), ...checkKeys(told), ...checkLooks(told), ...checkEnd(told, steadyUs))
    if (wrong.length >= violationsMax) break
  }
  return wrong
}

function toldBy(operations: readonly LeaseOperation[]): Told {
  const told: Told = {
    promised: [],
    alive: [],
    gone: [],
    revokes: [],
    attached: [],
    asked: new Set(),
    looks: [],
    reads: [],
    renewedUs: 0,
    ttlUs: 0
  }
  for (const operation of operations) if (operation.kind === 'attach') noteAttached(told, operation)
  for (const operation of operations) note(told, operation)
  // Before anybody knew that it was there it may not have been granted yet.
  const knownUs = told.alive.reduce((least, { returnedUs }) => Math.min(least, returnedUs), Number.POSITIVE_INFINITY)
  return { ...told, gone: told.gone.filter(({ invokedUs }) => invokedUs > knownUs) }
}

function noteAttached(told: Told, operation: LeaseOperation & { readonly kind: 'attach' }): void {
  told.asked.add(operation.key)
  if (operation.outcome?.ok === true) told.attached.push(operation)
}

function note(told: Told, operation: LeaseOperation): void {
  const { outcome } = operation
  if (outcome?.ok !== true) {
    if (operation.kind === 'grant' || operation.kind === 'keepAlive') noteDoubt(told, operation)
    if (operation.kind === 'revoke' && outcome?.error.definite !== true) told.revokes.push(operation)
    if (outcome?.error.definite === true && outcome.error.code === notFound) told.gone.push(operation)
    return
  }
  switch (operation.kind) {
    case 'grant':
    case 'keepAlive':
      return noteRenewal(told, operation)
    case 'revoke':
      told.revokes.push(operation)
      told.gone.push(operation)
      return
    case 'attach':
      told.alive.push(operation)
      return
    case 'look':
      told.looks.push(operation)
      return noteLook(told, operation)
    case 'read':
      told.reads.push(operation)
      if (operation.outcome?.ok !== true) return
      if (operation.outcome.value.keys.length > 0) told.alive.push(operation)
      else if (told.attached.some(({ returnedUs }) => returnedUs < operation.invokedUs)) told.gone.push(operation)
  }
}

function noteDoubt(told: Told, { kind, outcome, invokedUs, ...own }: LeaseOperation): void {
  if (outcome !== undefined && !outcome.ok && outcome.error.definite) return
  told.renewedUs = Math.max(told.renewedUs, invokedUs + lingersUs)
  if (kind === 'grant') told.ttlUs = Math.max(told.ttlUs, (own as { ttlSeconds: number }).ttlSeconds * 1_000_000)
}

function noteRenewal(told: Told, operation: LeaseOperation & { readonly kind: 'grant' | 'keepAlive' }): void {
  if (operation.outcome?.ok !== true) return
  const { ttlSeconds } = operation.outcome.value
  if (ttlSeconds === 0) return void told.gone.push(operation)
  const forUs = ttlSeconds * 1_000_000
  told.alive.push(operation)
  told.promised.push({ fromUs: operation.invokedUs, forUs, guarantee: guarantees.leaseLives, by: operation })
  told.renewedUs = Math.max(told.renewedUs, operation.returnedUs)
  told.ttlUs = Math.max(told.ttlUs, forUs)
}

function noteLook(told: Told, operation: LeaseOperation & { readonly kind: 'look' }): void {
  if (operation.outcome?.ok !== true) return
  const { remainingTtlSeconds } = operation.outcome.value
  if (remainingTtlSeconds < 0) return void told.gone.push(operation)
  told.alive.push(operation)
  const forUs = remainingTtlSeconds * 1_000_000
  told.promised.push({ fromUs: operation.invokedUs, forUs, guarantee: guarantees.leaseTimeTrue, by: operation })
}

/** By how much a member's clock went on between two instants, at most. */
function advanceOf({ rateMax, jumps }: LeaseClocks, fromUs: number, toUs: number): number {
  const leaps = jumps.filter(({ atUs }) => atUs >= fromUs && atUs <= toUs).reduce((sum, { byUs }) => sum + byUs, 0)
  return (toUs - fromUs) * rateMax + leaps
}

/** It must not be gone while it was promised to be there. */
function checkLife({ promised, gone, revokes }: Told, clocks: LeaseClocks): Violation[] {
  const revokedUs = revokes.reduce((least, { invokedUs }) => Math.min(least, invokedUs), Number.POSITIVE_INFINITY)
  for (const end of gone) {
    if (revokedUs <= end.returnedUs) continue
    for (const { fromUs, forUs, guarantee, by } of promised) {
      if (fromUs > end.returnedUs) continue // It came back: a matter of its own.
      const passedUs = advanceOf(clocks, fromUs, end.returnedUs)
      if (passedUs + grainUs >= forUs) continue
      const what = `promised for ${timeOf(forUs)}, and gone ${timeOf(Math.round(passedUs))} later at most`
      return [violation(guarantee, `${describeLeaseOperation(by)}\n${describeLeaseOperation(end)}\n${what}`)]
    }
  }
  return []
}

function checkGone({ alive, gone }: Told): Violation[] {
  const first = gone.reduce<LeaseOperation | undefined>(
    (one, end) => (one === undefined || end.returnedUs < one.returnedUs ? end : one),
    undefined
  )
  const again = first === undefined ? undefined : alive.find(({ invokedUs }) => invokedUs > first.returnedUs)
  if (first === undefined || again === undefined) return []
  const guarantee = again.kind === 'read' ? guarantees.leaseKeysGone : guarantees.leaseGoneForEver
  return [violation(guarantee, `${describeLeaseOperation(first)}\n${describeLeaseOperation(again)}`)]
}

/** Of the keys attached before a read, it has all or none. */
function checkKeys({ reads, attached }: Told): Violation[] {
  for (const read of reads) {
    if (read.outcome?.ok !== true || read.outcome.value.keys.length === 0) continue
    const { keys } = read.outcome.value
    const missing = attached.find(({ key, returnedUs }) => returnedUs < read.invokedUs && !keys.includes(key))
    if (missing !== undefined)
      return [violation(guarantees.leaseKeysTogether, `${describeLeaseOperation(missing)}\n${describeLeaseOperation(read)}`)]
  }
  return []
}

function checkLooks({ looks, attached, asked }: Told): Violation[] {
  for (const look of looks) {
    if (look.outcome?.ok !== true) continue
    const { remainingTtlSeconds, grantedTtlSeconds, keys } = look.outcome.value
    const say = (guarantee: Guarantee, what: string): Violation[] => [violation(guarantee, `${describeLeaseOperation(look)}\n${what}`)]
    if (remainingTtlSeconds < 0) continue
    if (remainingTtlSeconds > grantedTtlSeconds) return say(guarantees.leaseTimeTrue, 'more is left than was granted')
    const missing = attached.find(({ key, returnedUs }) => returnedUs < look.invokedUs && !keys.includes(key))
    if (missing !== undefined) return say(guarantees.leaseKeysTrue, describeLeaseOperation(missing))
    const invented = keys.find(key => !asked.has(key))
    if (invented !== undefined) return say(guarantees.leaseKeysTrue, `nobody attached ${invented}`)
  }
  return []
}

function checkEnd({ alive, renewedUs, ttlUs }: Told, steadyUs: number | undefined): Violation[] {
  if (steadyUs === undefined) return []
  const endUs = Math.max(steadyUs, renewedUs) + ttlUs + leaseEndsWithinUs
  const late = alive.find(({ invokedUs, kind }) => invokedUs > endUs && kind !== 'keepAlive' && kind !== 'grant')
  if (late === undefined) return []
  const what = `nobody renewed it after ${timeOf(renewedUs)}; one leader led from ${timeOf(steadyUs)} on`
  return [violation(guarantees.leaseEnds, `${describeLeaseOperation(late)}\n${what}`)]
}

export function describeLeaseOperation(operation: LeaseOperation): string {
  const { client, to, id, kind, invokedUs, returnedUs, outcome } = operation
  const what = operation.kind === 'attach' ? `attach ${operation.key} to ${id}` : `${kind} ${id}`
  return `${client} > ${to} [${timeOf(invokedUs)}, ${timeOf(returnedUs)}] ${what} = ${cameOf<unknown>(outcome)}`
}
