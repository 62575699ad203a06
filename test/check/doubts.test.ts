// The search over lost writes, against one that is slow and obvious: it tries every way to share them out.

import t from 'tap'
import type { PlainOp } from '../../lib/check/history.js'
import {
  checkOperations,
  checkStore,
  hasWritten,
  Model,
  type Observed,
  type Operation,
  observe,
  sampleHistory,
  type TxnOperation,
  type WatchRecord
} from '../../lib/check/index.js'
import { integerBelow, type Random, seededRandom } from '../../lib/std/index.js'
import type { StoreCompare, StoreKeyValue, StoreOp, StoreTxn } from '../../lib/storage/index.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const lost = { ok: false, error: { code: 'timeout', definite: false, detail: '' } } as const

/** Whether some of the lost writes, at some revisions that nobody claims, explain all answers and all that was seen. */
function isLinearizable(operations: readonly Operation[], seen: Observed['events']): boolean {
  const writes = new Map<number, Operation & { kind: 'txn' }>()
  const reads = new Map<number, Operation[]>()
  const free: TxnOperation[] = []
  let last = Math.max(1, ...seen.keys())
  for (const operation of operations) {
    if (operation.kind === 'txn' && operation.outcome?.ok !== true) free.push(operation)
    else if (operation.outcome?.ok === true && operation.kind !== 'compact') {
      const { revision } = operation.outcome.value
      last = Math.max(last, revision)
      if (operation.kind === 'txn' && operation.outcome.ok && hasWritten(operation.txn, operation.outcome.value)) {
        if (revision < 2 || writes.has(revision)) return false
        writes.set(revision, operation)
      } else reads.set(revision, [...(reads.get(revision) ?? []), operation])
    }
  }
  const known = operations.map(({ returnedUs, outcome, kind }) => ({
    returnedUs,
    revision: outcome?.ok === true && kind !== 'compact' ? outcome.value.revision : 0
  }))
  const floor = (us: number): number => Math.max(0, ...known.filter(({ returnedUs }) => returnedUs < us).map(({ revision }) => revision))
  for (const { invokedUs, outcome, kind } of operations)
    if (outcome?.ok === true && kind !== 'compact' && outcome.value.revision < floor(invokedUs)) return false
  const model = new Model()
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part].join('.') : part))
  const holds = (revision: number): boolean => {
    const events = seen.get(revision)
    if (
      events !== undefined &&
      text(events.map(({ type, kv }) => [type, kv])) !== text(model.events(revision).map(({ type, kv }) => [type, kv]))
    )
      return false
    return (reads.get(revision) ?? []).every(operation => {
      if (operation.outcome?.ok !== true) return true
      if (operation.kind === 'range') return text({ ...model.range(operation.query, revision), revision }) === text(operation.outcome.value)
      if (operation.kind !== 'txn') return true
      const answer = model.apply(operation.txn)
      const isRight = model.revision === revision && text(answer) === text(operation.outcome.value)
      model.undoTo(revision)
      return isRight
    })
  }
  const go = (revision: number, left: readonly TxnOperation[]): boolean => {
    if (revision > last) return true
    const write = writes.get(revision)
    const candidates = write === undefined ? left : [write]
    for (const candidate of candidates) {
      if (floor(candidate.invokedUs) >= revision) continue
      const answer = model.apply(candidate.txn)
      const isRight =
        model.revision === revision && (write === undefined || (write.outcome?.ok && text(answer) === text(write.outcome.value)))
      const rest = left.filter(other => other !== candidate)
      if (isRight && holds(revision) && go(revision + 1, rest)) return true
      model.undoTo(revision - 1)
    }
    return false
  }
  return holds(1) && go(2, free)
}

const keys = ['a', 'b', 'c']

function randomTxn(random: Random, name: string, model: Model, style: number): StoreTxn {
  const key = (): string => keys[integerBelow(random, keys.length)] as string
  const value = (): Uint8Array => bytes(style % 2 === 0 ? name : String(integerBelow(random, 2)))
  const op = (): PlainOp => {
    const chance = random()
    if (chance < 0.6) return { type: 'put', key: key(), value: value() }
    if (chance < 0.85) return { type: 'delete', key: key(), prevKv: random() < 0.5 }
    return chance < 0.95 ? { type: 'delete', key: 'a', end: 'c', prevKv: random() < 0.5 } : { type: 'range', key: key() }
  }
  const compare = (): StoreCompare => {
    const of = key()
    const now = model.at(of, model.revision)
    if (random() < 0.2) return { key: of, target: 'value', result: 'equal', operand: now?.value ?? bytes('x') }
    const target = (['mod', 'create', 'version'] as const)[integerBelow(random, 3)] as 'mod'
    const is = now === undefined ? 0 : { mod: now.modRevision, create: now.createRevision, version: now.version }[target]
    const result = (['equal', 'equal', 'notEqual', 'less', 'greater'] as const)[integerBelow(random, 5)] as 'equal'
    return { key: of, target, result, operand: random() < 0.7 ? is : integerBelow(random, 6) }
  }
  const ops = (): StoreOp[] => {
    const first = op()
    const second = op()
    // As etcd: no key is put twice, nor deleted and put.
    return random() < 0.3 && first.type !== 'range' && first.type !== 'delete' && second.type !== 'delete' && second.key !== first.key
      ? [first, second]
      : [first]
  }
  const isPlain = style >= 2 || random() < 0.6
  if (isPlain) return { compares: [], success: ops(), failure: [] }
  const wide = compare()
  const one = { compares: [random() < 0.2 ? { ...wide, end: 'c' } : wide], success: ops(), failure: random() < 0.5 ? ops() : [] }
  return random() < 0.2 ? { compares: random() < 0.5 ? [compare()] : [], success: [{ type: 'txn', ...one }], failure: [] } : one
}

