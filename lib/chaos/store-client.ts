// Store client: asks members of the store for this and that, one request at a time, and goes on to another member when one fails.

import { ask, type Flow, type Outcome, sleep } from '../actor/index.js'
import { integerBelow, type Random } from '../std/index.js'
import type { StoreCompare, StoreKeyValue, StoreOp, StoreRange, StoreTxn, StoreTxnAnswer } from '../storage/index.js'
import { pick } from './draw.js'
import type { Member, Recorder } from './recorder.js'
import type { StoreMix, StorePlan } from './store-plan.js'

export const keyPrefix = 'k/'
export const keyEnd = 'k0' // The key after all that begin with the prefix.
const pauseMs = 20 // After a failure.
const sessionShare = 0.95 // Of requests that go to the member asked before.
const keysMax = 6 // Of a nested transaction, less those drawn twice.
const depthMax = 2
const sortTargets = ['key', 'version', 'create', 'mod', 'value'] as const
const sortOrders = ['none', 'ascend', 'descend'] as const
const alarmMsMax = 3_000
const agoMax = 60 // Revisions that an old range or a compaction looks back.

/** Of clients that only read. */
export const readerMix: StoreMix = {
  put: 0,
  compareAndSwap: 0,
  txn: 0,
  multi: 0,
  delete: 0,
  range: 4,
  oldRange: 0,
  serializable: 0,
  revision: 1,
  compact: 0,
  nested: 0,
  sortedRange: 0,
  alarm: 0
}

export interface Running {
  stopping: boolean
  /** Of all clients together. */
  operationsLeft: number
}

export interface StoreRunning extends Running {
  /** Raised by clients so far, or perhaps. */
  alarms: number
}

/** Of the run's plan, and this client's own. */
export type ClientPlan = Pick<StorePlan, 'members' | 'keys' | 'valueBytesMax' | 'timeoutMs'> & {
  readonly mix: StoreMix
  /** Between an answer and the next request, on average. */
  readonly thinkMs: number
}

const encoder = new TextEncoder()

export class StoreClient {
  readonly name: string
  readonly #plan: ClientPlan
  readonly #random: Random
  readonly #recorder: Recorder
  readonly #running: StoreRunning
  readonly #kinds: readonly (readonly [keyof StoreMix, number])[]
  readonly #weightSum: number
  readonly #known = new Map<string, StoreKeyValue>() // As last read: what a compare-and-swap compares with.
  #member: Member
  #revision = 1
  #count = 0

  constructor(name: string, plan: ClientPlan, random: Random, recorder: Recorder, running: StoreRunning) {
    this.name = name
    this.#plan = plan
    this.#random = random
    this.#recorder = recorder
    this.#running = running
    this.#kinds = Object.entries(plan.mix) as [keyof StoreMix, number][]
    this.#weightSum = this.#kinds.reduce((sum, [, weight]) => sum + weight, 0)
    this.#member = this.#anyMember()
  }

