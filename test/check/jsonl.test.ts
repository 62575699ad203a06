// Histories as lines: what is written is read as the same, what is wrong is refused with its line, and what is sampled passes.

import t from 'tap'
import {
  checkHistory,
  decodeHistory,
  encodeHistory,
  guarantees,
  type History,
  type RangeOperation,
  sampleHistory,
  shrinkHistory,
  storeQuestion,
  violationPage
} from '../../lib/check/index.js'

const sample = (seed: number, watches = 2): History =>
  sampleHistory({ seed, operations: 3000, clients: 10, keys: 50, lostShare: 0.02, watches })
const head = '{"format":"kabuki history","version":1,"kind":"store"}'

const leases = '{"format":"kabuki history","version":1,"kind":"lease"}'
const api = '{"format":"kabuki history","version":1,"kind":"api"}'

t.test('what is written is read as the same', async t => {
  const history = sample(1)
  const lines = [...encodeHistory(history, { about: 'a sample', quiet: true })]
  const decoded = decodeHistory(lines)
  if (typeof decoded === 'string' || decoded.kind !== 'store') return t.fail(String(decoded))
  t.equal(decoded.history.operations.length, 3000)
  t.same([...encodeHistory(decoded.history, decoded.header)], lines)
  t.match(checkHistory(decoded), { verdict: 'passed', unknown: undefined })
})

t.test('bytes that are not text', async t => {
  const value = new Uint8Array([0xff, 0, 1])
  const put = { type: 'put', key: 'a', value } as const
  const asked = { client: 'c', to: 'm', invokedUs: 0, returnedUs: 1 }
  const answer = { succeeded: true, revision: 2, results: [{ type: 'put' }] } as const
  const operations = [
    { ...asked, kind: 'txn', txn: { compares: [], success: [put], failure: [] }, outcome: { ok: true, value: answer } }
  ] as const
  const lines = [...encodeHistory({ operations, watches: [] })]
  t.match(lines[1], /"value":\{"base64":"\/wAB"\}/)
  const decoded = decodeHistory(lines)
  if (typeof decoded === 'string' || decoded.kind !== 'store') return t.fail(String(decoded))
  t.match(decoded.history.operations[0], { txn: { success: [{ value }] } })
})

t.test('what is wrong is refused with its line and its place', async t => {
  const bad: [lines: string[], says: RegExp][] = [
    [[], /no header/],
    [['{'], /^line 1: is no JSON/],
    [['{"format":"other"}'], /^line 1: format: wants "kabuki history"/],
    [['{"format":"kabuki history","version":2,"kind":"store"}'], /^line 1: version: wants 1, has 2/],
    [['{"format":"kabuki history","version":1,"kind":"queue"}'], /^line 1: kind: wants one of store, register, api, lease/],
    [[head, '[]'], /^line 2: the line: wants an object/],
    [[head, '', '{"op":"push"}'], /^line 3: op: wants one of txn/],
    [[head, '{"op":"revision","client":"c","from":5,"until":4}'], /^line 2: until: wants a time that is not before 5/],
    [
      [head, '{"op":"revision","client":"c","from":5,"until":null,"answer":{"revision":1}}'],
      /^line 2: until: wants a time, of what was answered/
    ],
    [
      [head, '{"op":"range","client":"c","from":0,"until":1,"range":{"key":"a"},"answer":{"revision":2,"kvs":[{"key":"a","value":1}]}}'],
      /^line 2: answer\.kvs\[0\]\.modRevision: wants a whole number/
    ],
    [
      [head, '{"op":"txn","client":"c","from":0,"until":1,"txn":{"success":[{"type":"delete","key":"a"}]},"answer":{"revision":2}}'],
      /^line 2: answer\.results: wants a list/
    ],
    [
      [head, '{"op":"txn","client":"c","from":0,"until":1,"txn":{"success":[{"type":"put","key":"a","value":{"base64":"*"}}]}}'],
      /value: wants base64/
    ],
    [[head, '{"op":"batch","id":3,"at":0,"revision":1}'], /^line 2: id: wants the number of a watch that was opened/],
    [
      ['{"format":"kabuki history","version":1,"kind":"register"}', '{"op":"read","client":"c","from":0,"until":1}'],
      /^line 2: value: wants a value/
    ],
    [
      [
        '{"format":"kabuki history","version":1,"kind":"register"}',
        '{"op":"write","client":"c","from":0,"until":1,"value":1,"outcome":"differed"}'
      ],
      /only a cas/
    ],
    [[api, '{"op":"put","id":1}'], /^line 2: op: wants one of get, list/],
    [[api, '{"op":"get","client":"c","key":"a","from":0,"until":1}'], /^line 2: id: wants a whole number/],
    [
      [api, '{"op":"get","id":1,"client":"c","key":"a","from":0,"until":1}', '{"op":"get","id":1}'],
      /^line 3: id: wants a number of its own/
    ],
    [
      [api, '{"op":"get","id":1,"client":"c","key":"a","from":0,"until":1,"answer":{"kind":"list"}}'],
      /^line 2: answer\.kind: wants one of object, has "list"/
    ],
    [
      [api, '{"op":"get","id":1,"client":"c","key":"a","from":0,"until":1,"answer":{"kind":"object","state":{"key":"a","uid":"u"}}}'],
      /^line 2: answer\.state\.revision: wants a whole number/
    ],
    [
      [api, '{"op":"get","id":1,"client":"c","key":"a","from":0,"until":null,"failure":{"code":404,"reason":"NotFound","definite":true}}'],
      /^line 2: until: wants a time, of what was answered/
    ],
    [
      [api, '{"op":"list","id":1,"client":"c","key":"a","from":0,"until":1,"firstPage":9}'],
      /^line 2: firstPage: wants the number of a list/
    ],
    [[api, '{"op":"list","id":1,"client":"c","key":"a","from":0,"until":1,"selector":{"a":1}}'], /^line 2: selector\.a: wants a string/],
    [[api, '{"op":"watch","id":1,"session":1,"from":0,"revision":1}'], /^line 2: session: wants the number of a session/],
    [[api, '{"op":"event","id":1,"at":0,"type":"ADDED"}'], /^line 2: id: wants the number of a watch that was opened/],
    [[api, '{"op":"stored","key":"a","revision":1}'], /^line 2: op: wants something else/],
    [[api.replace('}', ',"written":"a"}')], /^line 1: written: wants a list of strings/],
    [[leases, '{"op":"renew"}'], /^line 2: op: wants one of grant, keepAlive/],
    [
      [leases, '{"op":"grant","client":"c","lease":1,"from":0,"until":1,"answer":{"ttlSeconds":1}}'],
      /^line 2: ttlSeconds: wants a whole number/
    ],
    [[leases, '{"op":"read","client":"c","lease":1,"from":0,"until":1,"answer":{}}'], /^line 2: answer\.keys: wants a list of strings/],
    [[leases.replace('}', ',"clockJumps":[{"at":1}]}')], /^line 1: clockJumps\[0\]\.by: wants a whole number/]
  ]
  for (const [lines, says] of bad) t.match(decodeHistory(lines), says)
})

