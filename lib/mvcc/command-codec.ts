// CommandWriter and CommandReader: many commands in the bytes of one Raft entry, each with the life of the store that
// proposed it and its number there, so that this store can answer its client.
//
// Two batches one after the other are a batch: a leader may join what followers forwarded without reading it.
// life    1, format version, key life           the commands that follow are of this life; their numbers count from 0 again
// others  operation and flags, number less the one before it of the same life, caller if flagged as named, then what the operation says
//
// A command of somebody from outside who has no name costs no more bytes than one of kabuki's own.

import { anonymous, type Caller } from '../auth/index.js'
import { assert, unreachable } from '../std/index.js'
import { alarmTypes } from './alarm.js'
import { readAuthChange, readText, writeAuthChange, writeText } from './auth-codec.js'
import { ByteReader, ByteWriter, recentKeys } from './bytes.js'
import { type Command, type Compare, compareResults, type LowerAlarm, type Op, type Put, type RaiseAlarm, type Txn } from './command.js'
import { type RangeQuery, sortOrders, sortTargets } from './range-query.js'

/** 2: compares with numbers below 0, nested transactions, sorted and bounded ranges, alarms. 3: callers, auth. */
const formatVersion = 3
const code = {
  life: 1,
  put: 2,
  delete: 3,
  txn: 4,
  compact: 5,
  leaseGrant: 6,
  leaseRevoke: 7,
  leaseCheckpoint: 8,
  range: 9,
  alarm: 10,
  auth: 11
} as const
/** Beside an operation. Without either: none of outside. */
const callerFlag = { anonymous: 32, named: 64 } as const
const operationMask = 31
const targets = ['version', 'create', 'mod', 'lease', 'value'] as const
const putFlag = { lease: 1, prevKv: 2, ignoreValue: 4, ignoreLease: 8 } as const
const rangeFlag = { end: 1, revision: 2, limit: 4, keysOnly: 8, countOnly: 16, prevKv: 32, refined: 64 } as const
const alarmFlag = { activate: 1, member: 2, alarm: 4 } as const
/** Of a key's numbers none is below 0: all below it are alike. */
const compareMin = -1

export class CommandWriter {
  readonly #writer = new ByteWriter()
  readonly #life: string
  #count = 0
  #before = 0

  /** `life`: an id of the proposing store's life; binary or ASCII. */
  constructor(life: string) {
    this.#life = life
  }

  /** Commands since `take`. */
  get count(): number {
    return this.#count
  }
  get bytes(): number {
    return this.#writer.length
  }

  /** `number` must be greater than those before. Throws a RangeError, and writes nothing, if a key is not a binary string. */
  add(number: number, command: Command, caller?: Caller): void {
    const start = this.#writer.length
    try {
      const flag = caller === undefined ? 0 : caller.user === '' ? callerFlag.anonymous : callerFlag.named
      this.#begin(number, code[command.type] | flag)
      if (caller !== undefined && flag === callerFlag.named) this.#caller(caller)
      this.#body(command)
    } catch (error) {
      this.#writer.cut(start)
      throw error
    }
    this.#before = number
    this.#count++
  }

  take(): Uint8Array {
    this.#count = 0
    this.#before = 0
    return this.#writer.take()
  }

  #begin(number: number, operation: number): void {
    const writer = this.#writer
    if (this.#count === 0) {
      writer.byte(code.life)
      writer.byte(formatVersion)
      writer.key(this.#life)
    }
    assert(number >= this.#before, 'numbers of commands ascend', { number, before: this.#before })
    writer.byte(operation)
    writer.number(number - this.#before)
  }

  #caller({ user, authRevision }: Caller): void {
    writeText(this.#writer, user)
    this.#writer.number(authRevision)
  }

  #body(command: Command): void {
    const writer = this.#writer
    switch (command.type) {
      case 'put':
        this.#put(command)
        break
      case 'delete':
        this.#range(command, command.prevKv === true ? rangeFlag.prevKv : 0)
        break
      case 'txn':
        this.#txn(command)
        break
      case 'compact':
        writer.number(command.revision)
        break
      case 'leaseGrant':
        writer.number(command.id)
        writer.number(command.ttlSeconds)
        break
      case 'leaseRevoke':
        writer.number(command.id)
        break
      case 'leaseCheckpoint':
        writer.number(command.id)
        writer.number(command.remainingTtlSeconds)
        break
      case 'alarm':
        this.#alarm(command)
        break
      case 'auth':
        writeAuthChange(writer, command.change)
        break
      default:
        unreachable(command)
    }
  }

  #txn({ compares, success, failure }: Txn): void {
    this.#writer.number(compares.length)
    for (const compare of compares) this.#compare(compare)
    this.#ops(success)
    this.#ops(failure)
  }

