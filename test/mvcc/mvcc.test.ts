import { deepStrictEqual } from 'node:assert'
import t from 'tap'
import { Model as CheckerModel } from '../../lib/check/index.js'
import {
  bytesOfKey,
  type Command,
  CommandReader,
  type CommandResult,
  CommandWriter,
  type Compare,
  hashOf,
  keyOfBytes,
  keyOfText,
  Mvcc,
  type Op,
  prefixEnd,
  restore,
  snapshot,
  type Txn,
  textOfKey
} from '../../lib/mvcc/index.js'
import { seededRandom } from '../../lib/std/index.js'
import type { StoreCompare, StoreOp, StoreTxn } from '../../lib/storage/index.js'
import { txnOf } from '../../lib/store/index.js'
import { Chance, Model } from './model.js'

const value = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
const put = (key: string, ...bytes: number[]): Command => ({ type: 'put', key, value: value(...bytes) })
const all = { key: '\0', end: '\0' }

/** Deep equality in which an absent field and one that is undefined are the same. */
const agree = (a: unknown, b: unknown): void => deepStrictEqual(plain(a), plain(b))
const plain = (data: unknown): unknown =>
  JSON.parse(JSON.stringify(data, (_key, part: unknown) => (part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part)))

t.test('agrees with a naive store, through encoding, compaction and restoration', async t => {
  const seen = new Map<string, number>()
  for (let seed = 0; seed < 60; seed++) {
    const chance = new Chance(seededRandom(seed))
    const model = new Model()
    const follower = new Mvcc()
    let store = new Mvcc()
    for (let step = 0; step < 120; step++) {
      const commands = Array.from({ length: 1 + chance.below(4) }, () => chance.command(model))
      const writer = new CommandWriter(`life-${seed}`)
      const expected: CommandResult[] = []
      for (const [at, command] of commands.entries()) {
        writer.add(step * 10 + at, command)
        expected.push(model.apply(command))
      }
      const entry = writer.take()
      const results: CommandResult[] = []
      store.applyEntry(entry, (life, number, result) => {
        agree([life, number], [`life-${seed}`, step * 10 + results.length])
        results.push(result)
      })
      agree(results, expected)
      follower.applyEntry(entry)
      for (const result of expected) {
        const name = result.type === 'failed' ? result.code : result.type
        seen.set(name, (seen.get(name) ?? 0) + 1)
      }
      agree([store.revision, store.compactRevision], [model.revision, model.compactRevision])
      for (let i = 0; i < 4; i++) {
        const query = chance.query(model)
        agree(store.range(query), model.range(query))
      }
      if (chance.maybe(0.05)) store = restore([...snapshot(store)])
    }
    agree(hashOf(store), hashOf(follower))
    agree([...snapshot(store)], [...snapshot(follower)])
  }
  for (const name of [
    'put',
    'delete',
    'txn',
    'compact',
    'leaseGrant',
    'leaseRevoke',
    'compacted',
    'future',
    'keyNotFound',
    'leaseNotFound',
    'leaseExists',
    'duplicateKey',
    'valueProvided',
    'alarm',
    'noSpace',
    'corrupt'
  ]) {
    t.ok((seen.get(name) ?? 0) > 20, `${name}: ${seen.get(name)}`)
  }
})

/** A transaction in the words of the store's protocol; leases are left out, of which the checker's model knows nothing. */
function asStoreTxn({ compares, success, failure }: Txn): StoreTxn {
  const opOf = (op: Op): StoreOp => {
    if (op.type === 'txn') return { type: 'txn', ...asStoreTxn(op) }
    return op.type === 'put' ? { ...op, lease: 0 } : op
  }
  const compareOf = (compare: Compare): StoreCompare => {
    const { key, end, result } = compare
    if (compare.target === 'value') return { key, end, result, target: 'value', operand: compare.value }
    return { key, end, result, target: compare.target, operand: compare.number }
  }
  return { compares: compares.map(compareOf), success: success.map(opOf), failure: failure.map(opOf) }
}

