// Mvcc: the store's state machine. The same commands in the same order give the same state and results on every member.
//
// Guarantee: a command happens whole, at one revision, or fails and changes nothing. The revision grows by one with each
// command that changes a key, and with no other. Results are plain data; key-values in them are shared and never change.
// A command from outside happens only if auth, as it is when the command is applied, lets its caller do all of it.
// Not here: time (LeaseClock), tokens, what waits for consensus.

import { Auth, type Caller } from '../auth/index.js'
import { unreachable } from '../std/index.js'
import { misfitOfCaller } from './access.js'
import { Alarms } from './alarm.js'
import type { Command, CommandResult, Delete, DeleteResult, Op, OpResult, Put, PutResult, RangeOp, Txn, TxnResult } from './command.js'
import { CommandReader } from './command-codec.js'
import { type Failure, failed, type KeyValue } from './key-value.js'
import { Keyspace } from './keyspace.js'
import { Leases, leaseTtlSecondsMax } from './lease.js'
import type { RangeQuery, RangeResult } from './range-query.js'
import { doCompare, misfitOfOps, txnOpsMaxDefault } from './txn.js'

export interface MvccOptions {
  /** Of the compares and of each branch. Must be the same on every member. */
  readonly txnOpsMax?: number
}
export type Answer = (life: string, number: number, result: CommandResult) => void

/** Which branch of a transaction happens, and of each of those in it, in their order. */
interface Branch {
  readonly succeeded: boolean
  readonly ops: readonly Op[]
  readonly nested: readonly Branch[]
}

export class Mvcc {
  readonly keyspace = new Keyspace()
  readonly leases = new Leases()
  readonly alarms = new Alarms()
  readonly auth = new Auth()
  readonly #txnOpsMax: number
  readonly #commands = new CommandReader()
  #revision = 1 // As etcd: the first change is of revision 2.
  #compactRevision = 0
  #changes = 0 // Of the command being applied.
  /** Called before history goes, so that a reader of the log can take what it has not seen. It must not change anything. */
  beforeCompaction: (() => void) | undefined

  constructor(options: MvccOptions = {}) {
    this.#txnOpsMax = options.txnOpsMax ?? txnOpsMaxDefault
  }

  get revision(): number {
    return this.#revision
  }
  get compactRevision(): number {
    return this.#compactRevision
  }

  /** Where a restored store stands. */
  stand(revision: number, compactRevision: number): void {
    this.#revision = revision
    this.#compactRevision = compactRevision
  }

  /** Applies the commands of one Raft entry. `answer` is told each result, in order; it must not apply anything. */
  applyEntry(bytes: Uint8Array, answer?: Answer): void {
    const commands = this.#commands
    commands.read(bytes)
    for (let command = commands.next(); command !== undefined; command = commands.next()) {
      const result = this.apply(command, commands.caller)
      if (answer !== undefined) answer(commands.life, commands.number, result)
    }
  }

  /** Without a caller: the store's own, or a part of kabuki, which may do anything. */
  apply(command: Command, caller?: Caller): CommandResult {
    this.#changes = 0
    const result = this.#barrierOf(command, caller) ?? this.#do(command)
    if (this.#changes > 0) this.#revision++
    return result
  }

  /** As etcd: who may not is told so whatever alarm is raised. */
  #barrierOf(command: Command, caller: Caller | undefined): Failure | undefined {
    const misfit = caller === undefined || !this.auth.isEnabled ? undefined : misfitOfCaller(this, caller, command)
    return misfit ?? (this.alarms.size === 0 ? undefined : this.alarms.misfit(command))
  }