/** Makes one answered read of a single key tell what was there before. */
function spoil(history: History): RangeOperation | undefined {
  const reads = history.operations.filter(one => one.kind === 'range' && one.outcome?.ok === true && one.query.end === undefined)
  const victim = reads.findLast(one => one.kind === 'range' && one.outcome?.ok === true && (one.outcome.value.kvs[0]?.version ?? 0) > 2)
  if (victim?.kind !== 'range' || victim.outcome?.ok !== true) return undefined
  const [kv] = victim.outcome.value.kvs
  if (kv === undefined) return undefined
  // As it was created: the writes since are missing.
  const old = { ...kv, modRevision: kv.createRevision, version: 1 }
  victim.outcome = { ok: true, value: { ...victim.outcome.value, kvs: [old] } }
  return victim
}

t.test('of thousands of operations the few that contradict each other are left', async t => {
  for (let seed = 1; seed <= 5; seed++) {
    const history = sample(seed)
    if (spoil(history) === undefined) return t.fail('nothing to spoil')
    const question = storeQuestion(history)
    const decoded = decodeHistory(encodeHistory(history))
    if (typeof decoded === 'string') return t.fail(decoded)
    const { verdict, violations } = checkHistory(decoded)
    t.equal(verdict, 'violated')
    const [first] = violations
    if (first === undefined) return
    const smallest = shrinkHistory(question, first)
    t.equal(smallest.partial, true)
    t.ok(smallest.operations.length + smallest.watches.length <= 3, `${smallest.operations.length}, ${smallest.watches.length}`)
    const again = decodeHistory(encodeHistory(smallest))
    t.equal(typeof again === 'string' ? again : checkHistory(again).violations[0]?.guarantee, first.guarantee)
  }
})

t.test('the page is whole, takes no text for markup, and shows what is near in a long history', async t => {
  const history = sample(3)
  const victim = spoil(history)
  const evil = '<script>alert(1)</script>'
  const { violations } = checkHistory({ kind: 'store', header: {}, history })
  const page = violationPage({ title: evil, violations, history })
  t.notMatch(page, /<script|https?:|src=|@import/)
  t.match(page, /&lt;script&gt;alert\(1\)/)
  t.match(page, /Of the history of a store the 1500 items nearest to it, of \d+/)
  t.match(page, guarantees[violations[0]?.guarantee === guarantees.values ? 'values' : 'noLostWrite'])
  t.ok(victim !== undefined && new RegExp(`class="bar ok marked[^>]*title="${victim.client} `).test(page), 'the wrong answer is marked')
  const opened = page.match(/<(div|section|ol|li|a|p|span|pre|h1|h2)[ >]/g)?.length ?? 0
  const closed = page.match(/<\/(div|section|ol|li|a|p|span|pre|h1|h2)>/g)?.length ?? 0
  t.equal(opened, closed)
  t.match(violationPage({ title: 'x', violations: [], unknown: 'gave up', history }), /Not decided: this is no pass/)
})

t.test('100,000 operations of 50 clients over 1,000 keys', async t => {
  const history = sampleHistory({ seed: 1, operations: 100_000, clients: 50, keys: 1000, lostShare: 0.01, watches: 1 })
  t.match(checkHistory({ kind: 'store', header: { quiet: true }, history }), { verdict: 'passed', violations: [], unknown: undefined })
})