t.test('the model of the checker agrees, on nested transactions, sorted ranges, and whatever else there is', async t => {
  let done = 0
  let nested = 0
  for (let seed = 0; seed < 60; seed++) {
    const chance = new Chance(seededRandom(1000 + seed))
    const naive = new Model() // Only for revisions to draw from.
    const store = new Mvcc()
    const checker = new CheckerModel()
    for (let step = 0; step < 150; step++) {
      const txn = asStoreTxn(chance.txn(naive))
      const result = store.apply(txnOf(txn))
      if (result.type === 'failed') continue // Nothing happened; whether rightly, the other test says.
      if (result.type !== 'txn') return t.fail(result.type)
      done++
      if ([...txn.success, ...txn.failure].some(({ type }) => type === 'txn')) nested++
      naive.revision = store.revision
      agree(checker.apply(txn), { succeeded: result.succeeded, revision: store.revision, results: result.results })
    }
  }
  t.ok(done > 3000 && nested > 500, `${done}, ${nested} of them nested`)
})

t.test('revisions, versions and the words of etcd', async t => {
  const store = new Mvcc({ txnOpsMax: 2 })
  t.equal(store.revision, 1, 'an empty store is at revision 1')
  const compact = (revision: number): Command => ({ type: 'compact', revision })
  const cases: readonly [Command, object, number][] = [
    [put('a', 1), { type: 'put', prev: undefined }, 2],
    [put('a', 2), {}, 3],
    [{ type: 'delete', key: 'x' }, { deleted: 0 }, 3],
    [{ type: 'delete', key: 'a', prevKv: true }, { deleted: 1, prevs: [{ createRevision: 2, modRevision: 3, version: 2 }] }, 4],
    [put('a', 3), {}, 5],
    [{ type: 'txn', compares: [], success: [], failure: [] }, { succeeded: true, results: [] }, 5],
    [{ type: 'txn', compares: [], success: [put('b'), put('c')] as never, failure: [] }, { succeeded: true }, 6],
    [
      { type: 'txn', compares: [], success: [put('b'), put('c'), put('d')] as never, failure: [] },
      { message: 'etcdserver: too many operations in txn request' },
      6
    ],
    [
      { type: 'txn', compares: [], success: [put('b'), put('b')] as never, failure: [] },
      { message: 'etcdserver: duplicate key given in txn request' },
      6
    ],
    [put(''), { message: 'etcdserver: key is not provided' }, 6],
    [{ type: 'put', key: 'a', value: value(), lease: 7 }, { message: 'etcdserver: requested lease not found' }, 6],
    [compact(7), { message: 'etcdserver: mvcc: required revision is a future revision' }, 6],
    [compact(4), { type: 'compact' }, 6],
    [compact(4), { message: 'etcdserver: mvcc: required revision has been compacted' }, 6]
  ]
  for (const [command, result, revision] of cases) {
    t.match(store.apply(command), result, JSON.stringify(command))
    t.equal(store.revision, revision)
  }
  t.match(store.range({ key: 'a' }), { kvs: [{ createRevision: 5, version: 1 }], count: 1, more: false }, 'a key created again begins anew')
  t.match(store.range({ key: 'a', revision: 4 }), { count: 0 }, 'deleted at 4')
  t.match(store.range({ key: 'a', revision: 3 }), { code: 'compacted' })
  t.match(store.range({ key: 'a', revision: 7 }), { code: 'future' })
})

t.test('a range of a transaction sees what was done before it, and a failing one leaves nothing', async t => {
  const store = new Mvcc()
  store.apply(put('a', 1))
  const txn = (...success: object[]): Command => ({ type: 'txn', compares: [], success: success as never, failure: [] })
  const result = store.apply(txn({ type: 'range', ...all }, put('b', 1), { type: 'range', ...all }, { type: 'range', ...all, revision: 2 }))
  t.match(result, { results: [{ count: 1 }, {}, { count: 2 }, { count: 1 }] })
  const before = [...snapshot(store)]
  t.match(store.apply(txn(put('c', 1), { type: 'range', ...all, revision: 4 })), { code: 'future' })
  t.match(store.apply(txn(put('c', 1), { type: 'put', key: 'd', value: value(), lease: 1 })), { code: 'leaseNotFound' })
  t.same([...snapshot(store)], before)
})

