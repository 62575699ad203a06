import { deepStrictEqual } from 'node:assert'
import t from 'tap'
import {
  type Command,
  contains,
  LeaseClock,
  Mvcc,
  restore,
  snapshot,
  type WatchDelivery,
  WatchHub,
  type WatchRequest,
  watchLimits
} from '../../lib/mvcc/index.js'
import { RangeIndex } from '../../lib/mvcc/range-index.js'
import { seededRandom } from '../../lib/std/index.js'
import { Chance, Model } from './model.js'

const value = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
const put = (key: string, ...bytes: number[]): Command => ({ type: 'put', key, value: value(...bytes) })
const all = { key: '\0', end: '\0' }

interface Client {
  readonly request: WatchRequest
  /** Has all events before this revision. */
  cursor: number
  credit: boolean
}

/** Plays clients whose credit comes and goes, and checks each delivery against the naive store. */
class Play {
  readonly chance: Chance
  readonly model = new Model()
  readonly clients = new Map<string, Client>()
  readonly seen = { events: 0, pauses: 0, refusals: 0, compacted: 0, shared: 0, restored: 0, resumed: 0, split: 0 }
  store = new Mvcc()
  readonly hub: WatchHub
  #ids = 0

  constructor(seed: number) {
    this.chance = new Chance(seededRandom(seed))
    this.hub = new WatchHub(this.store, {
      deliveryEventsMax: 1 + this.chance.below(5),
      catchUpWatchersMax: 1 + this.chance.below(4),
      catchUpChangesMax: 1 + this.chance.below(9)
    })
  }

  step(): void {
    const { chance, hub, model } = this
    for (let count = chance.below(6); count > 0; count--) {
      const command = chance.command(model)
      model.apply(command)
      this.store.apply(command)
      if (chance.maybe(0.1)) this.#add()
      if (chance.maybe(0.1)) this.#toggle()
    }
    if (chance.maybe(0.03)) {
      // Of another member, which is further.
      this.store = restore([...snapshot(this.store)])
      for (let count = chance.below(8); count > 0; count--) {
        const command = chance.command(model)
        model.apply(command)
        this.store.apply(command)
      }
      hub.restored(this.store)
      this.seen.restored++
    }
    if (chance.maybe(0.3)) this.#add()
    if (chance.maybe(0.4)) this.#toggle()
    if (chance.maybe(0.05)) this.#leave()
    if (chance.maybe(0.7)) this.take()
    this.#checkProgress()
  }

  take(): void {
    const refused = new Set<string>()
    for (const delivery of this.hub.take()) {
      if (delivery.ids.length > 1) this.seen.shared++
      for (const id of delivery.ids) this.#receive(id, delivery, refused)
    }
  }

  /** With credit for all, everything still open must arrive. */
  finish(): void {
    for (const [id, client] of this.clients) {
      client.credit = true
      this.hub.resume(id)
    }
    for (let turn = 0; turn < 10_000; turn++) {
      this.take()
      if (!this.hub.behind && [...this.clients.values()].every(client => client.credit)) break
      for (const [id, client] of this.clients) {
        client.credit = true
        this.hub.resume(id)
      }
    }
    for (const [id, client] of this.clients) {
      deepStrictEqual(this.model.events(client.request, client.cursor, this.model.revision), [], `${id} has missed events`)
    }
    deepStrictEqual(this.hub.progress([...this.clients.keys()]), this.model.revision)
  }

