// A real etcd of three members, by the actor that speaks for it: the conformance suite, two clusters on one etcd, compaction agreed upon,
// members that die or hold still.

import t from 'tap'
import { storageConformance } from './conformance.js'
import { disorderOf, linesOf, must, put, type StorageHarness, write } from './harness.js'
import { hostStorage } from './host-storage.js'
import { findEtcd, RealEtcd } from './real-etcd.js'

const found = findEtcd()
const timeoutMs = 600_000
/** As the apiserver's first attempt. */
const attemptMs = 1_000
const everyKey = { key: '\0', end: '\0', startRevision: 0 }

const storageOf = (etcd: RealEtcd, prefix = '/registry', compactEveryMs = 0): Promise<Awaited<ReturnType<typeof hostStorage>>> =>
  hostStorage([{ address: 'control-0/etcd-storage', actor: 'etcd-storage', args: { servers: etcd.urls, prefix, compactEveryMs } }])

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

if ('missing' in found) t.test('a real etcd', { skip: found.missing }, async () => undefined)
else {
  storageConformance('a real etcd', async () => {
    const etcd = await RealEtcd.start(found.etcd, 3)
    const storage = await storageOf(etcd)
    const close = async (): Promise<void> => {
      await storage.close()
      await etcd.stop()
    }
    return { ...storage, close }
  })

  t.test('others on the same etcd; compaction; members that die or hold still', { timeout: timeoutMs }, async t => {
    const etcd = await RealEtcd.start(found.etcd, 3)
    const compactEveryMs = 400
    const [one, two] = await Promise.all([storageOf(etcd, '/registry', compactEveryMs), storageOf(etcd, '/two', compactEveryMs)])
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

    await t.test('what is older than a period is compacted, while two take turns', async t => {
      const first = await commit(one, '/registry/b', '1')
      await one.until('compacted', async () => !(await one.ask('range', { key: '/registry/b', revision: first - 1 })).ok)
      t.match(await one.ask('range', { key: '/registry/b', revision: first - 1 }), { error: { code: 'compacted' } })
      t.match(await one.ask('range', { key: '/registry/b' }), { ok: true, value: { count: 1 } })
    })

    const inUse = async (): Promise<string> => String(one.runtime.facts.of('control-0/etcd-storage')?.endpoint)
    for (const [what, victim, isKilled] of [
      ['the leader dies', () => etcd.leader(), true],
      ['the member in use dies', inUse, true],
      ['the member in use holds still', inUse, false]
    ] as const) {
      await t.test(`${what}: writes go on, and a watch that is opened again misses and repeats nothing`, async t => {
        const key = `/registry/counters/${what.replaceAll(' ', '-')}`
        let stopping = false
        let writing: Promise<number> | undefined
        const lines: string[] = []
        let from = (await must(one, 'revision')).revision
        let struck: string | undefined
        for (let round = 1; ; round++) {
          const name = `${what} ${round}`
          const opened = await one.watch(name, { key, startRevision: from + 1 })
          if (!opened.ok) {
            t.not(opened.error.code, 'compacted')
            continue
          }
          writing ??= writeOn(one, key, () => stopping)
          const count = async (): Promise<number> => lines.length + linesOf(await one.seen(name)).length
          const before = await count()
          await one.until(`more in ${name}`, async () => {
            const seen = await one.seen(name)
            if (struck !== undefined && (await count()) >= before + 20) stopping = true
            return seen.end !== null || stopping || (await count()) >= before + 20
          })
          const total = stopping ? await writing : 0
          if (stopping) await one.until('the last', async () => (await one.seen(name)).end !== null || (await count()) >= total)
          const seen = await one.seen(name)
          await one.closeWatch(name)
          t.same(disorderOf(seen), [])
          lines.push(...linesOf(seen))
          from = Math.max(from, seen.batches.at(-1)?.revision ?? 0)
          if (stopping && lines.length >= total) {
            const values = lines.map(line => Number(line.split(' ')[2]))
            t.same(
              values,
              Array.from({ length: total }, (_, at) => at + 1)
            )
            break
          }
          if (struck === undefined) {
            struck = await victim()
            if (isKilled) await etcd.kill(struck)
            else etcd.pause(struck, true)
          }
        }
        if (isKilled) etcd.restart(struck as string)
        else etcd.pause(struck as string, false)
        await etcd.whole()
      })
    }
  })
}