t.test('a revoked lease takes its keys in one revision, and only those it still has', async t => {
  const store = new Mvcc()
  const leased = (key: string, lease: number): Command => ({ type: 'put', key, value: value(), lease })
  for (const id of [1, 2]) store.apply({ type: 'leaseGrant', id, ttlSeconds: 10 })
  for (const command of [leased('c', 1), leased('a', 1), leased('b', 1), leased('d', 1), leased('b', 2), put('d')]) store.apply(command)
  t.same([...(store.leases.get(1)?.keys ?? [])].sort(), ['a', 'c'])
  const revision = store.revision
  store.apply({ type: 'leaseRevoke', id: 1 })
  t.equal(store.revision, revision + 1)
  t.match(store.range({ ...all, keysOnly: true }), { kvs: [{ key: 'b' }, { key: 'd' }] })
  store.apply({ type: 'leaseGrant', id: 3, ttlSeconds: 10 })
  store.apply({ type: 'leaseRevoke', id: 3 })
  t.equal(store.revision, revision + 1, 'without keys there is no new revision')
  const restored = restore([...snapshot(store)])
  t.same([...(restored.leases.get(2)?.keys ?? [])], ['b'], 'a restored lease knows its keys')
})

t.test('a restored store goes on after the last revision, even if nothing of it is left', async t => {
  const store = new Mvcc()
  for (const command of [put('a', 1), put('b', 1), { type: 'delete', key: 'b' }, put('a', 2), { type: 'delete', key: 'a' }] as Command[])
    store.apply(command)
  store.apply(put('c', 1))
  store.apply({ type: 'delete', key: 'c' })
  store.apply({ type: 'compact', revision: store.revision })
  const restored = restore([...snapshot(store)])
  t.equal(restored.revision, 8)
  restored.apply(put('n'))
  t.match(restored.range({ key: 'n' }), { kvs: [{ createRevision: 9, modRevision: 9 }] })
})

t.test('a snapshot that is cut short or changed is refused; one cut anywhere else is read', async t => {
  const store = new Mvcc()
  store.apply({ type: 'leaseGrant', id: 5, ttlSeconds: 5 })
  for (let i = 0; i < 2000; i++)
    store.apply({ type: 'put', key: `k${i % 50}`, value: new Uint8Array(1500).fill(i), lease: i % 7 === 0 ? 5 : 0 })
  store.apply({ type: 'compact', revision: 1000 })
  const chunks = [...snapshot(store)]
  t.ok(chunks.length > 4, `${chunks.length} chunks`)
  const bytes = Buffer.concat(chunks)
  const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) => bytes.subarray(i * 1000, i * 1000 + 1000))
  const restored = restore(pieces)
  t.same(hashOf(restored), hashOf(store))
  t.ok(Buffer.concat([...snapshot(restored)]).equals(bytes), 'byte for byte')
  for (const cut of [0, 7, 100, bytes.length - 1, bytes.length - 12, (chunks[0] as Uint8Array).length]) {
    t.throws(() => restore([bytes.subarray(0, cut)]), `cut at ${cut}`)
  }
  for (const at of [3, 4]) t.throws(() => restore(chunks.toSpliced(at, 1)), `chunk ${at} is missing`)
  for (let at = 0; at < bytes.length; at += 70_001) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] as number) ^ 4
    t.throws(() => restore([changed]), `changed at ${at}`)
  }
})

