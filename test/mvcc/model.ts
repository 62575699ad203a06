// A naive store: every version of every key in one array, searched from one end to the other. And commands for it at random.

import {
  type Command,
  type CommandResult,
  type Compare,
  contains,
  type Delete,
  type Event,
  failed,
  type KeyRange,
  type KeyValue,
  keyOfText,
  type Op,
  type OpResult,
  type Put,
  prefixEnd,
  type RangeQuery,
  type Txn
} from '../../lib/mvcc/index.js'
import { integerBelow, type Random } from '../../lib/std/index.js'

export class Model {
  versions: KeyValue[] = []
  revision = 1
  compactRevision = 0
  leases = new Map<number, number>()

  at(key: string, revision: number): KeyValue | undefined {
    const found = this.versions.filter(kv => kv.key === key && kv.modRevision <= revision).at(-1)
    return found === undefined || found.version === 0 ? undefined : found
  }

  inRange(range: KeyRange, revision: number): KeyValue[] {
    const keys = [...new Set(this.versions.map(kv => kv.key))].sort().filter(key => contains(range, key))
    return keys.map(key => this.at(key, revision)).filter(kv => kv !== undefined)
  }

  /** Range at `current` where none is named. */
  range(query: RangeQuery, current = this.revision) {
    const revision = query.revision || current
    if (query.key === '') return failed('emptyKey')
    if ((query.revision ?? 0) > this.revision) return failed('future')
    if (query.revision && query.revision < this.compactRevision) return failed('compacted')
    const all = this.inRange(query, revision)
    const kvs = query.countOnly
      ? []
      : all.slice(0, query.limit || undefined).map(kv => (query.keysOnly ? { ...kv, value: new Uint8Array(0) } : kv))
    return { kvs, count: all.length, more: !query.countOnly && all.length > kvs.length }
  }

  /** What a watch from `from` must see up to `to`. */
  events(range: KeyRange & { noPut?: boolean; noDelete?: boolean }, from: number, to: number): Event[] {
    return this.versions
      .filter(kv => kv.modRevision >= from && kv.modRevision <= to && contains(range, kv.key))
      .map((kv): Event => {
        const prev = this.at(kv.key, kv.modRevision - 1)
        return { type: kv.version === 0 ? 'delete' : 'put', kv, ...(prev === undefined ? {} : { prev }) }
      })
      .filter(event => (event.type === 'put' ? !range.noPut : !range.noDelete))
  }

  apply(command: Command): CommandResult {
    const before = this.versions.length
    const result = this.#do(command)
    if (this.versions.length > before) this.revision++
    return result
  }

  #do(command: Command): CommandResult {
    switch (command.type) {
      case 'put':
        return this.#misfit(command) ?? (this.#op(command) as CommandResult)
      case 'delete':
        return this.#op(command) as CommandResult
      case 'txn':
        return this.#txn(command)
      case 'compact':
        if (command.revision <= this.compactRevision) return failed('compacted')
        if (command.revision > this.revision) return failed('future')
        this.compactRevision = command.revision
        return { type: 'compact' }
      case 'leaseGrant':
        if (command.id === 0 || this.leases.has(command.id)) return failed('leaseExists')
        this.leases.set(command.id, command.ttlSeconds)
        return { type: 'leaseGrant', id: command.id, ttlSeconds: command.ttlSeconds }
      case 'leaseRevoke':
        if (!this.leases.delete(command.id)) return failed('leaseNotFound')
        for (const kv of this.#current()) if (kv.lease === command.id) this.#op({ type: 'delete', key: kv.key })
        return { type: 'leaseRevoke' }
      case 'leaseCheckpoint':
        return { type: 'leaseCheckpoint' }
    }
  }

