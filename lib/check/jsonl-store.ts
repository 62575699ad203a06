// JSON lines, the part of a store: what was asked of it and what it answered, from JSON.

import type {
  StoreCompare,
  StoreEvent,
  StoreKeyValue,
  StoreOp,
  StoreOpResult,
  StorePut,
  StoreRange,
  StoreRangeAnswer,
  StoreSortOrder,
  StoreSortTarget,
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
  const end = of.has('end') ? { end: of.string('end') } : {}
  if (target === 'value') return { key, ...end, target, result, operand: bytesOf(of, 'operand') }
  return { key, ...end, target, result, operand: of.number('operand') }
}

function opOf(of: Fields): StoreOp {
  const type = of.oneOf('type', ['put', 'delete', 'range', 'txn'])
  if (type === 'txn') return { type, ...txnOf(of) }
  const key = of.string('key')
  switch (type) {
    case 'put':
      return { type, key, value: bytesOf(of, 'value'), ...putFlagsOf(of) }
    case 'delete': {
      const prevKv = of.optionalBoolean('prevKv')
      return { type, key, end: of.optionalString('end'), ...(prevKv === undefined ? {} : { prevKv }) }
    }
    default:
      return { type, ...rangeOf(of) }
  }
}

function putFlagsOf(of: Fields): Pick<StorePut, 'lease' | 'prevKv' | 'ignoreValue' | 'ignoreLease'> {
  const lease = of.has('lease') ? { lease: of.number('lease') } : {}
  const flags = (['prevKv', 'ignoreValue', 'ignoreLease'] as const).filter(name => of.has(name))
  return { ...lease, ...Object.fromEntries(flags.map(name => [name, of.boolean(name)])) }
}

export const rangeOf = (of: Fields): StoreRange => ({
  key: of.string('key'),
  end: of.optionalString('end'),
  revision: of.optionalNumber('revision'),
  limit: of.optionalNumber('limit'),
  keysOnly: of.optionalBoolean('keysOnly'),
  countOnly: of.optionalBoolean('countOnly'),
  sortOrder: of.has('sortOrder') ? of.oneOf<StoreSortOrder>('sortOrder', ['none', 'ascend', 'descend']) : undefined,
  sortTarget: of.has('sortTarget') ? of.oneOf<StoreSortTarget>('sortTarget', ['key', 'version', 'create', 'mod', 'value']) : undefined,
  minModRevision: of.optionalNumber('minModRevision'),
  maxModRevision: of.optionalNumber('maxModRevision'),
  minCreateRevision: of.optionalNumber('minCreateRevision'),
  maxCreateRevision: of.optionalNumber('maxCreateRevision'),
  serializable: of.optionalBoolean('serializable')
})

/** `results` may be left out where the transaction was nothing but puts. */
export const txnAnswerOf = (of: Fields, txn: StoreTxn): StoreTxnAnswer => ({ ...branchOf(of, txn), revision: of.number('revision') })

function branchOf(of: Fields, { success, failure }: StoreTxn): { succeeded: boolean; results: readonly StoreOpResult[] } {
  const succeeded = of.optionalBoolean('succeeded') ?? true
  const ops = succeeded ? success : failure
  if (!of.has('results') && ops.every(({ type }) => type === 'put')) return { succeeded, results: ops.map(() => ({ type: 'put' })) }
  let at = 0
  const results = of.list('results', result => resultOf(result, ops[at++]))
  if (results.length !== ops.length || results.some(({ type }, at) => type !== ops[at]?.type))
    of.refuse('results', `one result for each operation of the branch that was taken: ${ops.map(({ type }) => type).join(', ')}`)
  return { succeeded, results }
}

function resultOf(of: Fields, op: StoreOp | undefined): StoreOpResult {
  const type = of.oneOf('type', ['put', 'delete', 'range', 'txn'])
  if (type === 'put') return of.has('prev') ? { type, prev: kvOf(of.fields('prev')) } : { type }
  if (type === 'txn') return { type, ...branchOf(of, op?.type === 'txn' ? op : { compares: [], success: [], failure: [] }) }
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
    noPut: of.optionalBoolean('noPut'),
    noDelete: of.optionalBoolean('noDelete'),
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