  range(query: RangeQuery): RangeResult | Failure {
    return this.misfitOfRange(query) ?? this.keyspace.range(query, query.revision || this.#revision)
  }

  misfitOfRange(query: RangeQuery): Failure | undefined {
    if (query.key === '') return failed('emptyKey')
    const revision = query.revision ?? 0
    if (revision > this.#revision) return failed('future')
    return revision !== 0 && revision < this.#compactRevision ? failed('compacted') : undefined
  }

  misfitOfPut(put: Put): Failure | undefined {
    if (put.key === '') return failed('emptyKey')
    if (put.ignoreValue === true && put.value.length > 0) return failed('valueProvided')
    const lease = put.lease ?? 0
    if (put.ignoreLease === true && lease !== 0) return failed('leaseProvided')
    if ((put.ignoreValue === true || put.ignoreLease === true) && this.keyspace.current(put.key) === undefined) return failed('keyNotFound')
    return lease !== 0 && !this.leases.has(lease) ? failed('leaseNotFound') : undefined
  }

  #do(command: Command): CommandResult {
    switch (command.type) {
      case 'put':
        return this.misfitOfPut(command) ?? this.#put(command)
      case 'delete':
        return command.key === '' ? failed('emptyKey') : this.#delete(command)
      case 'txn':
        return this.#txn(command)
      case 'compact':
        return this.#compact(command.revision)
      case 'leaseGrant':
        return this.#grant(command.id, command.ttlSeconds)
      case 'leaseRevoke':
        return this.#revoke(command.id)
      case 'leaseCheckpoint':
        this.leases.checkpoint(command.id, command.remainingTtlSeconds)
        return command
      case 'alarm':
        if (command.action === 'activate') return { type: 'alarm', alarms: [this.alarms.raise(command.member, command.alarm)] }
        return { type: 'alarm', alarms: this.alarms.lower(command.member, command.alarm) }
      case 'auth': {
        const failure = this.auth.apply(command.change)
        return failure === undefined ? command : failed(failure)
      }
      default:
        return unreachable(command)
    }
  }

  #put(put: Put): PutResult {
    const before = this.keyspace.current(put.key)
    const leaseBefore = before === undefined ? 0 : before.lease
    const lease = put.ignoreLease === true ? leaseBefore : (put.lease ?? 0)
    const value = put.ignoreValue === true && before !== undefined ? before.value : put.value
    const kv = this.keyspace.put(put.key, value, lease, this.#revision + 1)
    if (lease !== leaseBefore) this.leases.moveKey(kv.key, leaseBefore, lease)
    this.#changes++
    return { type: 'put', prev: put.prevKv === true ? before : undefined }
  }

  #delete({ key, end, prevKv }: Delete): DeleteResult {
    const prevs: KeyValue[] = []
    this.keyspace.visit({ key, end }, ({ versions }) => {
      const kv = versions.at(-1)
      if (kv !== undefined && kv.version > 0) prevs.push(kv)
    })
    for (const kv of prevs) this.#deleteKey(kv)
    return { type: 'delete', deleted: prevs.length, prevs: prevKv === true ? prevs : [] }
  }

  #deleteKey(kv: KeyValue): void {
    this.keyspace.delete(kv.key, this.#revision + 1)
    if (kv.lease !== 0) this.leases.moveKey(kv.key, kv.lease, 0)
    this.#changes++
  }

  /** Everything that may fail is looked at before anything is changed. */
  #txn(txn: Txn): TxnResult | Failure {
    const misfit = misfitOfOps(txn, this.#txnOpsMax)
    if (misfit !== undefined) return misfit
    const branch = this.#branchOf(txn)
    return this.#misfitOfBranch(branch, 'put') ?? this.#misfitOfBranch(branch, 'range') ?? this.#branch(branch)
  }

  #branchOf({ compares, success, failure }: Txn): Branch {
    const succeeded = compares.every(compare => doCompare(this.keyspace, compare))
    const ops = succeeded ? success : failure
    const nested: Branch[] = []
    for (const op of ops) if (op.type === 'txn') nested.push(this.#branchOf(op))
    return { succeeded, ops, nested }
  }

  /** As etcd: first all puts are looked at, then all ranges. */
  #misfitOfBranch({ ops, nested }: Branch, type: 'put' | 'range'): Failure | undefined {
    let place = 0
    for (const op of ops) {
      let misfit: Failure | undefined
      if (op.type === 'txn') misfit = this.#misfitOfBranch(nested[place++] as Branch, type)
      else if (op.type === type) misfit = op.type === 'put' ? this.misfitOfPut(op) : this.misfitOfRange(op)
      if (misfit !== undefined) return misfit
    }
    return undefined
  }

  #branch({ succeeded, ops, nested }: Branch): TxnResult {
    let place = 0
    const results = ops.map((op): OpResult => (op.type === 'txn' ? this.#branch(nested[place++] as Branch) : this.#op(op)))
    return { type: 'txn', succeeded, results }
  }

  #op(op: Exclude<Op, Txn>): OpResult {
    if (op.type === 'put') return this.#put(op)
    if (op.type === 'delete') return this.#delete(op)
    return this.#rangeOp(op)
  }

  /** A range of a transaction sees what the transaction did before it. */
  #rangeOp(op: RangeOp): OpResult {
    const current = this.#revision + (this.#changes > 0 ? 1 : 0)
    return { type: 'range', ...this.keyspace.range(op, op.revision || current) }
  }

  #compact(revision: number): CommandResult {
    if (revision <= this.#compactRevision) return failed('compacted')
    if (revision > this.#revision) return failed('future')
    this.beforeCompaction?.()
    this.keyspace.compact(revision)
    this.#compactRevision = revision
    return { type: 'compact' }
  }

  #grant(id: number, ttlSeconds: number): CommandResult {
    if (id === 0 || this.leases.has(id)) return failed('leaseExists')
    if (ttlSeconds > leaseTtlSecondsMax) return failed('leaseTtlTooLarge')
    this.leases.grant(id, ttlSeconds)
    return { type: 'leaseGrant', id, ttlSeconds }
  }

  /** All its keys go in one revision, in their order, as in etcd. */
  #revoke(id: number): CommandResult {
    const lease = this.leases.get(id)
    if (lease === undefined) return failed('leaseNotFound')
    for (const key of [...lease.keys].sort()) {
      const kv = this.keyspace.current(key)
      if (kv !== undefined) this.#deleteKey(kv)
    }
    this.leases.revoke(id)
    return { type: 'leaseRevoke', id }
  }
}
