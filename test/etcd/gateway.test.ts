// The gateway by itself: a member of the store and a port that are played by the test.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { etcd } from '../../actors/etcd.js'
import { type AnyActor, doubt, type PortFactory, type Refusal, refuse, type Sink } from '../../lib/actor/index.js'
import { clusterIdOf, memberIdOf } from '../../lib/etcd/index.js'
import { frameHeaderBytes, grpcCodes } from '../../lib/ports/index.js'
import { Codec, type Descriptor } from '../../lib/protobuf/index.js'
import { TestHost } from '../server/fixture-host.js'

const descriptorBytes = readFileSync(new URL('../../resources/etcd.json', import.meta.url))
const descriptor: Descriptor = JSON.parse(descriptorBytes.toString())
const codec = new Codec(descriptor, { isKey: field => field === 'key' || field === 'rangeEnd' || field === 'keys' })
const member = 'control-1/store'
const store = (count: number) => ({ revision: count, compactRevision: 0, leader: member, term: 3, alarms: [], errors: [] })

interface Watched {
  readonly request: Record<string, unknown>
  readonly sink: Sink<unknown>
}

/** What the test's store does with each message; a missing one is unknown to it. */
type Answers = Record<string, (body: any) => unknown>

class Scene {
  readonly host: TestHost
  /** What the port was told: frames by call, and how calls ended. */
  readonly sent: { id: number; message: any; frame: Uint8Array }[] = []
  readonly ended = new Map<number, { code: number; text: string }>()
  readonly answers = new Map<number, any>()
  readonly watched: Watched[] = []
  readonly asked: [type: string, body: unknown][] = []
  /** Large answers whose clients are still to have them, oldest first: calling one delivers it. */
  readonly delivering: (() => void)[] = []
  readonly #methods = new Map<number, string>()
  #idLast = 0
  listened: any
  isLearner = false
  leader: string | null = member
  #standing: Sink<unknown> | undefined

