// Excerpt: operations and events as short lines of text, for a reader of a violation.

import type { Outcome } from '../actor/index.js'
import type { StoreEvent, StoreKeyValue, StoreOp, StoreTxn } from '../storage/index.js'
import type { Operation, WatchRecord } from './history.js'
import type { RegisterOperation } from './register.js'

const valueCharactersMax = 24
const textMax = 400
const decoder = new TextDecoder()

export const timeOf = (us: number): string => (us === Number.POSITIVE_INFINITY ? 'never' : `${(us / 1000).toFixed(3)} ms`)

/** How it came out; `told`: what an answer says. */
export function cameOf<V>(outcome: Outcome<V> | undefined, told: (value: V) => string = value => JSON.stringify(value)): string {
  if (outcome === undefined) return 'no answer'
  return outcome.ok ? told(outcome.value) : `${outcome.error.definite ? 'refused' : 'in doubt'}: ${outcome.error.code}`
}

export function describeOperation(operation: Operation): string {
  const { client, to, invokedUs, returnedUs, outcome } = operation
  return `${client} > ${to} [${timeOf(invokedUs)}, ${timeOf(returnedUs)}] ${asked(operation)} = ${cameOf<unknown>(outcome, brief)}`
}

export function describeRegister({ client, key, kind, value, expected, outcome, invokedUs, returnedUs }: RegisterOperation): string {
  const name = (one: string | null): string => (one === null ? 'nothing' : one.slice(0, valueCharactersMax))
  const what =
    kind === 'read' ? `read ${key}` : kind === 'write' ? `write ${key} ${name(value)}` : `cas ${key} ${name(expected)} ${name(value)}`
  const came = outcome === 'ok' ? (kind === 'read' ? name(value) : 'done') : outcome
  return `${client} [${timeOf(invokedUs)}, ${timeOf(returnedUs)}] ${what} = ${came}`
}

/** What an operation asked for, without who and when. */
export function asked(operation: Operation): string {
  switch (operation.kind) {
    case 'txn':
      return describeTxn(operation.txn)
    case 'range':
      return `range ${brief(operation.query)}`
    case 'compact':
      return `compact ${operation.revision}`
    default:
      return operation.kind
  }
}

export function describeTxn({ compares, success, failure }: StoreTxn): string {
  const branch = (ops: readonly StoreOp[]): string => ops.map(describeOp).join(', ')
  if (compares.length === 0) return branch(success)
  const when = compares.map(({ key, target, result, operand }) => `${target}(${key}) ${result} ${brief(operand)}`).join(' and ')
  return `if ${when} then ${branch(success)}${failure.length > 0 ? ` else ${branch(failure)}` : ''}`
}

function describeOp(op: StoreOp): string {
  if (op.type === 'txn') return `(${describeTxn(op)})`
  if (op.type === 'put') return `put ${op.key} ${text(op.value)}`
  return `${op.type} ${op.key}${op.end === undefined ? '' : `..${op.end}`}`
}

const describeKeyValue = (kv: StoreKeyValue): string =>
  `${kv.key}=${text(kv.value)} (mod ${kv.modRevision}, create ${kv.createRevision}, version ${kv.version})`

export const describeEvents = (events: readonly StoreEvent[]): string =>
  events.length === 0
    ? 'nothing'
    : events.map(({ type, kv }) => (type === 'put' ? describeKeyValue(kv) : `delete ${kv.key} (mod ${kv.modRevision})`)).join(', ')

export const describeWatch = ({ client, to, request, openedUs }: WatchRecord): string =>
  `${client} > ${to} at ${timeOf(openedUs)} watch ${request.key}..${request.end ?? ''} from ${request.startRevision}`

export function brief(value: unknown): string {
  const json = JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? text(part) : part))
  return (json ?? String(value)).slice(0, textMax)
}

const text = (bytes: Uint8Array): string => decoder.decode(bytes.subarray(0, valueCharactersMax))