  *run(): Flow<void> {
    const { thinkMs } = this.#plan
    while (!this.#running.stopping) {
      yield* sleep('real', -Math.log(1 - this.#random()) * thinkMs)
      if (--this.#running.operationsLeft < 0) return
      if (this.#random() > sessionShare) this.#member = this.#anyMember()
      const outcome = yield* this.#one(this.#draw())
      if (outcome.ok) {
        this.#revision = Math.max(this.#revision, outcome.value.revision)
        continue
      }
      this.#member = this.#anyMember()
      yield* sleep('real', pauseMs)
    }
  }

  #anyMember(): Member {
    const { members } = this.#plan
    return pick(this.#random, members) as Member
  }

  #draw(): keyof StoreMix {
    let left = this.#random() * this.#weightSum
    for (const [kind, weight] of this.#kinds) {
      left -= weight
      if (left < 0) return kind
    }
    return 'put'
  }

  *#one(kind: keyof StoreMix): Flow<Outcome<{ readonly revision: number }>> {
    switch (kind) {
      case 'range':
        return yield* this.#range({})
      case 'oldRange':
        return yield* this.#range({ revision: this.#ago() })
      case 'serializable':
        return yield* this.#range({ serializable: true })
      case 'revision':
        return yield* this.#recorder.revision(this.name, this.#member, this.#plan.timeoutMs)
      case 'compact': {
        const revision = this.#ago()
        const outcome = yield* this.#recorder.compact(this.name, this.#member, this.#plan.timeoutMs, revision)
        return outcome
      }
      case 'compareAndSwap':
        return yield* this.#compareAndSwap()
      case 'alarm':
        return yield* this.#alarm()
      case 'multi':
        return yield* this.#multi()
      case 'nested':
        return yield* this.#nested()
      case 'sortedRange':
        return yield* this.#sortedRange()
      default:
        return yield* this.#txn({ compares: [], success: this.#ops(kind), failure: [] })
    }
  }

  /** Alarms are part of what members agree on: who forgets one does what the others refuse. */
  *#alarm(): Flow<Outcome<{ readonly revision: number }>> {
    const { timeoutMs, members } = this.#plan
    const alarm = pick(this.#random, ['noSpace', 'noSpace', 'corrupt'] as const)
    this.#running.alarms++
    const raised = yield* ask(this.#member, timeoutMs, 'alarms', { action: 'activate', member: pick(this.#random, members), alarm })
    if (!raised.ok && raised.error.definite) return raised
    yield* sleep('real', this.#random() * alarmMsMax)
    return yield* ask(this.#anyMember(), timeoutMs, 'alarms', { action: 'deactivate' })
  }

  *#txn(txn: StoreTxn): Flow<Outcome<StoreTxnAnswer>> {
    return yield* this.#recorder.txn(this.name, this.#member, this.#plan.timeoutMs, txn)
  }

  *#compareAndSwap(): Flow<Outcome<{ readonly revision: number }>> {
    const key = this.#key()
    const outcome = yield* this.#recorder.txn(this.name, this.#member, this.#plan.timeoutMs, {
      compares: [{ key, target: 'mod', result: 'equal', operand: this.#known.get(key)?.modRevision ?? 0 }],
      success: [this.#put(key), { type: 'range', key }],
      failure: [{ type: 'range', key }]
    })
    if (!outcome.ok) return outcome
    const range = outcome.value.results.at(-1)
    if (range?.type === 'range') this.#learn(key, range.kvs)
    return outcome
  }

  /** Keys of a transaction are distinct: etcd refuses to change one twice. */
  *#multi(): Flow<Outcome<{ readonly revision: number }>> {
    const keys = this.#keys(4)
    const compares = this.#compares(keys)
    const branch = (): StoreOp[] => keys.flatMap(key => this.#change(key))
    const txn = { compares, success: branch(), failure: branch() }
    const outcome = yield* this.#txn(txn)
    if (!outcome.ok) return outcome
    const { succeeded, results } = outcome.value
    const ops = succeeded ? txn.success : txn.failure
    results.forEach((result, at) => {
      const op = ops[at]
      if (result.type === 'range' && op?.type === 'range') this.#learn(op.key, result.kvs)
    })
    return outcome
  }

  *#nested(): Flow<Outcome<{ readonly revision: number }>> {
    const keys = this.#keys(keysMax)
    return yield* this.#txn(this.#nest(keys, keys, 1 + integerBelow(this.#random, depthMax)))
  }

  /**
   * Its own part of the keys, then a transaction on the rest, in both branches: etcd refuses to change a key twice, however deep. Who
   * compares in it may look at what those around it have just changed, and must not see it; what reads afterwards sees all.
   */
  #nest(keys: readonly string[], compared: readonly string[], depth: number): StoreTxn {
    const branch = (): StoreOp[] => {
      const own = depth === 0 ? keys.length : integerBelow(this.#random, keys.length + 1)
      const ops = keys.slice(0, own).flatMap(key => this.#change(key))
      if (depth > 0 && own < keys.length) ops.push({ type: 'txn', ...this.#nest(keys.slice(own), compared, depth - 1) })
      if (this.#random() < 0.3) ops.push({ type: 'range', key: keyPrefix, end: keyEnd, ...this.#order() })
      return ops
    }
    return { compares: this.#compares(compared), success: branch(), failure: branch() }
  }

  #compares(keys: readonly string[]): StoreCompare[] {
    return Array.from({ length: integerBelow(this.#random, 3) }, () => this.#compare(pick(this.#random, keys)))
  }

  /** Distinct ones, one at least. */
  #keys(most: number): string[] {
    return [...new Set(Array.from({ length: 1 + integerBelow(this.#random, most) }, () => this.#key()))]
  }

  /** Most hold if nobody else was there since this client looked. */
  #compare(key: string): StoreCompare {
    const known = this.#known.get(key)
    const chance = this.#random()
    if (chance < 0.4) return { key, target: 'mod', result: 'equal', operand: known?.modRevision ?? 0 }
    if (chance < 0.55) return { key, target: 'version', result: 'greater', operand: (known?.version ?? 1) - 1 }
    if (chance < 0.7)
      return { key, target: 'create', result: pick(this.#random, ['equal', 'notEqual']), operand: known?.createRevision ?? 0 }
    if (chance < 0.85) return { key, target: 'mod', result: 'less', operand: (known?.modRevision ?? this.#revision) + 1 }
    return { key, target: 'value', result: pick(this.#random, ['equal', 'notEqual', 'less']), operand: known?.value ?? encoder.encode('c') }
  }

  #change(key: string): StoreOp[] {
    const chance = this.#random()
    const read: StoreOp = { type: 'range', key }
    if (chance < 0.5) return [this.#put(key), read]
    if (chance < 0.7) return [{ type: 'delete', key, prevKv: true }]
    return [read]
  }

  *#range(how: { revision?: number; serializable?: boolean }): Flow<Outcome<{ readonly revision: number }>> {
    const chance = this.#random()
    const key = this.#key()
    const part = chance < 0.5 ? { key } : chance < 0.8 ? { key, end: keyEnd } : { key: keyPrefix, end: keyEnd }
    const form = this.#random()
    const shape =
      form < 0.1 ? { countOnly: true } : form < 0.2 ? { keysOnly: true } : form < 0.4 ? { limit: 1 + integerBelow(this.#random, 4) } : {}
    const outcome = yield* this.#recorder.range(this.name, this.#member, this.#plan.timeoutMs, Object.assign({}, part, shape, how))
    if (outcome.ok && chance < 0.5 && form >= 0.2 && how.revision === undefined) this.#learn(key, outcome.value.kvs)
    return outcome
  }

  *#sortedRange(): Flow<Outcome<{ readonly revision: number }>> {
    const key = this.#random() < 0.7 ? keyPrefix : this.#key()
    const how = this.#random()
    const shape = how < 0.1 ? { keysOnly: true } : how < 0.2 ? { serializable: true } : how < 0.3 ? { revision: this.#ago() } : {}
    return yield* this.#recorder.range(
      this.name,
      this.#member,
      this.#plan.timeoutMs,
      Object.assign({ key, end: keyEnd }, this.#order(), shape)
    )
  }

  /** Not always all of it: without an order a limit comes before what is sorted, and with bounds after. */
  #order(): Omit<StoreRange, 'key'> {
    const given = (share: number): boolean => this.#random() < share
    return Object.assign(
      {},
      given(0.8) && { sortTarget: pick(this.#random, sortTargets) },
      given(0.7) && { sortOrder: pick(this.#random, sortOrders) },
      given(0.5) && { limit: 1 + integerBelow(this.#random, 4) },
      given(0.3) && { minModRevision: this.#ago() },
      given(0.2) && { maxModRevision: this.#ago() },
      given(0.2) && { minCreateRevision: this.#ago() },
      given(0.2) && { maxCreateRevision: this.#ago() }
    )
  }

  #ago(): number {
    return Math.max(1, this.#revision - integerBelow(this.#random, agoMax))
  }

  #learn(key: string, kvs: readonly StoreKeyValue[]): void {
    const kv = kvs[0]
    if (kv === undefined) this.#known.delete(key)
    else this.#known.set(key, kv)
  }

  #ops(kind: keyof StoreMix): StoreOp[] {
    const key = this.#key()
    if (kind === 'put') return [this.#put(key)]
    if (kind === 'delete') return [{ type: 'delete', key, prevKv: true, ...(this.#random() < 0.2 ? { end: this.#key() } : {}) }]
    const other = this.#key()
    const ops: StoreOp[] = [{ type: 'range', key: keyPrefix, end: keyEnd }, this.#put(key)]
    if (other !== key) ops.push(this.#random() < 0.3 ? { type: 'delete', key: other, prevKv: true } : this.#put(other))
    if (this.#random() < 0.5) ops.push({ type: 'range', key })
    return ops
  }

  #put(key: string): StoreOp {
    const name = `${this.name}.${++this.#count};`
    const length = Math.max(name.length, integerBelow(this.#random, this.#plan.valueBytesMax + 1))
    return { type: 'put', key, value: encoder.encode(name.padEnd(length, '.')) }
  }

  #key(): string {
    return `${keyPrefix}${integerBelow(this.#random, this.#plan.keys).toString(36).padStart(2, '0')}`
  }
}