  #alarm({ action, member, alarm }: RaiseAlarm | LowerAlarm): void {
    const writer = this.#writer
    let flags = action === 'activate' ? alarmFlag.activate : 0
    if (member !== undefined) flags |= alarmFlag.member
    if (alarm !== undefined) flags |= alarmFlag.alarm
    writer.byte(flags)
    if (member !== undefined) writer.key(member)
    if (alarm !== undefined) writer.byte(placeIn(alarmTypes, alarm))
  }

  #put({ key, value, lease = 0, prevKv, ignoreValue, ignoreLease }: Put): void {
    const writer = this.#writer
    let flags = lease === 0 ? 0 : putFlag.lease
    if (prevKv === true) flags |= putFlag.prevKv
    if (ignoreValue === true) flags |= putFlag.ignoreValue
    if (ignoreLease === true) flags |= putFlag.ignoreLease
    writer.byte(flags)
    writer.key(key)
    writer.value(value)
    if (lease !== 0) writer.number(lease)
  }

  #range(query: RangeQuery, more: number): void {
    const { key, end, revision = 0, limit = 0, keysOnly, countOnly } = query
    const writer = this.#writer
    const refined = more === 0 ? refinementOf(query) : undefined
    let flags = refined === undefined ? more : more | rangeFlag.refined
    if (end !== undefined) flags |= rangeFlag.end
    if (revision !== 0) flags |= rangeFlag.revision
    if (limit !== 0) flags |= rangeFlag.limit
    if (keysOnly === true) flags |= rangeFlag.keysOnly
    if (countOnly === true) flags |= rangeFlag.countOnly
    writer.byte(flags)
    writer.key(key)
    if (end !== undefined) writer.key(end)
    if (revision !== 0) writer.number(revision)
    if (limit !== 0) writer.number(limit)
    if (refined !== undefined) for (const number of refined) writer.number(number)
  }

  #compare(compare: Compare): void {
    const writer = this.#writer
    writer.byte(placeIn(targets, compare.target) | (placeIn(compareResults, compare.result) << 3) | (compare.end === undefined ? 0 : 128))
    writer.key(compare.key)
    if (compare.end !== undefined) writer.key(compare.end)
    if (compare.target === 'value') writer.value(compare.value)
    else writer.number(Math.max(compare.number, compareMin) - compareMin)
  }

  #ops(ops: readonly Op[]): void {
    this.#writer.number(ops.length)
    for (const op of ops) {
      this.#writer.byte(code[op.type])
      if (op.type === 'put') this.#put(op)
      else if (op.type === 'txn') this.#txn(op)
      else this.#range(op, op.type === 'delete' && op.prevKv === true ? rangeFlag.prevKv : 0)
    }
  }
}

function placeIn<T>(all: readonly T[], one: T): number {
  const place = all.indexOf(one)
  if (place < 0) throw new RangeError(`${String(one)} is none of ${all.join(', ')}`)
  return place
}

function refinementOf(query: RangeQuery): readonly number[] | undefined {
  const { sortOrder = 'none', sortTarget = 'key' } = query
  const { minModRevision = 0, maxModRevision = 0, minCreateRevision = 0, maxCreateRevision = 0 } = query
  const sort = placeIn(sortOrders, sortOrder) | (placeIn(sortTargets, sortTarget) << 2)
  const numbers = [sort, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision]
  return numbers.some(number => number !== 0) ? numbers : undefined
}

export class CommandReader {
  readonly #recent = recentKeys()
  #reader = new ByteReader(new Uint8Array(0))
  #compareMin = compareMin
  life = ''
  number = 0
  /** Of the command that was read last; undefined: none of outside. */
  caller: Caller | undefined

  /** Begins with the bytes of another entry. */
  read(bytes: Uint8Array): void {
    this.#reader = new ByteReader(bytes, this.#recent)
    this.life = ''
    this.number = 0
  }

  /** The next command, whose `life`, `number` and `caller` are then the reader's. Throws on bytes that no CommandWriter wrote. */
  next(): Command | undefined {
    const reader = this.#reader
    if (reader.done) return undefined
    let operation = reader.byte()
    while (operation === code.life) {
      const version = reader.byte()
      assert(version > 0 && version <= formatVersion, 'commands are of a format this program reads', { version, formatVersion })
      this.#compareMin = version === 1 ? 0 : compareMin
      this.life = reader.key()
      this.number = 0
      operation = reader.byte()
    }
    this.number += reader.number()
    this.caller = operation > operationMask ? this.#caller(operation & ~operationMask) : undefined
    return this.#command(operation & operationMask)
  }