interface Run {
  readonly operations: Operation[]
  readonly watches: WatchRecord[]
}

/** A few clients beside each other; of some answers are lost, and some of what was told is not so. */
function randomRun(random: Random, lie: boolean): Run {
  const model = new Model()
  const operations: Operation[] = []
  const style = integerBelow(random, 4)
  const count = 5 + integerBelow(random, 9)
  for (let at = 0; at < count; at++) {
    const point = at * 10
    const asked = {
      client: `c${at}`,
      to: 'm',
      invokedUs: Math.max(0, point - 2 * integerBelow(random, 30)),
      returnedUs: point + 1 + 2 * integerBelow(random, 15)
    }
    if (random() < 0.35) {
      const isAll = random() < 0.3
      const query = {
        key: isAll ? 'a' : (keys[integerBelow(random, 3)] as string),
        end: isAll ? 'd' : undefined,
        limit: random() < 0.3 ? 1 : 0,
        countOnly: random() < 0.2
      }
      const value = { ...model.range(query, model.revision), revision: model.revision }
      operations.push({ ...asked, kind: 'range', query, outcome: { ok: true, value } })
      continue
    }
    const txn = randomTxn(random, `v${at}`, model, style)
    const isLost = random() < 0.5
    const value = isLost && random() < 0.5 ? undefined : model.apply(txn)
    if (isLost || value === undefined) operations.push({ ...asked, returnedUs: Number.POSITIVE_INFINITY, kind: 'txn', txn, outcome: lost })
    else operations.push({ ...asked, kind: 'txn', txn, outcome: { ok: true, value } })
  }
  if (lie) for (let lies = 1 + integerBelow(random, 2); lies > 0; lies--) change(random, operations)
  const watches: WatchRecord[] = []
  if (random() < 0.3) {
    const batches = []
    const from = 2 + integerBelow(random, model.revision)
    for (let revision = from; revision <= model.revision; revision++)
      batches.push({ atUs: 10_000 + revision, revision, events: [...model.events(revision)] })
    watches.push({ client: 'w', to: 'm', request: { key: 'a', end: 'z', startRevision: from }, openedUs: 0, batches, ended: undefined })
  }
  return { operations, watches }
}

/** One answer becomes another one. */
function change(random: Random, operations: Operation[]): void {
  const victim = operations[integerBelow(random, operations.length)]
  if (victim?.outcome?.ok !== true || victim.kind === 'compact' || victim.kind === 'revision') return
  const bent = (kv: StoreKeyValue): StoreKeyValue => {
    const field = (['modRevision', 'createRevision', 'version', 'value'] as const)[integerBelow(random, 4)] as 'version'
    if (String(field) === 'value') return { ...kv, value: bytes('0') }
    return { ...kv, [field]: Math.max(1, kv[field] + (random() < 0.5 ? 1 : -1)) }
  }
  if (victim.kind === 'range') {
    const { kvs, count } = victim.outcome.value
    const chance = random()
    if (chance < 0.3)
      victim.outcome = { ok: true, value: { ...victim.outcome.value, count: Math.max(kvs.length, count + (random() < 0.5 ? 1 : -1)) } }
    else if (chance < 0.6)
      victim.outcome = { ok: true, value: { ...victim.outcome.value, kvs: kvs.map((kv, at) => (at === 0 ? bent(kv) : kv)) } }
    else
      victim.outcome = {
        ok: true,
        value: { ...victim.outcome.value, revision: Math.max(1, victim.outcome.value.revision + (random() < 0.5 ? 1 : -1)) }
      }
    return
  }
  const { results } = victim.outcome.value
  const next = results.map(result => (result.type === 'delete' ? { ...result, prevs: result.prevs.map(bent) } : result))
  if (random() < 0.5) victim.outcome = { ok: true, value: { ...victim.outcome.value, results: next } }
  else victim.outcome = { ok: true, value: { ...victim.outcome.value, succeeded: !victim.outcome.value.succeeded } }
}

t.test('the search and the slow one agree, on right histories and on wrong ones', async t => {
  const found = { passed: 0, violated: 0 }
  const disagreeing: string[] = []
  const runs = Number(process.env.KABUKI_DOUBT_RUNS ?? 4000)
  for (let seed = 0; seed < runs; seed++) {
    const random = seededRandom(seed)
    const { operations, watches } = randomRun(random, random() < 0.5)
    const { events, sights } = observe(watches, () => true)
    const { violations, unknown } = checkOperations(operations, events, sights)
    const right = isLinearizable(operations, events) ? 'passed' : 'violated'
    found[right]++
    const verdict = unknown !== undefined ? 'unknown' : violations.length > 0 ? 'violated' : 'passed'
    if (verdict !== right) disagreeing.push(`${seed}: ${verdict}, is ${right}`)
  }
  t.same(disagreeing, [], 'seeds that disagree')
  t.ok(found.passed > runs / 4 && found.violated > runs / 10, JSON.stringify(found))
})

t.test('many lost answers of many clients are decided, though nobody watched', async t => {
  for (const seed of [1, 2]) {
    const history = sampleHistory({ seed, operations: 30_000, clients: 50, keys: 300, lostShare: 0.05, watches: 0 })
    const question = { history, isWhole: () => true, compactedMax: 0, isQuiet: true }
    const { violations, unknown, doubtsResolved } = checkStore(question)
    t.same({ violations, unknown }, { violations: [], unknown: undefined }, `seed ${seed}`)
    t.ok(doubtsResolved > 300, `${doubtsResolved}`)
  }
})
