// A real etcd of three members, by the actor that speaks for it: the conformance suite, two clusters on one etcd, compaction agreed upon,
// members that die or hold still.

import t from 'tap'
import { storageConformance } from './conformance.js'
import { fakeEtcd } from './fake-etcd.js'
import { linesOf, must, put, type StorageHarness, write } from './harness.js'
import { hostStorage } from './host-storage.js'
import { findEtcd, RealEtcd } from './real-etcd.js'

const found = findEtcd()
const timeoutMs = 600_000
/** As the apiserver's first attempt. */
const attemptMs = 1_000
const everyKey = { key: '\0', end: '\0', startRevision: 0 }

const address = 'control-0/etcd-storage'
const storageOf = (servers: readonly string[], prefix = '/registry', compactEveryMs = 0): ReturnType<typeof hostStorage> =>
  hostStorage([{ address, actor: 'etcd-storage', args: { servers, prefix, compactEveryMs } }])

async function commit(storage: StorageHarness, key: string, value: string): Promise<number> {
  const [type, body] = write(put(key, value))
  return (await must(storage, type, body)).revision
}

const answers = (storage: StorageHarness): Promise<void> => storage.until('it answers', async () => (await storage.ask('revision')).ok)

/** Writes until told to stop, as an apiserver does: what may have happened is looked for before it is written again. */
async function writeOn(storage: StorageHarness, key: string, stopping: () => boolean): Promise<number> {
  for (let at = 1; ; at++) {
    const revision = (await storage.ask('range', { key }, attemptMs)) as {
      ok: true
      value: { kvs: { modRevision: number; value: Uint8Array }[] }
    }
    if (revision.ok && Number(Buffer.from(revision.value.kvs[0]?.value ?? '')) === at) continue
    const operand = revision.ok ? (revision.value.kvs[0]?.modRevision ?? 0) : -1
    const compares = [{ key, target: 'mod', result: 'equal', operand }]
    const wrote = await storage.ask('txn', { compares, success: [put(key, String(at))], failure: [] }, attemptMs)
    if (!wrote.ok || !wrote.value.succeeded) at--
    else if (stopping()) return at
  }
}

/** A watch of one key that is opened again where it ended, as the apiserver's. */
class Follower {
  readonly lines: string[] = []
  opened = 0
  readonly #storage: StorageHarness
  readonly #key: string
  #revision: number
  #read = 0 // Batches of the watch that is open.

  constructor(storage: StorageHarness, key: string, revision: number) {
    this.#storage = storage
    this.#key = key
    this.#revision = revision
  }

  async until(count: number): Promise<void> {
    await this.#storage.until(`${count} events`, async () => {
      await this.#follow()
      return this.lines.length >= count
    })
  }

  close(): Promise<void> {
    return this.#storage.closeWatch(this.#name)
  }

  get #name(): string {
    return `${this.#key} ${this.opened}`
  }

  async #follow(): Promise<void> {
    const seen = await this.#storage.seen(this.#name)
    const batches = seen.batches.slice(this.#read)
    this.#read += batches.length
    for (const line of linesOf({ batches, end: null })) this.lines.push(line)
    this.#revision = batches.at(-1)?.revision ?? this.#revision
    if (seen.end === null) return
    if (seen.end !== 'end' && seen.end.code === 'compacted') throw new Error('what it had not seen is gone')
    this.opened++
    this.#read = 0
    const opened = await this.#storage.watch(this.#name, { key: this.#key, startRevision: this.#revision + 1 })
    if (!opened.ok && opened.error.code === 'compacted') throw new Error('what it had not seen is gone')
  }
}

