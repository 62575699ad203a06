import fc from 'fast-check'
import t from 'tap'
import { WorkQueue } from '../../lib/client/index.js'

const clocksAt = (nowMs = 0, clusterMs = 1_000_000) => ({ nowMs, clusterMs })

t.test('fair and stingy', async t => {
  const queue = new WorkQueue(clocksAt())
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
  t.same([queue.take(), queue.take(), queue.take(), queue.take()], ['a', 'b', 'c', undefined], 'each once, in the order they came')
  queue.add('b')
  queue.add('b')
  t.equal(queue.take(), undefined, 'not while it is being worked on')
  queue.done('a')
  t.equal(queue.take(), undefined)
  queue.done('b')
  t.equal(queue.take(), 'b', 'once more after that')
  queue.done('b')
  t.equal(queue.take(), undefined)
})

t.test('delays name their clock, and the shorter counts', async t => {
  const clocks = clocksAt()
  const queue = new WorkQueue(clocks)
  queue.addAfter('real', 100, 'real')
  queue.addAfter('real', 50, 'real')
  queue.addAfter('real', 70, 'real')
  queue.addAfter('cluster', 60_000, 'cluster')
  queue.addAfter('now', 0, 'real')
  t.equal(queue.dueMs('real'), 50)
  t.equal(queue.dueMs('cluster'), 1_060_000)
  t.equal(queue.take(), 'now')
  t.equal(queue.take(), undefined)
  clocks.nowMs = 50
  t.equal(queue.take(), 'real')
  t.equal(queue.take(), undefined, 'the longer delays are gone with it')
  t.equal(queue.dueMs('real'), Number.POSITIVE_INFINITY)
  clocks.clusterMs = 1_060_000
  t.equal(queue.take(), 'cluster')
})

t.test('back-off doubles to its limit, and forget resets it', async t => {
  // One queue, whose clock is moved to what is due next.
  const clocks = clocksAt()
  const queue = new WorkQueue(clocks)
  const seen: number[] = []
  for (let i = 0; i < 20; i++) {
    const from = clocks.nowMs
    queue.addRateLimited('k')
    clocks.nowMs = queue.dueMs('real')
    seen.push(clocks.nowMs - from)
    t.equal(queue.take(), 'k')
    queue.done('k')
  }
  t.same(seen.slice(0, 6), [5, 10, 20, 40, 80, 160], 'as client-go')
  t.equal(seen.at(-1), 1_000_000)
  t.equal(queue.requeues('k'), 20)
  queue.forget('k')
  t.equal(queue.requeues('k'), 0)
  queue.addRateLimited('k')
  t.equal(queue.dueMs('real') - clocks.nowMs, 5)
})

type Op = { op: 'add' | 'after' | 'take' | 'done' | 'pass'; key: number; ms: number }

t.test('nothing added is lost, and nobody works on the same key twice at once', async () => {
  const op = fc.record({
    op: fc.constantFrom<Op['op']>('add', 'after', 'take', 'done', 'pass'),
    key: fc.integer({ min: 0, max: 3 }),
    ms: fc.integer({ min: 0, max: 20 })
  })
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), ops => {
      const clocks = clocksAt()
      const queue = new WorkQueue(clocks)
      const working = new Set<string>()
      const owed = new Set<string>() // Added and not taken since.
      const take = (): boolean => {
        const key = queue.take()
        if (key === undefined) return false
        if (working.has(key)) throw new Error(`${key} taken twice`)
        working.add(key)
        owed.delete(key)
        return true
      }
      for (const { op, key: index, ms } of ops) {
        const key = `k${index}`
        if (op === 'add' || op === 'after') owed.add(key)
        if (op === 'add') queue.add(key)
        else if (op === 'after') queue.addAfter(key, ms, 'real')
        else if (op === 'take') take()
        else if (op === 'pass') clocks.nowMs += ms
        else if (working.delete(key)) queue.done(key)
      }
      clocks.nowMs += 1000
      for (const key of working) queue.done(key)
      working.clear()
      for (; take(); ) {
        for (const key of working) queue.done(key)
        working.clear()
      }
      return owed.size === 0
    })
  )
})