  #caller(flag: number): Caller {
    if (flag === callerFlag.anonymous) return anonymous
    if (flag !== callerFlag.named) throw new RangeError(`unknown flags ${flag} of a command`)
    return { user: readText(this.#reader), authRevision: this.#reader.number() }
  }

  #command(operation: number): Command {
    const reader = this.#reader
    switch (operation) {
      case code.put:
        return this.#put()
      case code.delete:
        return this.#range('delete') as Command
      case code.txn:
        return this.#txn()
      case code.compact:
        return { type: 'compact', revision: reader.number() }
      case code.leaseGrant:
        return { type: 'leaseGrant', id: reader.number(), ttlSeconds: reader.number() }
      case code.leaseRevoke:
        return { type: 'leaseRevoke', id: reader.number() }
      case code.leaseCheckpoint:
        return { type: 'leaseCheckpoint', id: reader.number(), remainingTtlSeconds: reader.number() }
      case code.alarm:
        return this.#alarm()
      case code.auth:
        return { type: 'auth', change: readAuthChange(reader) }
      default:
        throw new RangeError(`unknown command ${operation}`)
    }
  }

  #txn(): Txn {
    return {
      type: 'txn',
      compares: this.#list(() => this.#compare()),
      success: this.#list(() => this.#op()),
      failure: this.#list(() => this.#op())
    }
  }

  #alarm(): RaiseAlarm | LowerAlarm {
    const reader = this.#reader
    const flags = reader.byte()
    const member = (flags & alarmFlag.member) === 0 ? undefined : reader.key()
    const alarm = (flags & alarmFlag.alarm) === 0 ? undefined : alarmTypes[reader.byte()]
    if ((flags & alarmFlag.activate) === 0) return { type: 'alarm', action: 'deactivate', member, alarm }
    if (member === undefined || alarm === undefined) throw new RangeError('an alarm without a member or a type')
    return { type: 'alarm', action: 'activate', member, alarm }
  }

  #put(): Put {
    const reader = this.#reader
    const flags = reader.byte()
    const key = reader.key()
    const value = reader.value()
    if (flags === 0) return { type: 'put', key, value }
    return {
      type: 'put',
      key,
      value,
      lease: (flags & putFlag.lease) === 0 ? 0 : reader.number(),
      prevKv: (flags & putFlag.prevKv) !== 0,
      ignoreValue: (flags & putFlag.ignoreValue) !== 0,
      ignoreLease: (flags & putFlag.ignoreLease) !== 0
    }
  }

  #range(type: 'range' | 'delete'): Op {
    const reader = this.#reader
    const flags = reader.byte()
    const key = reader.key()
    const end = (flags & rangeFlag.end) === 0 ? undefined : reader.key()
    if (type === 'delete') return { type, key, end, prevKv: (flags & rangeFlag.prevKv) !== 0 }
    const query = {
      type,
      key,
      end,
      revision: (flags & rangeFlag.revision) === 0 ? 0 : reader.number(),
      limit: (flags & rangeFlag.limit) === 0 ? 0 : reader.number(),
      keysOnly: (flags & rangeFlag.keysOnly) !== 0,
      countOnly: (flags & rangeFlag.countOnly) !== 0
    }
    if ((flags & rangeFlag.refined) === 0) return query
    const sort = reader.number()
    return {
      ...query,
      sortOrder: sortOrders[sort & 3],
      sortTarget: sortTargets[sort >> 2],
      minModRevision: reader.number(),
      maxModRevision: reader.number(),
      minCreateRevision: reader.number(),
      maxCreateRevision: reader.number()
    }
  }

  #compare(): Compare {
    const reader = this.#reader
    const head = reader.byte()
    const target = targets[head & 7]
    const result = compareResults[(head >> 3) & 7]
    if (target === undefined || result === undefined) throw new RangeError(`unknown compare ${head}`)
    const key = reader.key()
    const end = (head & 128) === 0 ? undefined : reader.key()
    if (target === 'value') return { key, end, result, target, value: reader.value() }
    return { key, end, result, target, number: reader.number() + this.#compareMin }
  }

  #op(): Op {
    const operation = this.#reader.byte()
    if (operation === code.put) return this.#put()
    if (operation === code.delete) return this.#range('delete')
    if (operation === code.range) return this.#range('range')
    if (operation === code.txn) return this.#txn()
    throw new RangeError(`unknown operation ${operation} in a transaction`)
  }

  #list<T>(read: () => T): T[] {
    const items: T[] = []
    for (let left = this.#reader.number(); left > 0; left--) items.push(read())
    return items
  }
}