if ('missing' in found) t.test('a real etcd', { skip: found.missing }, async () => undefined)
else {
  storageConformance('a real etcd', async () => {
    const etcd = await RealEtcd.start(found.etcd, 3)
    const storage = await storageOf(etcd.urls)
    const close = async (): Promise<void> => {
      await storage.close()
      await etcd.stop()
    }
    return { ...storage, close }
  })

  t.test('others on the same etcd, and compaction', { timeout: timeoutMs }, async t => {
    const etcd = await RealEtcd.start(found.etcd, 3)
    const compactEveryMs = 400
    const [one, two] = await Promise.all([storageOf(etcd.urls, '/registry', compactEveryMs), storageOf(etcd.urls, '/two', compactEveryMs)])
    t.teardown(async () => {
      await Promise.all([one.close(), two.close()])
      await etcd.stop()
    })
    await Promise.all([answers(one), answers(two)])

    await t.test('what another prefix has is not told, but that there is a newer revision', async t => {
      await one.watch('one', everyKey)
      const mine = await commit(one, '/registry/a', '1')
      const theirs = await commit(two, '/registry/a', '2')
      t.equal((await must(one, 'revision')).revision >= theirs, true)
      await one.until(`a watch at ${theirs}`, async () => ((await one.seen('one')).batches.at(-1)?.revision ?? 0) >= theirs)
      t.same(linesOf(await one.seen('one')), [`put /registry/a 1 @${mine}`])
      t.match((await must(one, 'range', { key: '/registry/', end: '/registry0' })).count, 1)
      t.match(await one.ask('range', { key: '/two/a' }), { ok: false, error: { code: 'invalid', definite: true } })
    })

    await t.test('what is larger than etcd takes is refused', async t => {
      for (const bytes of [1.6e6, 4e6]) {
        const large = { type: 'put', key: '/registry/large', value: new Uint8Array(bytes) }
        const outcome = await one.ask('txn', { compares: [], success: [large], failure: [] })
        t.match(outcome, { ok: false, error: { code: 'request too large', definite: true } }, `${bytes} bytes`)
      }
      t.match(await one.ask('range', { key: '/registry/large' }), { ok: true, value: { count: 0 } })
    })

    await t.test('what is older than a period is compacted, while two take turns', async t => {
      const first = await commit(one, '/registry/b', '1')
      await one.until('compacted', async () => !(await one.ask('range', { key: '/registry/b', revision: first - 1 })).ok)
      t.match(await one.ask('range', { key: '/registry/b', revision: first - 1 }), { error: { code: 'compacted' } })
      t.match(await one.ask('range', { key: '/registry/b' }), { ok: true, value: { count: 1 } })
    })
  })

  t.test(
    'members that die or hold still: writes go on, and a watch that is opened again misses and repeats nothing',
    {
      timeout: timeoutMs
    },
    async t => {
      const etcd = await RealEtcd.start(found.etcd, 3)
      const storage = await storageOf(etcd.urls)
      t.teardown(async () => {
        await storage.close()
        await etcd.stop()
      })
      await answers(storage)
      const inUse = async (): Promise<string> => String(storage.runtime.facts.of(address)?.endpoint)
      for (const [what, victim, isKilled] of [
        ['the leader dies', () => etcd.leader(), true],
        ['the member in use dies', inUse, true],
        ['the member in use holds still', inUse, false]
      ] as const) {
        const key = `/registry/counters/${what.replaceAll(' ', '-')}`
        const { revision } = await must(storage, 'revision')
        const follower = new Follower(storage, key, revision)
        let stopping = false
        const writing = writeOn(storage, key, () => stopping)
        await follower.until(20)
        const struck = await victim()
        if (isKilled) await etcd.kill(struck)
        else etcd.pause(struck, true)
        await follower.until(follower.lines.length + 20)
        stopping = true
        const total = await writing
        await follower.until(total)
        await follower.close()
        t.same(
          follower.lines.map(line => Number(line.split(' ')[2])),
          Array.from({ length: total }, (_, at) => at + 1),
          `${what}: ${total} writes, ${follower.opened} watches`
        )
        if (isKilled) etcd.restart(struck)
        else etcd.pause(struck, false)
        await etcd.whole()
      }
    }
  )

  t.test('what cannot be used is not, and says why; what may have happened is told so', { timeout: timeoutMs }, async t => {
    const old = await fakeEtcd('3.3.10')
    const [a, b, guarded] = await Promise.all([RealEtcd.start(found.etcd, 1), RealEtcd.start(found.etcd, 1), RealEtcd.start(found.etcd, 1)])
    const [urlA, urlB] = [a.urls[0] as string, b.urls[0] as string]
    await guarded.demandUsers()
    const [tooOld, both, other, denied] = await Promise.all([
      storageOf([old.url]),
      storageOf([urlA, urlB]),
      storageOf([urlB]),
      storageOf(guarded.urls)
    ])
    t.teardown(async () => {
      old.stop()
      await Promise.all([tooOld.close(), both.close(), other.close(), denied.close()])
      await Promise.all([a.stop(), b.stop(), guarded.stop()])
    })
    await tooOld.until('a verdict', async () => tooOld.runtime.facts.of(address)?.fatal === true)
    t.match(tooOld.runtime.facts.of(address), { ready: false, problem: /it is version 3\.3\.10, and at least 3\.4\.0 is needed/ })
    t.match(await tooOld.ask('revision'), { error: { code: 'unavailable', definite: true } })

    await denied.until('a verdict', async () => denied.runtime.facts.of(address)?.fatal === true)
    t.match(denied.runtime.facts.of(address), { ready: false, problem: /does not let us (in|read .*): etcdserver: user name is empty/ })

    await Promise.all([answers(both), answers(other)])
    const inUse = String(both.runtime.facts.of(address)?.endpoint)
    t.ok([urlA, urlB].includes(inUse))
    const [used, unused] = inUse === urlA ? [a, b] : [b, a]
    const { revision } = await must(both, 'revision')
    used.pause(inUse, true)
    const [type, body] = write(put('/registry/a', '1'))
    t.match(await both.ask(type, body, attemptMs), { ok: false, error: { definite: false } }, 'nobody knows')
    t.match(await both.ask(type, body), { ok: false, error: { code: 'unavailable', definite: true } }, 'the other is not asked')
    used.pause(inUse, false)
    await answers(both)
    t.equal(both.runtime.facts.of(address)?.endpoint, inUse)
    t.ok((await must(both, 'revision')).revision <= revision + 1)
    const untouched = await storageOf(unused.urls)
    await answers(untouched)
    t.match(await untouched.ask('range', { key: '/registry/a' }), { ok: true, value: { count: 0, revision: 1 } })
    await untouched.close()
  })
}
