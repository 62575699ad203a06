// What clients are sent at once: how many wide requests are under way, how many bytes of large answers wait for their clients.

import t from 'tap'
import { bytesOf, isWide, Outgoing } from '../../lib/etcd/outgoing.js'

const mib = 1 << 20

/** What was begun and delivered, in order. */
function scene() {
  const did: string[] = []
  const outgoing = new Outgoing((id, frame) => did.push(`deliver ${id} ${frame.length / mib}`))
  const admit = (id: number): void => outgoing.admit(id, () => did.push(`begin ${id}`))
  const answer = (id: number, mibs: number): void =>
    outgoing.answer(id, () => {
      did.push(`make ${id}`)
      return new Uint8Array(mibs * mib)
    })
  return { outgoing, admit, answer, did, take: () => did.splice(0) }
}

t.test('so many wide requests are under way at once; the next one begins when one has its answer, in their order', async t => {
  const { outgoing, admit, answer, take } = scene()
  for (let id = 1; id <= 35; id++) admit(id)
  t.equal(take().length, 32)
  t.equal(outgoing.waiting, 3)
  outgoing.ended(7)
  t.same(take(), ['begin 33'], 'one failed, or was small')
  answer(8, 1)
  t.same(take(), ['make 8', 'deliver 8 1', 'begin 34'], 'that it is on its way is enough')
  outgoing.gone(35)
  outgoing.ended(9)
  t.same(take(), [], 'whose client is gone is not begun')
  outgoing.ended(99)
  admit(36)
  t.same(take(), ['begin 36'], 'of a call that was not wide nothing is counted')
})

t.test('answers are made while there is room for them', async t => {
  const { outgoing, admit, answer, take } = scene()
  for (const id of [1, 2, 3, 4, 5]) admit(id)
  take()
  answer(1, 60)
  answer(2, 40)
  answer(3, 30)
  answer(4, 20)
  answer(5, 10)
  t.same(take(), ['make 1', 'deliver 1 60', 'make 2', 'deliver 2 40'])
  t.equal(outgoing.bytes, 100 * mib)
  outgoing.delivered(2)
  t.same(take(), ['make 3', 'deliver 3 30'], '60 MiB were under way')
  outgoing.gone(4)
  outgoing.delivered(1)
  t.same(take(), ['make 5', 'deliver 5 10'], 'an answer that nobody waits for is not made')
  for (const id of [3, 5, 5, 77]) outgoing.delivered(id)
  t.same([outgoing.bytes, outgoing.waiting], [0, 0])
  for (let id = 10; id < 42; id++) admit(id)
  t.equal(take().length, 32, 'none of the five counts any more')
})

t.test('what may be answered with any number of keys is wide', async t => {
  const get = { key: 'a', rangeEnd: '' }
  const range = { key: 'a', rangeEnd: 'b' }
  const txn = (success: readonly object[], failure: readonly object[] = []) => ({ compare: [], success, failure })
  const requests: [method: string, request: object, expected: boolean][] = [
    ['Range', get, false],
    ['Range', range, true],
    ['Range', { ...range, limit: 500 }, true],
    ['Range', { ...range, countOnly: true }, false],
    ['Put', { key: 'a', prevKv: true }, false],
    ['DeleteRange', range, false],
    ['DeleteRange', { ...range, prevKv: true }, true],
    ['Txn', txn([{ requestPut: { key: 'a', prevKv: true } }], [{ requestRange: get }]), false],
    ['Txn', txn([], [{ requestRange: range }]), true],
    ['Txn', txn(Array(4).fill({ requestRange: get })), false],
    ['Txn', txn(Array(5).fill({ requestRange: get })), true],
    ['Txn', txn([{ requestTxn: txn([{ requestDeleteRange: { ...range, prevKv: true } }]) }]), true],
    ['LeaseGrant', { TTL: 1 }, false]
  ]
  for (const [method, request, expected] of requests) t.equal(isWide(method, request), expected, `${method} ${JSON.stringify(request)}`)
})

t.test('how large an answer is, wherever its keys stand', async t => {
  const pair = { key: 'abc', value: new Uint8Array(1000), createRevision: 1, modRevision: 1, version: 1, lease: 0 }
  const one = bytesOf({ kvs: [pair] })
  t.ok(one > 1003 && one < 1100, String(one))
  const all = { responses: [{ responseRange: { kvs: [pair, pair] } }, { responseTxn: { responses: [{ responsePut: { prevKv: pair } }] } }] }
  t.equal(bytesOf(all), 3 * one)
  t.equal(bytesOf({ prevKvs: [pair] }), one)
  t.equal(bytesOf({ header: {}, ttl: 5 } as object), 0)
})
