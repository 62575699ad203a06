// What the apiserver relies on of watches: every change of the range once, in order, from a revision on or from now on, also across an
// interruption; a history that is gone is told; a watch of every key reaches every revision.

import {
  del,
  disorderOf,
  endOf,
  eventsOf,
  legible,
  linesOf,
  must,
  projected,
  put,
  type StorageCase,
  type StorageHarness,
  write
} from './harness.js'

const ok = { ok: true, value: null }
const everyKey = { key: '\0', end: '\0' }

async function commit(storage: StorageHarness, ...ops: Parameters<typeof write>): Promise<number> {
  const [type, body] = write(...ops)
  return (await must(storage, type, body)).revision
}

/** "Now" is that of the member asked, which may be behind the one that took a write. */
const reached = (storage: StorageHarness, key: string, revision: number): Promise<void> =>
  storage.until(`the member at ${revision}`, async () => {
    const read = await storage.ask('range', { key, serializable: true })
    return read.ok && read.value.revision >= revision
  })

export const watchCases: readonly StorageCase[] = [
  {
    name: 'from now on, only what comes; puts and deletes, and only of the range',
    async run(t, storage, { key, revision: r }) {
      await reached(storage, key('b1'), await commit(storage, put(key('b1'), 'before')))
      t.same(await storage.watch('now', { key: key('b'), end: key('c'), startRevision: 0 }), ok)
      await commit(storage, put(key('a')))
      await commit(storage, put(key('b1'), 'after'))
      await commit(storage, put(key('c')))
      await commit(storage, del(key('b1')))
      await commit(storage, put(key('b1'), 'again'))
      t.same(await eventsOf(storage, 'now', 3), [
        `put ${key('b1')} after @${r + 3}`,
        `delete ${key('b1')} @${r + 5}`,
        `put ${key('b1')} again @${r + 6}`
      ])
      t.same(disorderOf(await storage.seen('now')), [])
    }
  },
  {
    name: 'from a revision on: the history, then what comes, without a gap or a repetition',
    async run(t, storage, { key, all, revision: r }) {
      await commit(storage, put(key('a'), '1'))
      await commit(storage, put(key('a'), '2'), put(key('b'), '2'))
      await commit(storage, del(key('b')))
      t.same(await storage.watch('past', { ...all, startRevision: r + 2 }), ok)
      t.same(await storage.watch('one', { key: key('b'), startRevision: r + 1 }), ok)
      await eventsOf(storage, 'past', 3)
      await commit(storage, put(key('c'), '4'))
      t.same(await eventsOf(storage, 'past', 4), [
        `put ${key('a')} 2 @${r + 2}`,
        `put ${key('b')} 2 @${r + 2}`,
        `delete ${key('b')} @${r + 3}`,
        `put ${key('c')} 4 @${r + 4}`
      ])
      t.same(await eventsOf(storage, 'one', 2), [`put ${key('b')} 2 @${r + 2}`, `delete ${key('b')} @${r + 3}`])
      t.same(disorderOf(await storage.seen('past')), [])
    }
  },
  {
    name: 'a revision is never split, and its events come in the order of its ops',
    async run(t, storage, { key, all, revision: r }) {
      await storage.watch('live', { ...all, startRevision: r + 1 })
      const names = Array.from({ length: 100 }, (_, at) => key(String((at * 37) % 100)))
      await commit(storage, ...names.map(name => put(name)))
      await commit(storage, ...names.map(name => del(name)))
      await storage.watch('past', { ...all, startRevision: r + 1 })
      for (const name of ['live', 'past']) {
        const lines = await eventsOf(storage, name, 200)
        t.same(lines, [...names.map(name => `put ${name} v @${r + 1}`), ...names.map(name => `delete ${name} @${r + 2}`)])
        for (const at of [r + 1, r + 2]) {
          const having = (await storage.seen(name)).batches.filter(batch => batch.events.some(event => event.kv.modRevision === at))
          t.equal(having.length, 1, `${name}: ${at} is whole`)
        }
      }
    }
  },
  {
    name: 'events are whole: numbers of the key, and what was there before if asked',
    async run(t, storage, { key, revision: r }) {
      await storage.watch('prev', { key: key('a'), startRevision: r + 1, prevKv: true })
      await storage.watch('plain', { key: key('a'), startRevision: r + 1 })
      await commit(storage, put(key('a'), '1'))
      await commit(storage, put(key('a'), '2'))
      await commit(storage, del(key('a')))
      await eventsOf(storage, 'prev', 3)
      await eventsOf(storage, 'plain', 3)
      const first = { key: key('a'), value: '1', createRevision: r + 1, modRevision: r + 1, version: 1, lease: 0 }
      const second = { ...first, value: '2', modRevision: r + 2, version: 2 }
      const gone = { key: key('a'), value: '', createRevision: 0, modRevision: r + 3, version: 0, lease: 0 }
      const events = async (name: string) =>
        (await storage.seen(name)).batches.flatMap(batch => legible(batch.events) as { prev?: object }[])
      const expected = [
        { type: 'put', kv: first },
        { type: 'put', kv: second, prev: first },
        { type: 'delete', kv: gone, prev: second }
      ]
      t.same(projected(await events('prev'), expected), expected)
      t.notOk((await events('prev'))[0]?.prev, 'nothing was there before the first')
      t.notOk(
        (await events('plain')).some(event => event.prev),
        'not asked for'
      )
    }
  },
  {
    name: 'from a revision to come: nothing before it',
    async run(t, storage, { key, all, revision: r }) {
      t.same(await storage.watch('future', { ...all, startRevision: r + 3 }), ok)
      for (const value of ['1', '2', '3', '4']) await commit(storage, put(key('a'), value))
      t.same(await eventsOf(storage, 'future', 2), [`put ${key('a')} 3 @${r + 3}`, `put ${key('a')} 4 @${r + 4}`])
    }
  },
  {
    name: 'a history that was compacted is refused, or ends the watch before any event; one that was not is told',
    async run(t, storage, { key, all, revision: r }) {
      for (const value of ['1', '2', '3']) await commit(storage, put(key('a'), value))
      await must(storage, 'compact', { revision: r + 2 })
      await storage.until(
        'the member compacted',
        async () => !(await storage.ask('range', { ...all, revision: r + 1, serializable: true })).ok
      )
      // etcd accepts it first, and then says so.
      const opened = await storage.watch('gone', { ...all, startRevision: r + 1 })
      if (opened.ok) {
        await storage.until('the end of the watch', async () => (await endOf(storage, 'gone')) !== null)
        t.match(await endOf(storage, 'gone'), { code: 'compacted' })
        t.same(linesOf(await storage.seen('gone')), [])
      } else t.match(opened.error, { code: 'compacted', definite: true })
      t.same(await storage.watch('there', { ...all, startRevision: r + 2 }), ok)
      t.same(await eventsOf(storage, 'there', 2), [`put ${key('a')} 2 @${r + 2}`, `put ${key('a')} 3 @${r + 3}`])
      t.equal(await endOf(storage, 'there'), null, 'and it goes on')
    }
  },
  {
    name: 'a compaction takes nothing from a watch that has it',
    async run(t, storage, { key, all, revision: r }) {
      await storage.watch('on', { ...all, startRevision: r + 1 })
      for (const value of ['1', '2']) await commit(storage, put(key('a'), value))
      await eventsOf(storage, 'on', 2)
      await must(storage, 'compact', { revision: r + 2 })
      await commit(storage, put(key('a'), '3'))
      t.same((await eventsOf(storage, 'on', 3)).at(-1), `put ${key('a')} 3 @${r + 3}`)
    }
  },
  {
    name: 'a watch that is opened again after the last revision told misses and repeats nothing',
    async run(t, storage, { key, all, revision: r }) {
      const count = 60
      const writing = (async () => {
        for (let at = 1; at <= count; at++) await commit(storage, put(key('a'), String(at)), put(key('b'), String(at)))
      })()
      const lines: string[] = []
      let from = r
      for (let round = 1; from < r + count; round++) {
        const name = `round ${round}`
        await storage.watch(name, { ...all, startRevision: from + 1 }, { window: 2 })
        await storage.until(`something in ${name}`, async () => linesOf(await storage.seen(name)).length > 0)
        const seen = await storage.seen(name)
        await storage.closeWatch(name)
        t.same(disorderOf(seen), [])
        lines.push(...linesOf(seen))
        from = (seen.batches.at(-1) as { revision: number }).revision
      }
      await writing
      t.same(lines, Array.from({ length: count }, (_, at) => ['a', 'b'].map(name => `put ${key(name)} ${at + 1} @${r + 1 + at}`)).flat())
    }
  },
  {
    name: 'one that does not read holds nobody up, and has everything when it reads',
    async run(t, storage, { key, all, revision: r }) {
      const count = 120
      await storage.watch('slow', { ...all, startRevision: r + 1 }, { window: 2, held: true })
      await storage.watch('fast', { ...all, startRevision: r + 1 })
      const value = 'x'.repeat(20_000)
      for (let at = 0; at < count; at += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, more) => commit(storage, put(key(String(at + more)), value))))
      }
      t.equal((await eventsOf(storage, 'fast', count)).length, count)
      t.same(linesOf(await storage.seen('slow')), [])
      await storage.release('slow')
      const revisions = async (name: string) =>
        (await storage.seen(name)).batches.flatMap(batch => batch.events.map(event => event.kv.modRevision))
      await eventsOf(storage, 'slow', count)
      t.same(
        await revisions('slow'),
        Array.from({ length: count }, (_, at) => r + 1 + at)
      )
      t.same(disorderOf(await storage.seen('slow')), [])
    }
  },
  {
    name: 'a watch of every key reaches every revision that was acknowledged',
    async run(t, storage, { key, revision: r }) {
      await storage.watch('every', { ...everyKey, startRevision: r + 1 })
      const told = async (): Promise<number> => (await storage.seen('every')).batches.at(-1)?.revision ?? 0
      for (let round = 1; round <= 3; round++) {
        await commit(storage, put(key('a'), 'x'), put(key('b'), 'y'))
        const { revision } = await must(storage, 'revision')
        await storage.until(`revision ${revision}`, async () => (await told()) >= revision)
        t.equal(await told(), r + round, 'and not one that is not there')
      }
      t.same(disorderOf(await storage.seen('every')), [])
    }
  }
]