  #current(): KeyValue[] {
    return this.inRange({ key: '\0', end: '\0' }, Number.POSITIVE_INFINITY)
  }

  #misfit(op: Op) {
    if (op.type === 'range') {
      const answer = this.range(op)
      return 'type' in answer ? answer : undefined
    }
    if (op.type !== 'put') return undefined
    if (op.ignoreValue && op.value.length > 0) return failed('valueProvided')
    if (op.ignoreLease && op.lease) return failed('leaseProvided')
    if ((op.ignoreValue || op.ignoreLease) && this.at(op.key, Number.POSITIVE_INFINITY) === undefined) return failed('keyNotFound')
    return op.lease && !this.leases.has(op.lease) ? failed('leaseNotFound') : undefined
  }

  #txn({ compares, success, failure }: Txn): CommandResult {
    for (const ops of [success, failure]) {
      const puts = ops.filter(op => op.type === 'put').map(op => op.key)
      if (new Set(puts).size < puts.length) return failed('duplicateKey')
      if (ops.some(op => op.type === 'delete' && puts.some(key => contains(op, key)))) return failed('duplicateKey')
    }
    const succeeded = compares.every(compare => this.#holds(compare))
    const ops = succeeded ? success : failure
    const misfit = ops.map(op => this.#misfit(op)).find(found => found !== undefined)
    if (misfit !== undefined) return misfit
    return { type: 'txn', succeeded, results: ops.map(op => this.#op(op)) }
  }

  #holds(compare: Compare): boolean {
    const found = this.inRange(compare, Number.POSITIVE_INFINITY)
    const zero: KeyValue = { key: '', value: new Uint8Array(0), createRevision: 0, modRevision: 0, version: 0, lease: 0 }
    if (found.length === 0 && compare.target === 'value') return false
    return (found.length === 0 ? [zero] : found).every(kv => {
      const numbers = { version: kv.version, create: kv.createRevision, mod: kv.modRevision, lease: kv.lease }
      const order = compare.target === 'value' ? Buffer.compare(kv.value, compare.value) : numbers[compare.target] - compare.number
      return { equal: order === 0, notEqual: order !== 0, greater: order > 0, less: order < 0 }[compare.result]
    })
  }

  #op(op: Op): OpResult {
    const main = this.revision + 1
    const changed = this.versions.at(-1)?.modRevision === main
    if (op.type === 'range')
      return { type: 'range', ...(this.range(op, changed ? main : this.revision) as { kvs: KeyValue[]; count: number; more: boolean }) }
    if (op.type === 'put') {
      const prev = this.at(op.key, main)
      const value = op.ignoreValue ? (prev as KeyValue).value : op.value
      const lease = op.ignoreLease ? (prev as KeyValue).lease : (op.lease ?? 0)
      this.versions.push({
        key: op.key,
        value,
        createRevision: prev?.createRevision ?? main,
        modRevision: main,
        version: (prev?.version ?? 0) + 1,
        lease
      })
      return { type: 'put', prev: op.prevKv ? prev : undefined }
    }
    const prevs = this.inRange(op, main)
    for (const { key } of prevs) {
      this.versions.push({ key, value: new Uint8Array(0), createRevision: 0, modRevision: main, version: 0, lease: 0 })
    }
    return { type: 'delete', deleted: prevs.length, prevs: op.prevKv ? prevs : [] }
  }
}

const keys = ['a', 'b', 'b/1', 'b/2', 'b/3', 'b/3/x', 'c', 'é', '日', '\u{1F600}', '\uffee', 'z'].map(keyOfText)

export class Chance {
  readonly #random: Random
  constructor(random: Random) {
    this.#random = random
  }
  below(limit: number): number {
    return integerBelow(this.#random, limit)
  }
  maybe(share: number): boolean {
    return this.#random() < share
  }
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
  key(): string {
    return this.of(keys)
  }
  range(): { key: string; end?: string | undefined } {
    const key = this.key()
    const kind = this.below(6)
    if (kind < 2) return { key, ...(kind === 0 ? { end: undefined } : {}) }
    if (kind === 2) return { key: '\0', end: '\0' }
    if (kind === 3) return { key, end: '\0' }
    return { key, end: kind === 4 ? prefixEnd(key) : this.key() }
  }
  query(model: Model): RangeQuery {
    const revision = this.maybe(0.4) ? 0 : this.below(model.revision + 3)
    return { ...this.range(), revision, limit: this.below(5), keysOnly: this.maybe(0.2), countOnly: this.maybe(0.1) }
  }
  value(): Uint8Array {
    return Uint8Array.from({ length: this.below(4) }, () => this.below(3))
  }
  put(): Put {
    const lease = this.maybe(0.3) ? 1 + this.below(4) : 0
    if (this.maybe(0.06)) return { type: 'put', key: this.key(), value: new Uint8Array(0), ignoreValue: true, lease }
    if (this.maybe(0.06)) return { type: 'put', key: this.key(), value: this.value(), ignoreLease: true, prevKv: true }
    return { type: 'put', key: this.key(), value: this.value(), lease, prevKv: this.maybe(0.5) }
  }
  delete(): Delete {
    const range = this.maybe(0.7) ? { key: this.key() } : this.range()
    return { type: 'delete', ...range, prevKv: this.maybe(0.5) }
  }
  compare(model: Model): Compare {
    const result = this.of(['equal', 'notEqual', 'less', 'greater'] as const)
    const range = this.maybe(0.8) ? { key: this.key() } : this.range()
    if (this.maybe(0.3)) return { ...range, result, target: 'value', value: this.value() }
    const target = this.of(['version', 'create', 'mod', 'lease'] as const)
    const number = target === 'version' || target === 'lease' ? this.below(4) : this.below(model.revision + 2)
    return { ...range, result, target, number }
  }
  op(model: Model): Op {
    if (this.maybe(0.5)) return this.put()
    return this.maybe(0.5) ? this.delete() : { type: 'range', ...this.query(model) }
  }
  command(model: Model): Command {
    const kind = this.#random()
    if (kind < 0.4) return this.put()
    if (kind < 0.55) return this.delete()
    if (kind < 0.8) {
      const list = <T>(max: number, make: () => T): T[] => Array.from({ length: this.below(max) }, make)
      return {
        type: 'txn',
        compares: list(3, () => this.compare(model)),
        success: list(4, () => this.op(model)),
        failure: list(4, () => this.op(model))
      }
    }
    if (kind < 0.84) return { type: 'compact', revision: Math.max(0, model.revision + 1 - this.below(12)) }
    const id = 1 + this.below(4)
    if (kind < 0.92) return { type: 'leaseGrant', id, ttlSeconds: this.below(100) }
    return kind < 0.97 ? { type: 'leaseRevoke', id } : { type: 'leaseCheckpoint', id, remainingTtlSeconds: this.below(50) }
  }
}