t.test('a snapshot is of the store as it was when it was asked for', async t => {
  const store = new Mvcc()
  for (let i = 0; i < 3000; i++) store.apply({ type: 'put', key: `k${i % 700}`, value: new Uint8Array(1000).fill(i) })
  store.apply({ type: 'leaseGrant', id: 1, ttlSeconds: 3 })
  store.apply({ type: 'compact', revision: 900 })
  const atOnce = Buffer.concat([...snapshot(store)])
  const pieces: Uint8Array[] = []
  for (const piece of snapshot(store)) {
    pieces.push(piece)
    for (let i = 0; i < 50; i++) store.apply({ type: 'delete', key: `k${i + pieces.length * 50}` })
    store.apply({ type: 'leaseRevoke', id: 1 })
    store.apply({ type: 'compact', revision: store.revision })
  }
  t.ok(pieces.length > 4)
  t.ok(Buffer.concat(pieces).equals(atOnce))
})

t.test('the hash at a revision is the same however much came after it', async t => {
  const store = new Mvcc()
  for (let i = 0; i < 10; i++) store.apply(put('a', i))
  const then = hashOf(store)
  t.not(hashOf(store, 5).hash, then.hash)
  store.apply({ type: 'delete', key: 'a' })
  t.same(hashOf(store, then.revision), then)
  t.not(hashOf(store).hash, then.hash)
})

t.test('keys are bytes, in the order of bytes', async t => {
  const texts = ['a', 'é', '日本', '\uffee', '\u{1F600}', '']
  for (const text of texts) {
    t.equal(textOfKey(keyOfText(text)), text)
    t.same(bytesOfKey(keyOfText(text)), new TextEncoder().encode(text))
    t.equal(keyOfBytes(bytesOfKey(keyOfText(text))), keyOfText(text))
  }
  const byBytes = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  t.same(texts.map(keyOfText).sort().map(textOfKey), byBytes)
  const long = 'x'.repeat(10_000)
  t.equal(keyOfBytes(bytesOfKey(long)), long)
  const ends: readonly [string, string][] = [
    ['a', 'b'],
    ['/x/', '/x0'],
    ['a\xff', 'b'],
    ['\xff\xff', '\0']
  ]
  for (const [prefix, end] of ends) t.equal(prefixEnd(prefix), end)
})

t.test('keys that share a place among the recent ones are not mixed up', async t => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `key-${100_000 + i}`)
  const writer = new CommandWriter('x')
  for (const [at, key] of keys.entries()) writer.add(at, put(key))
  const store = new Mvcc()
  store.applyEntry(writer.take())
  t.same(
    store.keyspace.range(all, store.revision).kvs.map(kv => kv.key),
    keys
  )
})

t.test('batches of commands: joined, numbered, refused', async t => {
  const one = new CommandWriter('one')
  const two = new CommandWriter('two')
  one.add(2 ** 40, put('a', 1))
  t.throws(() => one.add(2 ** 40 + 1, put('日', 1)), RangeError, 'a key that is not binary')
  t.throws(() => one.add(5, put('x')), 'numbers ascend')
  one.add(2 ** 40 + 7, { type: 'compact', revision: 2 ** 50 })
  two.add(3, { type: 'leaseGrant', id: 2 ** 53 - 1, ttlSeconds: 128 })
  t.equal(one.count, 2)
  const joined = Buffer.concat([one.take(), two.take()])
  t.equal(one.count, 0)
  const reader = new CommandReader()
  const read = (bytes: Uint8Array): unknown[] => {
    const found: unknown[] = []
    reader.read(bytes)
    for (let command = reader.next(); command !== undefined; command = reader.next()) found.push([reader.life, reader.number, command])
    return found
  }
  t.same(read(joined), [
    ['one', 2 ** 40, { type: 'put', key: 'a', value: value(1) }],
    ['one', 2 ** 40 + 7, { type: 'compact', revision: 2 ** 50 }],
    ['two', 3, { type: 'leaseGrant', id: 2 ** 53 - 1, ttlSeconds: 128 }]
  ])
  for (let cut = 1; cut < joined.length; cut++) {
    try {
      t.ok(read(joined.subarray(0, cut)).length < 3)
    } catch {}
  }
  t.throws(() => read(value(31, 0)), /unknown command 31/)
  t.throws(() => read(value(99, 0)), /unknown flags 96/)
  t.throws(() => read(value(1, 4, 0)), /format/)
})
