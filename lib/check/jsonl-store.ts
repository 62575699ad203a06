// JSON lines, the part of a store: what was asked of it and what it answered, from JSON.

import type {
  StoreCompare,
  StoreEvent,
  StoreKeyValue,
  StoreOp,
  StoreOpResult,
  StoreRange,
  StoreRangeAnswer,
  StoreTxn,
  StoreTxnAnswer,
  StoreWatch
} from '../storage/index.js'
import type { WatchedBatch } from './history.js'
import type { Fields } from './json-fields.js'

const encoder = new TextEncoder()
const noBytes = new Uint8Array(0)

export const txnOf = (of: Fields): StoreTxn => ({
  compares: of.has('compares') ? of.list('compares', compareOf) : [],
  success: of.has('success') ? of.list('success', opOf) : [],
  failure: of.has('failure') ? of.list('failure', opOf) : []
})

function compareOf(of: Fields): StoreCompare {
  const key = of.string('key')
  const target = of.oneOf('target', ['version', 'create', 'mod', 'lease', 'value'])
  const result = of.oneOf('result', ['equal', 'greater', 'less', 'notEqual'])
  if (target === 'value') return { key, target, result, operand: bytesOf(of, 'operand') }
  return { key, target, result, operand: of.number('operand') }
}

function opOf(of: Fields): StoreOp {
  const type = of.oneOf('type', ['put', 'delete', 'range'])
  const key = of.string('key')
  switch (type) {
    case 'put': {
      const lease = of.optionalNumber('lease')
      return { type, key, value: bytesOf(of, 'value'), ...(lease === undefined ? {} : { lease }) }
    }
    case 'delete': {
      const prevKv = of.optionalBoolean('prevKv')
      return { type, key, end: of.optionalString('end'), ...(prevKv === undefined ? {} : { prevKv }) }
    }
    default:
      return { type, ...rangeOf(of) }
  }
}

export const rangeOf = (of: Fields): StoreRange => ({
  key: of.string('key'),
  end: of.optionalString('end'),
  revision: of.optionalNumber('revision'),
  limit: of.optionalNumber('limit'),
  keysOnly: of.optionalBoolean('keysOnly'),
  countOnly: of.optionalBoolean('countOnly'),
  serializable: of.optionalBoolean('serializable')
})

/** `results` may be left out where the transaction was nothing but puts. */
export function txnAnswerOf(of: Fields, { success, failure }: StoreTxn): StoreTxnAnswer {
  const succeeded = of.optionalBoolean('succeeded') ?? true
  const ops = succeeded ? success : failure
  if (!of.has('results') && ops.every(({ type }) => type === 'put'))
    return { succeeded, revision: of.number('revision'), results: ops.map(() => ({ type: 'put' })) }
  const results = of.list('results', resultOf)
  if (results.length !== ops.length || results.some(({ type }, at) => type !== ops[at]?.type))
    of.refuse('results', `one result for each operation of the branch that was taken: ${ops.map(({ type }) => type).join(', ')}`)
  return { succeeded, revision: of.number('revision'), results }
}

function resultOf(of: Fields): StoreOpResult {
  const type = of.oneOf('type', ['put', 'delete', 'range'])
  if (type === 'put') return { type }
  if (type === 'delete') return { type, deleted: of.number('deleted'), prevs: of.has('prevs') ? of.list('prevs', kvOf) : [] }
  return { type, ...keyValuesOf(of) }
}

function keyValuesOf(of: Fields): { kvs: StoreKeyValue[]; count: number; more: boolean } {
  const kvs = of.has('kvs') ? of.list('kvs', kvOf) : []
  return { kvs, count: of.optionalNumber('count') ?? kvs.length, more: of.optionalBoolean('more') ?? false }
}

export const rangeAnswerOf = (of: Fields): StoreRangeAnswer => ({ ...keyValuesOf(of), revision: of.number('revision') })

export const compactAnswerOf = (of: Fields): { readonly revision: number } => ({ revision: of.number('revision') })

/** `createRevision` and `version` may be left out of what its revision created. */
function kvOf(of: Fields): StoreKeyValue {
  const modRevision = of.number('modRevision')
  return {
    key: of.string('key'),
    value: bytesOf(of, 'value'),
    createRevision: of.optionalNumber('createRevision') ?? modRevision,
    modRevision,
    version: of.optionalNumber('version') ?? 1,
    lease: of.optionalNumber('lease') ?? 0
  }
}

export function watchOf(of: Fields): StoreWatch {
  const prevKv = of.optionalBoolean('prevKv')
  return {
    key: of.string('key'),
    end: of.optionalString('end'),
    startRevision: of.optionalNumber('startRevision') ?? 0,
    ...(prevKv === undefined ? {} : { prevKv })
  }
}

export const batchOf = (of: Fields): WatchedBatch => ({
  atUs: of.number('at'),
  revision: of.number('revision'),
  events: of.has('events') ? of.list('events', eventOf) : []
})

function eventOf(of: Fields): StoreEvent {
  const prev = of.has('prev') ? { prev: kvOf(of.fields('prev')) } : {}
  if (of.oneOf('type', ['put', 'delete']) === 'put') return { type: 'put', kv: kvOf(of.fields('kv')), ...prev }
  const kv = { key: of.string('key'), value: noBytes, createRevision: 0, modRevision: of.number('modRevision'), version: 0, lease: 0 }
  return { type: 'delete', kv, ...prev }
}

function bytesOf(of: Fields, name: string): Uint8Array {
  const value = of.raw(name)
  if (typeof value === 'string') return encoder.encode(value)
  if (typeof value !== 'object' || value === null) return of.refuse(name, 'a string, or {"base64": "..."}')
  const base64 = of.fields(name).string('base64')
  try {
    return Uint8Array.from(atob(base64), character => character.charCodeAt(0))
  } catch {
    return of.refuse(name, 'base64')
  }
}