  #receive(id: string, delivery: WatchDelivery, refused: Set<string>): void {
    const client = this.clients.get(id)
    if (client === undefined) throw new Error(`a delivery to ${id}, which is gone`)
    if (refused.has(id)) {
      // A client may say it of each.
      if (delivery.type === 'events' && this.chance.maybe(0.5)) this.hub.pause(id, delivery.events[0]?.kv.modRevision)
      return
    }
    if (delivery.type === 'compacted') {
      if (client.cursor >= this.model.compactRevision)
        throw new Error(`${id} wants ${client.cursor} and was told ${delivery.compactRevision}`)
      this.clients.delete(id)
      this.seen.compacted++
      return
    }
    if (!client.credit) throw new Error(`a delivery to ${id}, which has no credit`)
    const first = delivery.events[0]?.kv.modRevision as number
    if (this.chance.maybe(0.1)) {
      refused.add(id)
      client.credit = false
      this.hub.pause(id, first)
      this.seen.refusals++
      return
    }
    this.#check(client, delivery)
    client.cursor = delivery.revision + 1
    this.seen.events += delivery.events.length
    if (this.chance.maybe(0.1)) {
      client.credit = false
      // As if the rest of this take were refused: there may be more for it in it.
      refused.add(id)
      this.hub.pause(id, client.cursor)
      this.seen.pauses++
    }
  }

  /** Exactly the events between what the client has and what the delivery claims: ordered, unique, without a gap, atomic. */
  #check({ request, cursor }: Client, delivery: WatchDelivery & { type: 'events' }): void {
    const expected = this.model.events(request, cursor, delivery.revision)
    deepStrictEqual(
      delivery.events.map(({ type, kv }) => ({ type, kv })),
      expected.map(({ type, kv }) => ({ type, kv }))
    )
    if (expected.some((event, at) => event.kv.modRevision === expected[at - 1]?.kv.modRevision)) this.seen.split++
    for (const [at, { kv, prev }] of delivery.events.entries()) {
      const was = request.prevKv === true ? expected[at]?.prev : undefined
      const mayBeGone = kv.modRevision <= this.model.compactRevision
      if (prev !== undefined || !mayBeGone) deepStrictEqual(prev, was, `what was before ${kv.modRevision}`)
    }
  }

  #checkProgress(): void {
    const ids = [...this.clients.keys()].filter(() => this.chance.maybe(0.3))
    const revision = this.hub.progress(ids)
    if (revision === undefined) return
    for (const id of ids) {
      const { request, cursor } = this.clients.get(id) as Client
      deepStrictEqual(this.model.events(request, cursor, revision), [], `${id} has not had what progress ${revision} claims`)
    }
  }

  #add(): void {
    const { chance, model } = this
    const kind = chance.below(10)
    const startRevision = kind < 4 ? 0 : kind < 6 ? model.revision + chance.below(6) : 1 + chance.below(model.revision + 1)
    const like = chance.maybe(0.5) ? chance.of([...this.clients.values()])?.request : undefined
    const fresh = { ...chance.range(), prevKv: chance.maybe(0.4), noPut: chance.maybe(0.1), noDelete: chance.maybe(0.1) }
    const request = { ...(like ?? fresh), id: chance.maybe(0.2) ? `w${chance.below(5)}` : `n${this.#ids++}`, startRevision }
    if (this.clients.has(request.id) || this.clients.size > 40) return
    this.hub.add(request)
    this.clients.set(request.id, { request, cursor: startRevision === 0 ? model.revision + 1 : startRevision, credit: true })
  }

  #toggle(): void {
    const found = this.chance.of([...this.clients])
    if (found === undefined) return
    const [id, client] = found
    client.credit = !client.credit
    if (client.credit) this.hub.resume(id)
    else this.hub.pause(id)
    if (client.credit) this.seen.resumed++
  }

  #leave(): void {
    const found = this.chance.of([...this.clients.keys()])
    if (found === undefined) return
    this.hub.remove(found)
    this.clients.delete(found)
  }
}

t.test('every watcher gets exactly its events, whatever its credit, compaction and restoration', async t => {
  const seen: Record<string, number> = {}
  for (let seed = 0; seed < 150; seed++) {
    const play = new Play(seed)
    try {
      for (let step = 0; step < 80; step++) play.step()
      play.finish()
    } catch (error) {
      return t.fail(`seed ${seed}: ${error}`)
    }
    for (const [name, count] of Object.entries(play.seen)) seen[name] = (seen[name] ?? 0) + count
  }
  for (const [name, count] of Object.entries(seen)) t.ok(count > 100, `${name}: ${count}`)
})

t.test('a delete at the compacted revision is still seen by a watch from there', async t => {
  const store = new Mvcc()
  for (const command of [put('a', 1), { type: 'delete', key: 'a' }, put('b', 1), { type: 'compact', revision: 3 }] as Command[])
    store.apply(command)
  const deliveries = (from: number): readonly WatchDelivery[] => {
    const hub = new WatchHub(store)
    hub.add({ id: 'w', ...all, startRevision: from })
    return hub.take()
  }
  t.match(deliveries(3), [
    {
      events: [
        { type: 'delete', kv: { key: 'a', modRevision: 3 } },
        { type: 'put', kv: { key: 'b' } }
      ],
      revision: 4
    }
  ])
  t.match(deliveries(2), [{ type: 'compacted', ids: ['w'], compactRevision: 3 }])
  t.match(deliveries(5), [])
  store.apply({ type: 'compact', revision: 4 })
  t.equal(store.keyspace.keys, 1, 'and goes with the next compaction')
})

t.test('what was not taken before a compaction is not lost by it', async t => {
  const store = new Mvcc()
  const hub = new WatchHub(store)
  hub.add({ id: 'w', ...all, startRevision: 0, prevKv: true })
  for (const command of [put('a', 1), put('a', 2), { type: 'delete', key: 'a' }, put('b'), { type: 'compact', revision: 5 }] as Command[])
    store.apply(command)
  t.match(hub.take(), [
    { type: 'events', events: [{ kv: { modRevision: 2 } }, { prev: { modRevision: 2 } }, { type: 'delete', prev: { modRevision: 3 } }, {}] }
  ])
})