  constructor(answers: Answers = {}) {
    const on: AnyActor['on'] = {
      listen: (_ctx: unknown, _state: unknown, options: unknown) => {
        this.listened = options
        return { port: 1 }
      },
      respond: (_ctx: unknown, _state: unknown, { id, frame }: any) => {
        this.answers.set(id, this.#decode(id, frame))
        this.ended.set(id, { code: 0, text: '' })
      },
      deliver: (ctx: any, _state: unknown, { id, frame }: any) => {
        this.ended.set(id, { code: 0, text: `${frame.length} bytes` })
        const later = ctx.defer()
        this.delivering.push(() => this.tell(ctx.self, 'delivered', later))
        return later
      },
      delivered: (ctx: any, _state: unknown, later: any) => ctx.answer(later, {}),
      send: (_ctx: unknown, _state: unknown, { ids, frame }: any) => {
        for (const id of ids) this.sent.push({ id, message: this.#decode(id, frame), frame })
      },
      finish: (_ctx: unknown, _state: unknown, { id, code, text }: any) => void this.ended.set(id, { code, text })
    }
    const portOf =
      (name: string, its: AnyActor['on']): PortFactory =>
      () =>
        ({ name, init: () => null, on: its }) as AnyActor
    this.host = new TestHost({
      grpc: portOf('grpc', on),
      resources: portOf('resources', { read: () => new Uint8Array(descriptorBytes) } as never)
    })
    this.startStore(answers)
    this.host.start('control-1/etcd', etcd, { cluster: 'c', listen: { address: '127.0.0.1', firstPort: 5000 } })
  }

  startStore(answers: Answers): void {
    const handlers: Record<string, unknown> = {
      status: () => store(10),
      admit: () => ({ revision: 10 }),
      standing: (ctx: any) => {
        const sink = ctx.stream()
        sink.push({ term: 3, leader: this.leader, isLearner: this.isLearner })
        this.#standing = sink
        return sink
      },
      watch: (ctx: any, _state: unknown, request: Record<string, unknown>) => {
        const sink = ctx.stream()
        this.watched.push({ request, sink })
        return sink
      },
      stand: () => void this.#standing?.push({ term: 3, leader: this.leader, isLearner: this.isLearner }),
      push: (_ctx: unknown, _state: unknown, { at, batch }: any) => void this.watched[at]?.sink.push(batch),
      end: (_ctx: unknown, _state: unknown, { at, reason }: any) => this.watched[at]?.sink.end(reason)
    }
    for (const [type, answer] of Object.entries(answers)) {
      handlers[type] = (_ctx: unknown, _state: unknown, body: unknown) => {
        this.asked.push([type, body])
        return answer(body)
      }
    }
    this.host.start(member, { name: 'store', init: () => null, on: handlers })
  }

  tell(to: string, type: string, body: unknown): void {
    this.host.dispatcher.deliver({ kind: 'tell', from: 'test', to, life: 0, id: 0, type, body, count: 0 })
    this.host.posted()
  }

  call(
    method: string,
    request: object | null,
    metadata: Record<string, string> = {},
    timeoutMs = Number.POSITIVE_INFINITY,
    client: string | null = null
  ): number {
    const id = ++this.#idLast
    const path = `/etcdserverpb.${method}`
    this.#methods.set(id, path)
    const message = request === null ? null : codec.encode(descriptor.methods[path]?.request as string, request)
    this.tell('control-1/etcd', 'grpcCall', { id, method: path, message, timeoutMs, metadata, client })
    return id
  }

  message(id: number, request: object): void {
    const { request: name } = descriptor.methods[this.#methods.get(id) as string] as { request: string }
    this.tell('control-1/etcd', 'grpcMessage', { id, message: codec.encode(name, request) })
  }

  async answer(id: number): Promise<any> {
    await this.until(`call ${id} ends`, () => this.ended.has(id))
    return this.answers.get(id) ?? this.ended.get(id)
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const byMs = performance.now() + 60_000
    while (!holds()) {
      if (performance.now() > byMs) throw new Error(`never: ${what}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  async ready(): Promise<this> {
    await this.until('it listens', () => this.listened !== undefined)
    const id = this.call('Maintenance/Status', {})
    await this.answer(id)
    return this
  }

  of(id: number): any[] {
    return this.sent.filter(one => one.id === id).map(({ message }) => message)
  }

  #decode(id: number, frame: Uint8Array): unknown {
    const length = (frame[3] as number) * 256 + (frame[4] as number)
    if (frame[0] !== 0 || (frame.length < 65_536 && length !== frame.length - frameHeaderBytes)) throw new Error('a frame that is none')
    const { response } = descriptor.methods[this.#methods.get(id) as string] as { response: string }
    return codec.decode(response, frame.subarray(frameHeaderBytes))
  }
}

const kv = (key: string, modRevision: number) => ({
  key,
  value: Uint8Array.of(modRevision),
  createRevision: 1,
  modRevision,
  version: 1,
  lease: 0
})
const put = (key: string, modRevision: number) => ({ type: 'put', kv: kv(key, modRevision) })

t.test('it listens on the port of its machine, and every answer has a whole header', async t => {
  const scene = await new Scene({ range: () => ({ kvs: [kv('a', 7)], count: 1, more: false, revision: 9 }) }).ready()
  t.match(scene.listened, { address: '127.0.0.1', port: 5001, methods: { '/etcdserverpb.Watch/Watch': { requestStream: true } } })
  const answer = await scene.answer(scene.call('KV/Range', { key: 'a' }))
  t.same(answer.header, { clusterId: clusterIdOf('c'), memberId: memberIdOf('c', member), revision: 9, raftTerm: 3n })
  t.match(answer.kvs, [{ key: 'a', modRevision: 7 }])
  t.not(memberIdOf('c', member), memberIdOf('d', member))
  t.not(memberIdOf('c', member), memberIdOf('c', 'control-2/store'))
  scene.host.close()
})

t.test('requests become what the store understands, wrong ones never reach it', async t => {
  const scene = await new Scene({
    range: () => ({ kvs: [], count: 0, more: false, revision: 9 }),
    txn: () => ({ succeeded: true, revision: 9, results: [] })
  }).ready()
  const ranges: [object, object][] = [
    [{ key: 'a' }, { key: 'a' }],
    [
      { key: 'a', rangeEnd: '\0', limit: 5, serializable: true },
      { key: 'a', end: '\0', limit: 5, serializable: true }
    ],
    [
      { key: 'a', sortTarget: 3, maxCreateRevision: 4 },
      { key: 'a', sortOrder: 'ascend', sortTarget: 'mod', maxCreateRevision: 4 }
    ],
    [
      { key: 'a', sortOrder: 2, limit: -1, revision: -1 },
      { key: 'a', sortOrder: 'descend', sortTarget: 'key' }
    ]
  ]
  for (const [request, query] of ranges) {
    await scene.answer(scene.call('KV/Range', request))
    t.match(scene.asked.at(-1), ['range', query])
  }
  t.notMatch(scene.asked.at(-1)?.[1], { limit: Number }, 'no limit is none')
  const many = Array.from({ length: 129 }, () => ({ requestRange: { key: 'a' } }))
  const before = scene.asked.length
  const wrong: [string, object, string][] = [
    ['KV/Range', {}, 'key is not provided'],
    ['KV/Range', { key: 'a', sortTarget: 9 }, 'invalid sort option'],
    ['KV/Put', { value: Uint8Array.of(1) }, 'key is not provided'],
    ['KV/Put', { key: 'a', value: Uint8Array.of(1), ignoreValue: true }, 'value is provided'],
    ['KV/Put', { key: 'a', lease: 5, ignoreLease: true }, 'lease is provided'],
    ['KV/Put', { key: 'a', lease: 2 ** 60 }, 'requested lease not found'],
    ['KV/Put', { key: 'a', value: new Uint8Array(1_572_865) }, 'request is too large'],
    ['KV/Txn', { success: many }, 'too many operations in txn request'],
    ['KV/Txn', { success: [{}] }, 'key not found'],
    ['KV/Txn', { compare: [{}] }, 'key is not provided'],
    ['Cluster/MemberAdd', { peerURLs: ['control-3'] }, 'given member URLs are invalid'],
    ['Cluster/MemberAdd', { peerURLs: ['http://elsewhere:2380'] }, 'given member URLs are invalid']
  ]
  for (const [method, request, text] of wrong) {
    t.equal((await scene.answer(scene.call(method, request))).text, `etcdserver: ${text}`, `${method} ${text}`)
  }
  t.equal(scene.asked.length, before)
  t.match(await scene.answer(scene.call('Maintenance/Downgrade', {})), { code: grpcCodes.unimplemented, text: /Downgrade is not part/ })
  t.match(await scene.answer(scene.call('Lease/LeaseLeases', {})), {
    code: grpcCodes.unimplemented,
    text: 'the store of kabuki has no such request'
  })
  const tell = scene.call('KV/Range', { key: 'a' })
  await scene.answer(tell)
  scene.tell('control-1/etcd', 'grpcCall', {
    id: 900,
    method: '/etcdserverpb.KV/Put',
    message: Uint8Array.of(0xff),
    timeoutMs: 1000,
    metadata: {},
    client: null
  })
  await scene.until('garbage is refused', () => scene.ended.has(900))
  t.match(scene.ended.get(900), { code: grpcCodes.internal, text: /^grpc: error unmarshalling request/ })
  scene.host.close()
})

t.test('a learner answers what rests on no majority, and who needs a leader is told that there is none', async t => {
  const scene = await new Scene({ range: () => ({ kvs: [], count: 0, more: false, revision: 9 }) }).ready()
  scene.leader = null
  scene.tell(member, 'stand', undefined)
  await scene.until('nobody leads', () => {
    const id = scene.call('Watch/Watch', null, { hasleader: 'true' })
    return id > 0 && [...scene.ended.values()].some(({ text }) => text === 'etcdserver: no leader')
  })
  scene.host.kill(member)
  scene.leader = member
  scene.isLearner = true
  scene.startStore({ range: () => ({ kvs: [], count: 0, more: false, revision: 9 }) })
  const learner = { code: grpcCodes.unavailable, text: 'etcdserver: rpc not supported for learner' }
  let id = 0
  await scene.until('it knows', () => {
    if (id === 0 || scene.ended.has(id)) {
      if (scene.ended.get(id)?.text === learner.text) return true
      id = scene.call('KV/Range', { key: 'a' })
    }
    return false
  })
  t.match(await scene.answer(scene.call('KV/Range', { key: 'a', serializable: true })), { header: { revision: 9 } })
  t.match(await scene.answer(scene.call('Maintenance/Status', {})), { version: /^3\.5/ })
  t.same(await scene.answer(scene.call('KV/Put', { key: 'a' })), learner)
  t.same(await scene.answer(scene.call('Watch/Watch', null)), learner)
  scene.host.close()
})

t.test('alarms, and in the status among the errors', async t => {
  const alarms = [
    { member, alarm: 'noSpace' },
    { member: 'control-2/store', alarm: 'corrupt' }
  ]
  const status = (): object => ({ ...store(10), alarms, errors: ['etcdserver: no leader'] })
  const scene = await new Scene({ status, alarms: () => ({ alarms, revision: 10 }) }).ready()
  const listed = await scene.answer(scene.call('Maintenance/Alarm', {}))
  t.match(listed.alarms, [{ alarm: 1 }, { alarm: 2 }])
  const { errors } = await scene.answer(scene.call('Maintenance/Status', {}))
  const [first, second] = listed.alarms.map(({ memberID }: { memberID: bigint }) => memberID)
  t.same(errors, ['etcdserver: no leader', `memberID:${first} alarm:NOSPACE `, `memberID:${second} alarm:CORRUPT `])
  scene.host.close()
})

t.test('refusals of the store are etcd’s errors', async t => {
  let refusal: Refusal = refuse('compacted', 'x')
  const scene = await new Scene({ range: () => refusal, txn: () => refusal }).ready()
  const expected: [code: string, status: number, text: string][] = [
    ['compacted', grpcCodes.outOfRange, 'mvcc: required revision has been compacted'],
    ['future revision', grpcCodes.outOfRange, 'mvcc: required revision is a future revision'],
    ['no space', grpcCodes.resourceExhausted, 'mvcc: database space exceeded'],
    ['duplicate key', grpcCodes.invalidArgument, 'duplicate key given in txn request'],
    ['lease not found', grpcCodes.notFound, 'requested lease not found'],
    ['corrupt', grpcCodes.dataLoss, 'corrupt cluster'],
    ['overloaded', grpcCodes.resourceExhausted, 'too many requests']
  ]
  for (const [code, status, text] of expected) {
    refusal = refuse(code, 'detail')
    t.same(await scene.answer(scene.call('KV/Put', { key: 'a' })), { code: status, text: `etcdserver: ${text}` })
  }
  scene.host.close()
})

t.test('without a leader a request waits, is sent again, and fails in the end; one that may have happened is not sent again', async t => {
  let refused = 3
  let refusal = (): unknown => refuse('no leader', '')
  const scene = await new Scene({
    txn: () => (refused-- > 0 ? refusal() : { succeeded: true, revision: 12, results: [{ type: 'put' }] })
  }).ready()
  t.match(await scene.answer(scene.call('KV/Put', { key: 'a' })), { header: { revision: 12 } })
  t.equal(scene.asked.length, 4)
  refused = Number.POSITIVE_INFINITY
  t.same(await scene.answer(scene.call('KV/Put', { key: 'a' }, {}, 100)), {
    code: grpcCodes.unavailable,
    text: 'etcdserver: request timed out'
  })
  const asked = scene.asked.length
  refusal = () => doubt('leader lost', '')
  t.same(await scene.answer(scene.call('KV/Put', { key: 'a' })), {
    code: grpcCodes.unavailable,
    text: 'etcdserver: request timed out, possibly due to previous leader failure'
  })
  t.equal(scene.asked.length, asked + 1)
  scene.host.close()
})

t.test('a mistake of ours ends its call, and no other', async t => {
  const scene = await new Scene({
    range: () => ({ kvs: [{ key: 'a', value: 5 }], count: 1, more: false, revision: 9 }),
    txn: () => ({ results: null })
  }).ready()
  t.same(await scene.answer(scene.call('KV/Put', { key: 'a' })), { code: grpcCodes.internal, text: 'etcdserver: internal error' })
  t.ok(scene.host.logged.some(({ event }) => event === 'call failed'))
  t.match(await scene.answer(scene.call('Maintenance/Status', {})), { version: /^3/ })
  scene.host.close()
})

t.test('equal watches are one of the store’s, and are written the same bytes', async t => {
  const scene = await new Scene().ready()
  const calls = [1, 2, 3].map(() => scene.call('Watch/Watch', null))
  for (const id of calls) scene.message(id, { createRequest: { key: 'a', rangeEnd: 'b' } })
  await scene.until('three are created', () => calls.every(id => scene.of(id).length === 1))
  t.same(
    calls.map(id => [scene.of(id)[0].watchId, scene.of(id)[0].created, scene.of(id)[0].header.revision]),
    [
      [0, true, 10],
      [0, true, 10],
      [0, true, 10]
    ]
  )
  await scene.until('the store is asked', () => scene.watched.length > 0)
  t.match(
    scene.watched.map(({ request }) => request),
    [{ key: 'a', end: 'b', startRevision: 11 }]
  )
  scene.tell(member, 'push', {
    at: 0,
    batch: { revision: 12, events: [put('a1', 11), { type: 'delete', kv: kv('a2', 12), prev: kv('a2', 3) }] }
  })
  await scene.until('all are told', () => calls.every(id => scene.of(id).length === 2))
  t.match(scene.of(calls[2] as number)[1], {
    watchId: 0,
    events: [
      { type: 0, kv: { key: 'a1' } },
      { type: 1, kv: { key: 'a2' }, prevKv: { modRevision: 3 } }
    ]
  })
  const frames = scene.sent.filter(({ message }) => message.events.length > 0).map(({ frame }) => frame)
  t.equal(new Set(frames).size, 1, 'encoded once')

  scene.message(calls[0] as number, { createRequest: { key: 'a', rangeEnd: 'b', startRevision: 5 } })
  await scene.until('one from the past is its own', () => scene.watched.length === 2)
  t.match(scene.watched[1]?.request, { startRevision: 5 })
  scene.message(calls[0] as number, { createRequest: { key: 'x', watchId: 1 } })
  await scene.until('a duplicate is refused', () => scene.of(calls[0] as number).at(-1).canceled)
  t.match(scene.of(calls[0] as number).at(-1), { watchId: -1, created: true, canceled: true, cancelReason: /duplicate watch ID/ })
  scene.message(calls[0] as number, { cancelRequest: { watchId: 1 } })
  await scene.until('it is cancelled', () => scene.of(calls[0] as number).at(-1).watchId === 1)
  await scene.until('the store’s own, too', () => scene.watched[1]?.sink.open === false)
  t.ok(scene.watched[0]?.sink.open)
  for (const id of calls) scene.tell('control-1/etcd', 'grpcClosed', { id })
  await scene.until('nobody watches any more', () => scene.watched[0]?.sink.open === false)
  scene.host.close()
})

t.test('large answers wait for those before them; small ones and writes do not', async t => {
  const large = { ...kv('a', 7), value: new Uint8Array(40 << 20) }
  const found = (kvs: object[]) => ({ kvs, count: kvs.length, more: false, revision: 9 })
  const scene = await new Scene({
    range: ({ key }) => found([key === 'a' ? large : kv(key, 7)]),
    txn: () => ({ succeeded: true, revision: 9, results: [{ type: 'put' }] })
  }).ready()
  const reads = [1, 2, 3].map(() => scene.call('KV/Range', { key: 'a', rangeEnd: 'b' }))
  const small = scene.call('KV/Range', { key: 'b', rangeEnd: 'c' })
  t.match(await scene.answer(small), { kvs: [{ key: 'b' }] })
  t.match(await scene.answer(scene.call('KV/Put', { key: 'b' })), { header: {} })
  t.same([scene.delivering.length, scene.ended.has(reads[2] as number)], [2, false], 'two are under way')
  const given = scene.call('KV/Range', { key: 'a', rangeEnd: 'b' })
  t.match(await scene.answer(scene.call('KV/Put', { key: 'b' })), { header: {} })
  scene.tell('control-1/etcd', 'grpcClosed', { id: given })
  scene.delivering.shift()?.()
  await scene.until('the third is', () => scene.ended.has(reads[2] as number))
  for (const deliver of scene.delivering.splice(0)) deliver()
  const last = scene.call('KV/Range', { key: 'a', rangeEnd: 'b' })
  await scene.until('and another', () => scene.ended.has(last))
  t.notOk(scene.ended.has(given), 'whose client is gone is sent nothing')
  scene.host.close()
})

t.test('a client that does not read leaves its group, and goes on where it was', async t => {
  const scene = await new Scene().ready()
  const [slow, fast] = [scene.call('Watch/Watch', null), scene.call('Watch/Watch', null)] as [number, number]
  for (const id of [slow, fast]) scene.message(id, { createRequest: { key: 'a' } })
  await scene.until('the store is asked', () => scene.watched.length === 1 && scene.of(fast).length === 1 && scene.of(slow).length === 1)
  scene.tell(member, 'push', { at: 0, batch: { revision: 11, events: [put('a', 11)] } })
  await scene.until('both are told', () => scene.of(slow).length === 2 && scene.of(fast).length === 2)
  scene.tell('control-1/etcd', 'grpcStalled', { id: slow, bufferedBytes: 5 })
  scene.tell(member, 'push', { at: 0, batch: { revision: 12, events: [put('a', 12)] } })
  await scene.until('the other goes on', () => scene.of(fast).length === 3)
  t.equal(scene.of(slow).length, 2)
  scene.tell('control-1/etcd', 'grpcDrained', { id: slow })
  await scene.until('a watch of its own', () => scene.watched.length === 2)
  t.match(scene.watched[1]?.request, { startRevision: 12 })
  scene.host.close()
})

t.test(
  'who needs a leader loses a stream when nobody leads for long: told to give up, or, of a member that is away, to try again',
  async t => {
    const lose = async (isAway: boolean): Promise<void> => {
      const scene = await new Scene().ready()
      const [needs, other] = [scene.call('Watch/Watch', null, { hasleader: 'true' }), scene.call('Watch/Watch', null)]
      for (const id of [needs, other]) scene.message(id, { createRequest: { key: 'a' } })
      await scene.until('both watch', () => scene.of(needs).length + scene.of(other).length === 2)
      scene.leader = null
      if (isAway) scene.host.kill(member)
      else scene.tell(member, 'stand', undefined)
      t.match(await scene.answer(needs), {
        code: grpcCodes.unavailable,
        text: isAway ? 'etcdserver: server stopped' : 'etcdserver: no leader'
      })
      t.notOk(scene.ended.has(other))
      scene.host.close()
    }
    await Promise.all([lose(true), lose(false)])
  }
)

t.test('a watch outlives the member, and hears of compaction', async t => {
  const scene = await new Scene().ready()
  const id = scene.call('Watch/Watch', null)
  scene.message(id, { createRequest: { key: 'a' } })
  await scene.until('the store is asked', () => scene.watched.length === 1)
  scene.tell(member, 'push', { at: 0, batch: { revision: 15, events: [put('a', 15)] } })
  await scene.until('it is told', () => scene.of(id).length === 2)
  scene.host.kill(member)
  scene.startStore({ status: () => ({ ...store(30), compactRevision: 20 }), watch: () => refuse('compacted', 'gone') })
  await scene.until('it is cancelled', () => scene.of(id).at(-1).canceled)
  t.match(scene.of(id).at(-1), { watchId: 0, canceled: true, compactRevision: 20, cancelReason: '' })
  t.notOk(scene.ended.has(id), 'the stream goes on')
  scene.host.close()
})

t.test('progress: one answer for all watches of a stream, once the store has said it of each', async t => {
  const scene = await new Scene({ requestProgress: () => ({ watches: 2 }) }).ready()
  const id = scene.call('Watch/Watch', null)
  scene.message(id, { createRequest: { key: 'a' } })
  scene.message(id, { createRequest: { key: 'b', progressNotify: true } })
  scene.message(id, { progressRequest: {} })
  await scene.until('the store is asked', () => scene.asked.length === 1)
  t.match(
    scene.watched.map(({ request }) => request),
    [
      { key: 'a', progressNotify: false },
      { key: 'b', progressNotify: true }
    ]
  )
  t.same(scene.asked[0], ['requestProgress', { group: scene.watched[0]?.request.group, caller: {} }])
  scene.tell(member, 'push', { at: 0, batch: { revision: 14, events: [] } })
  scene.tell(member, 'push', { at: 1, batch: { revision: 13, events: [] } })
  await scene.until('it is told', () => scene.of(id).some(message => message.watchId === -1))
  t.same(
    scene
      .of(id)
      .slice(2)
      .map(({ watchId, header }) => [watchId, header.revision]),
    [
      [1, 13],
      [-1, 13]
    ],
    'who asked to be notified is, too'
  )
  scene.host.close()
})

t.test('large responses come in parts to who asked for it', async t => {
  const scene = await new Scene().ready()
  const id = scene.call('Watch/Watch', null)
  scene.message(id, { createRequest: { key: 'a', fragment: true } })
  await scene.until('the store is asked', () => scene.watched.length === 1)
  const events = [11, 12, 13].map(revision => ({ type: 'put', kv: { ...kv('a', revision), value: new Uint8Array(900_000) } }))
  scene.tell(member, 'push', { at: 0, batch: { revision: 13, events } })
  await scene.until('three parts', () => scene.of(id).length === 4)
  t.same(
    scene
      .of(id)
      .slice(1)
      .map(({ fragment, events: part }) => [fragment, part[0].kv.modRevision]),
    [
      [true, 11],
      [true, 12],
      [false, 13]
    ]
  )
  scene.host.close()
})

t.test('who calls is told to the store: by a token, or by the name in a certificate that no proxy has shown', async t => {
  const scene = await new Scene({ range: () => ({ kvs: [], count: 0, more: false, revision: 9 }) }).ready()
  const cases: readonly (readonly [metadata: Record<string, string>, client: string | null, caller: object])[] = [
    [{}, null, {}],
    [{ token: 't' }, null, { token: 't' }],
    [{ authorization: 't' }, null, { token: 't' }],
    [{ token: 't', authorization: 'other' }, 'cn', { token: 't' }],
    [{}, 'cn', { commonName: 'cn' }],
    [{ 'grpcgateway-accept': '*/*' }, 'cn', {}]
  ]
  for (const [metadata, client, caller] of cases) {
    await scene.answer(scene.call('KV/Range', { key: 'a' }, metadata, Number.POSITIVE_INFINITY, client))
    t.strictSame(scene.asked.at(-1), ['range', { key: 'a', caller }], JSON.stringify([metadata, client]))
  }
  scene.host.close()
})

t.test('who may not watch is told so in the stream, which goes on', async t => {
  const refusals = ['permission denied', 'user empty', 'invalid auth token', 'auth revision old']
  let asked = -1
  const admit = () => {
    asked++
    return refusals[asked] === undefined ? { revision: 10 } : refuse(refusals[asked] as string, 'detail')
  }
  const scene = await new Scene({ admit }).ready()
  asked = -1
  const id = scene.call('Watch/Watch', null)
  for (let at = 0; at < 4; at++) scene.message(id, { createRequest: { key: 'a', rangeEnd: 'c' } })
  await scene.until('four answers', () => scene.sent.length === 4)
  const reasons = [
    'PermissionDenied desc = etcdserver: permission denied',
    'InvalidArgument desc = etcdserver: user name is empty',
    'Unauthenticated desc = etcdserver: invalid auth token'
  ]
  for (const [at, reason] of reasons.entries())
    t.match(scene.sent[at]?.message, { watchId: -1, created: true, canceled: true, cancelReason: `rpc error: code = ${reason}` })
  t.match(scene.sent[3]?.message, { watchId: 0, created: true, canceled: false })
  t.equal(asked, 4, 'whose member had not heard of the last change is asked again')
  t.match(scene.asked.at(-1), ['admit', { need: { key: 'a', end: 'c' }, caller: {} }])
  scene.host.close()
})
