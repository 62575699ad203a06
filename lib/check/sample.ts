// Sample: a history that a right store could have given, made from a seed: clients one operation at a time, answers that get
// lost, watches that see it all. To test checkers with, and to measure them by.

import { assert, integerBelow, type Random, seededRandom } from '../std/index.js'
import type { StoreOp, StoreTxn } from '../storage/index.js'
import type { History, Operation, WatchRecord } from './history.js'
import { Model } from './model.js'

export interface SampleShape {
  readonly seed: number
  readonly operations: number
  readonly clients: number
  readonly keys: number
  /** Of writes whose answer is lost; half of them took effect, some much later. */
  readonly lostShare: number
  /** Of everything. */
  readonly watches: number
}

const keyPrefix = 'k/'
const keyEnd = 'k0'
const thinkUs = 400
const takesUs = 2_000
const lateUs = 100_000 // Of what is lost, some takes effect this much later.
const batchRevisionsMax = 20
const narrowKeys = 10 // Of a range.

interface Slot {
  readonly client: number
  readonly from: number
  readonly point: number
  readonly to: number
  readonly isLost: boolean
}

const lost = { ok: false, error: { code: 'timeout', definite: false, detail: '' } } as const
const encoder = new TextEncoder()

export function sampleHistory(shape: SampleShape): History {
  const random = seededRandom(shape.seed)
  const model = new Model()
  const operations: Operation[] = []
  const reached: number[] = [0, 0] // Of each revision, when.
  for (const slot of slotsOf(shape, random)) {
    const before = model.revision
    operations.push(operationOf(slot, shape, random, model))
    if (model.revision > before) reached[model.revision] = slot.point
  }
  operations.sort((a, b) => a.invokedUs - b.invokedUs)
  const watches = Array.from({ length: shape.watches }, (_, at) => watchOf(at, random, model, reached))
  return { operations, watches }
}

/** In the order in which they take effect. */
function slotsOf({ operations, clients, lostShare }: SampleShape, random: Random): Slot[] {
  assert(clients > 0, 'a history has clients')
  const free = new Array<number>(clients).fill(0)
  const slots = Array.from({ length: operations }, (_, at) => {
    const client = at % clients
    const from = (free[client] as number) + integerBelow(random, 2 * thinkUs)
    const point = from + 1 + integerBelow(random, takesUs)
    const to = point + 1 + integerBelow(random, takesUs)
    free[client] = to + 1
    const isLost = random() < lostShare
    const isLate = isLost && random() < 0.2
    return { client, from, point: isLate ? point + integerBelow(random, lateUs) : point, to, isLost }
  })
  return slots.sort((a, b) => a.point - b.point)
}

function operationOf({ client, from, to, point, isLost }: Slot, { keys }: SampleShape, random: Random, model: Model): Operation {
  const asked = { client: `c${client}`, to: `m${client % 3}`, invokedUs: from, returnedUs: isLost ? Number.POSITIVE_INFINITY : to }
  const chance = random()
  const key = keyOf(integerBelow(random, keys))
  if (chance < 0.4) {
    const end = chance < 0.02 ? keyEnd : chance < 0.1 ? keyOf(Math.min(keys, Number(key.slice(keyPrefix.length)) + narrowKeys)) : undefined
    const query = { key, end, ...(chance < 0.02 ? { limit: narrowKeys } : {}) }
    if (isLost) return { ...asked, kind: 'range', query, outcome: lost }
    const { kvs, count, more } = model.range(query, model.revision)
    return { ...asked, kind: 'range', query, outcome: { ok: true, value: { kvs, count, more, revision: model.revision } } }
  }
  if (chance < 0.42 && !isLost) return { ...asked, kind: 'revision', outcome: { ok: true, value: { revision: model.revision } } }
  const txn = txnOf(chance, key, `${asked.client}.${point}.${from}`, model)
  const answer = isLost && random() < 0.5 ? undefined : model.apply(txn)
  if (isLost || answer === undefined) return { ...asked, kind: 'txn', txn, outcome: lost }
  return { ...asked, kind: 'txn', txn, outcome: { ok: true, value: answer } }
}

function txnOf(chance: number, key: string, name: string, model: Model): StoreTxn {
  const put: StoreOp = { type: 'put', key, value: encoder.encode(name) }
  const gone: StoreOp = { type: 'delete', key, prevKv: true }
  if (chance < 0.5) return { compares: [], success: [gone], failure: [] }
  if (chance < 0.9) return { compares: [], success: [put], failure: [] }
  // Half of them find what they expect.
  const operand = chance < 0.95 ? (model.at(key, model.revision)?.modRevision ?? 0) : 1
  return { compares: [{ key, target: 'mod', result: 'equal', operand }], success: [put], failure: [{ type: 'range', key }] }
}

const keyOf = (at: number): string => `${keyPrefix}${String(at).padStart(5, '0')}`

function watchOf(at: number, random: Random, model: Model, reached: readonly number[]): WatchRecord {
  const request = { key: keyPrefix, end: keyEnd, startRevision: 1, prevKv: true }
  const watch: WatchRecord = { client: `w${at}`, to: `m${at % 3}`, request, openedUs: 0, batches: [], ended: undefined }
  for (let revision = 1; revision < model.revision; ) {
    const last = Math.min(model.revision, revision + 1 + integerBelow(random, batchRevisionsMax))
    const events = []
    while (revision < last) events.push(...model.events(++revision))
    watch.batches.push({ atUs: (reached[last] as number) + integerBelow(random, takesUs), revision: last, events })
  }
  return watch
}
