// A naive store: every version of every key in one array, searched from one end to the other. And commands for it at random.

import {
  type Alarm,
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
  alarms: Alarm[] = []

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
    const count = this.inRange(query, revision).length
    if (query.countOnly) return { kvs: [], count, more: false }
    const kvs = this.#chosen(query, this.inRange(query, revision))
    const cut = kvs.slice(0, query.limit || undefined)
    return { kvs: cut.map(kv => (query.keysOnly ? { ...kv, value: new Uint8Array(0) } : kv)), count, more: cut.length < kvs.length }
  }

  /** Sorted by comparing every pair: as often as something is out of place, it is moved. */
  #chosen(query: RangeQuery, all: KeyValue[]): KeyValue[] {
    const { sortOrder = 'none', sortTarget = 'key' } = query
    const bounds = [query.minModRevision, query.maxModRevision, query.minCreateRevision, query.maxCreateRevision].map(bound => bound || 0)
    const [minMod = 0, maxMod = 0, minCreate = 0, maxCreate = 0] = bounds
    const isCutFirst = sortOrder === 'none' && bounds.every(bound => bound === 0) && query.limit
    const kvs = (isCutFirst ? all.slice(0, (query.limit ?? 0) + 1) : all).filter(
      kv =>
        kv.modRevision >= minMod &&
        kv.createRevision >= minCreate &&
        (maxMod === 0 || kv.modRevision <= maxMod) &&
        (maxCreate === 0 || kv.createRevision <= maxCreate)
    )
    const isBefore = (a: KeyValue, b: KeyValue): boolean => {
      if (sortTarget === 'value') return Buffer.compare(a.value, b.value) < 0
      if (sortTarget === 'key') return a.key < b.key
      const field = { version: 'version', create: 'createRevision', mod: 'modRevision' } as const
      return a[field[sortTarget]] < b[field[sortTarget]]
    }
    const isWrong = (a: KeyValue, b: KeyValue): boolean => (sortOrder === 'descend' ? isBefore(a, b) : isBefore(b, a))
    for (let end = kvs.length; end > 0; end--) {
      for (let at = 1; at < end; at++) {
        const [a, b] = [kvs[at - 1] as KeyValue, kvs[at] as KeyValue]
        if (isWrong(a, b)) kvs.splice(at - 1, 2, b, a)
      }
    }
    return kvs
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
    const barred = this.#barred(command)
    if (barred !== undefined) return barred
    const result = this.#do(command)
    if (this.versions.length > before) this.revision++
    return result
  }

  #barred(command: Command) {
    const parts = command.type === 'txn' ? [...placed(command)].map(({ op }) => op.type) : [command.type]
    const has = (...types: string[]): boolean => parts.some(type => types.includes(type))
    if (this.alarms.some(({ alarm }) => alarm === 'corrupt') && has('put', 'delete', 'compact', 'leaseGrant', 'leaseRevoke'))
      return failed('corrupt')
    return this.alarms.some(({ alarm }) => alarm === 'noSpace') && has('put', 'leaseGrant') ? failed('noSpace') : undefined
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
        return { type: 'leaseRevoke', id: command.id }
      case 'leaseCheckpoint':
        return command
      case 'alarm': {
        const is = (alarm: Alarm): boolean =>
          (command.member ?? alarm.member) === alarm.member && (command.alarm ?? alarm.alarm) === alarm.alarm
        const alarms = this.alarms.filter(is)
        if (command.action === 'deactivate') this.alarms = this.alarms.filter(alarm => !is(alarm))
        else if (alarms.length === 0) alarms.push({ member: command.member, alarm: command.alarm })
        if (command.action === 'activate' && !this.alarms.some(is)) this.alarms.push(...alarms)
        return { type: 'alarm', alarms }
      }
      case 'auth':
        throw new Error('the model knows nothing of auth')
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

  #txn(txn: Txn): CommandResult {
    const all = [...placed(txn)]
    for (const { op } of all) {
      if (op.type === 'put' && op.ignoreValue && op.value.length > 0) return failed('valueProvided')
      if (op.type === 'put' && op.ignoreLease && op.lease) return failed('leaseProvided')
    }
    if (all.some((one, at) => all.some((other, place) => place > at && areDouble(one, other)))) return failed('duplicateKey')
    const taken = this.#taken(txn)
    for (const type of ['put', 'range'])
      for (const op of taken) {
        const misfit = op.type === type ? this.#misfit(op) : undefined
        if (misfit !== undefined) return misfit
      }
    const before = this.versions.length
    return this.#branch(txn, before) as CommandResult
  }

  /** What will be done, nested ones in their place: all that decides is there before anything is. */
  #taken({ compares, success, failure }: Txn): Op[] {
    const ops = compares.every(compare => this.#holds(compare)) ? success : failure
    return ops.flatMap(op => (op.type === 'txn' ? this.#taken(op) : [op]))
  }

  /** `before`: how many versions there were before the outermost began; compares are of that. */
  #branch({ compares, success, failure }: Txn, before: number): OpResult {
    const since = this.versions.splice(before)
    const succeeded = compares.every(compare => this.#holds(compare))
    this.versions.push(...since)
    const results = (succeeded ? success : failure).map(op => (op.type === 'txn' ? this.#branch(op, before) : this.#op(op)))
    return { type: 'txn', succeeded, results }
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

  #op(op: Exclude<Op, Txn>): OpResult {
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

/** An operation of any branch, however deep, and which branch it takes of which transactions to come to it. */
interface Placed {
  readonly op: Exclude<Op, Txn>
  readonly path: ReadonlyMap<Txn, string>
}

function* placed(txn: Txn, path: ReadonlyMap<Txn, string> = new Map()): Generator<Placed> {
  for (const branch of ['success', 'failure'] as const) {
    const there = new Map([...path, [txn, branch]])
    for (const op of txn[branch]) {
      if (op.type === 'txn') yield* placed(op, there)
      else yield { op, path: there }
    }
  }
}

/** Whether both may happen, and both change a key, and one puts it. */
function areDouble(one: Placed, other: Placed): boolean {
  if ([...one.path].some(([txn, branch]) => (other.path.get(txn) ?? branch) !== branch)) return false
  const [a, b] = [one.op, other.op]
  if (a.type === 'put') return (b.type === 'put' && a.key === b.key) || (b.type === 'delete' && contains(b, a.key))
  return a.type === 'delete' && b.type === 'put' && contains(a, b.key)
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
    const bound = (): number => (this.maybe(0.2) ? this.below(model.revision + 2) : 0)
    return {
      ...this.range(),
      revision,
      limit: this.below(5),
      keysOnly: this.maybe(0.2),
      countOnly: this.maybe(0.1),
      sortOrder: this.of(['none', 'none', 'ascend', 'descend'] as const),
      sortTarget: this.of(['key', 'key', 'version', 'create', 'mod', 'value'] as const),
      minModRevision: bound(),
      maxModRevision: bound(),
      minCreateRevision: bound(),
      maxCreateRevision: bound()
    }
  }
  value(): Uint8Array {
    return Uint8Array.from({ length: this.below(4) }, () => this.below(3))
  }
  put(): Put {
    const lease = this.maybe(0.3) ? 1 + this.below(4) : 0
    if (this.maybe(0.06))
      return { type: 'put', key: this.key(), value: this.maybe(0.3) ? this.value() : new Uint8Array(0), ignoreValue: true, lease }
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
    const number = (target === 'version' || target === 'lease' ? this.below(5) : this.below(model.revision + 3)) - 1
    return { ...range, result, target, number }
  }
  op(model: Model, depth = 0): Op {
    if (depth < 3 && this.maybe(0.2)) return this.txn(model, depth + 1)
    if (this.maybe(0.5)) return this.put()
    return this.maybe(0.5) ? this.delete() : { type: 'range', ...this.query(model) }
  }
  txn(model: Model, depth = 0): Txn {
    const list = <T>(max: number, make: () => T): T[] => Array.from({ length: this.below(max) }, make)
    return {
      type: 'txn',
      compares: list(3, () => this.compare(model)),
      success: list(4, () => this.op(model, depth)),
      failure: list(4, () => this.op(model, depth))
    }
  }
  alarm(model: Model): Command {
    const some = { member: this.maybe(0.5) ? 'm1' : 'm2', alarm: this.maybe(0.5) ? ('noSpace' as const) : ('corrupt' as const) }
    if (model.alarms.length === 0 && this.maybe(0.5)) return { type: 'alarm', action: 'activate', ...some }
    return this.maybe(0.7) ? { type: 'alarm', action: 'deactivate' } : { type: 'alarm', action: 'deactivate', member: some.member }
  }
  command(model: Model): Command {
    if (this.maybe(model.alarms.length > 0 ? 0.2 : 0.04)) return this.alarm(model)
    const kind = this.#random()
    if (kind < 0.4) return this.put()
    if (kind < 0.55) return this.delete()
    if (kind < 0.8) {
      return this.txn(model)
    }
    if (kind < 0.84) return { type: 'compact', revision: Math.max(0, model.revision + 1 - this.below(12)) }
    const id = 1 + this.below(4)
    if (kind < 0.92) return { type: 'leaseGrant', id, ttlSeconds: this.below(100) }
    return kind < 0.97 ? { type: 'leaseRevoke', id } : { type: 'leaseCheckpoint', id, remainingTtlSeconds: this.below(50) }
  }
}