t.test('a transaction is one delivery, however many its events', async t => {
  const store = new Mvcc()
  const hub = new WatchHub(store, { ...watchLimits, deliveryEventsMax: 3 })
  hub.add({ id: 'w', ...all, startRevision: 0 })
  const ops = Array.from({ length: 10 }, (_, i) => put(`k${i}`))
  store.apply(put('a'))
  store.apply({ type: 'txn', compares: [], success: ops as never, failure: [] })
  store.apply(put('z'))
  t.same(
    hub.take().map(delivery => delivery.type === 'events' && [delivery.events.length, delivery.revision]),
    [
      [11, 3],
      [1, 4]
    ]
  )
  hub.add({ id: 'late', ...all, startRevision: 3 })
  t.same(
    hub.take().map(delivery => delivery.type === 'events' && [delivery.events.length, delivery.revision]),
    [[10, 3]]
  )
  t.ok(hub.behind)
  t.same(
    hub.take().map(delivery => delivery.type === 'events' && [delivery.events.length, delivery.revision]),
    [[1, 4]]
  )
  t.notOk(hub.behind)
})

t.test('watchers of the same share their events; one without credit keeps nothing', async t => {
  const store = new Mvcc()
  const hub = new WatchHub(store)
  for (let i = 0; i < 100; i++) hub.add({ id: `w${i}`, key: 'a', end: 'b', startRevision: 0 })
  hub.add({ id: 'prev', key: 'a', end: 'b', startRevision: 0, prevKv: true })
  hub.add({ id: 'one', key: 'a', startRevision: 0 })
  hub.pause('w7')
  store.apply(put('a', 1))
  const [first, second, third, ...more] = hub.take()
  t.match([first?.ids.length, second?.ids.length, third?.ids.length].sort(), [1, 1, 99])
  t.same(more, [])
  const events = [first, second, third].map(delivery => (delivery?.type === 'events' ? delivery.events[0]?.kv : undefined))
  t.ok(events[0] === events[1] && events[1] === events[2], 'the same key-value')
  for (let i = 0; i < 5000; i++) store.apply(put('a', i))
  t.ok(hub.take().every(delivery => !delivery.ids.includes('w7')))
  t.equal(hub.progress(['w7']), undefined)
  t.equal(hub.progress(['w8']), 5002)
  hub.resume('w7')
  let count = 0
  do for (const delivery of hub.take()) count += delivery.type === 'events' ? delivery.events.length : 0
  while (hub.behind)
  t.equal(count, 5001)
  t.equal(hub.progress(['w7']), 5002)
  for (let i = 0; i < 100; i++) t.ok(hub.remove(`w${i}`))
  t.equal(hub.size, 2)
})

t.test('the range index agrees with looking at every range', async t => {
  const chance = new Chance(seededRandom(5))
  const index = new RangeIndex<{ key: string; end?: string | undefined }>()
  let ranges: { key: string; end?: string | undefined }[] = []
  const random = (): string => Array.from({ length: 1 + chance.below(3) }, () => chance.of(['a', 'b', 'c', '\xff'])).join('')
  for (let step = 0; step < 6000; step++) {
    const growing = step % 2000 < 1200
    if (chance.maybe(growing ? 0.7 : 0.3)) {
      const key = random()
      const range = chance.of<{ key: string; end?: string }>([
        { key },
        { key, end: '\0' },
        { key, end: random() },
        { key, end: key + random() }
      ])
      index.add(range)
      ranges.push(range)
    } else if (ranges.length > 0) {
      const gone = chance.of(ranges)
      index.remove(gone)
      ranges = ranges.filter(range => range !== gone)
      if (chance.maybe(0.1)) {
        index.add(gone)
        ranges.push(gone)
      }
    }
    const key = random()
    const found = new Set(index.find(key))
    const expected = ranges.filter(range => contains(range, key))
    if (found.size !== expected.length || expected.some(range => !found.has(range))) return t.fail(`step ${step}, key ${key}`)
  }
  t.pass(`6000 steps, ${ranges.length} ranges left`)
})

t.test('leases end on the clock of the leader', async t => {
  const clock = LeaseClock.promoted(
    [
      { id: 1, ttlSeconds: 10, remainingTtlSeconds: 0, keys: new Set() },
      { id: 2, ttlSeconds: 10, remainingTtlSeconds: 4, keys: new Set() }
    ],
    1000,
    500
  )
  clock.granted(3, 2, 1000)
  t.equal(clock.nextMs, 3000)
  t.same(clock.due(2999, 10, 100), [])
  t.equal(clock.keepAlive(3, 2999), 2)
  t.same(clock.due(4998, 10, 100), [], 'renewed')
  t.same(clock.due(5000, 10, 100), [3])
  t.equal(clock.keepAlive(3, 5001), undefined, 'too late')
  t.same(clock.due(5050, 10, 100), [], 'its revocation is under way')
  t.same(clock.due(5100, 10, 100), [3], 'but it may have been lost')
  clock.revoked(3)
  t.equal(clock.remainingMs(2, 5000), 500, 'what the checkpoint left, and the extension')
  t.same(clock.due(20_000, 1, 100), [2], 'at most so many')
  t.same(clock.due(20_000, 5, 100), [1])
  t.equal(clock.keepAlive(9, 0), undefined)
  t.equal(clock.keepAlive(1, 20_000), undefined)
})
