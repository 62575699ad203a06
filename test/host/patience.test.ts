import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import type { Envelope } from '../../lib/actor/index.js'
import { awakeMs, Patience } from '../../lib/host/patience.js'
import { Link, linkStateBytes } from '../../lib/host/wire.js'

/**
 * A thread waits again and again, each time so many microseconds for its next message; to look whether it is there takes one. How long
 * it waits awake, in microseconds.
 */
function waits(...messagesAfterUs: readonly number[]): number[] {
  let nowUs = 0
  const patience = new Patience(() => nowUs / 1000)
  return messagesAfterUs.map(afterUs => {
    const restsUs = nowUs
    patience.rest(() => {
      nowUs++
      return nowUs >= restsUs + afterUs
    })
    const awakeUs = nowUs - restsUs
    nowUs = Math.max(nowUs, restsUs + afterUs)
    patience.came()
    return awakeUs
  })
}

t.test('a thread waits awake after a short wait, until a message is there or for its time', async t => {
  const most = awakeMs * 1000
  const rounded = (...messagesAfterUs: readonly number[]): number[] => waits(...messagesAfterUs).map(us => (us === most + 1 ? most : us))
  t.same(rounded(10, 10, 30), [0, 10, 30], 'the first wait is asleep')
  t.same(rounded(80, 80, 80), [0, most, most], 'asleep it would have taken as long')
  t.same(rounded(10, 5000, 10, 10), [0, most, 0, 10], 'after a long one it sleeps')
  t.same(rounded(5000, 5000, 200, 101), [0, 0, 0, 0])
})

t.test('a message that came while it rests, and turns without any, change nothing', async t => {
  let nowMs = 0
  const patience = new Patience(() => nowMs)
  patience.came()
  let looked = 0
  const look = (): boolean => {
    looked++
    return true
  }
  patience.rest(look)
  t.equal(looked, 0, 'before it has ever rested no wait was short')
  nowMs += 0.02
  patience.came()
  patience.rest(look)
  patience.rest(look)
  t.equal(looked, 2, 'a timer that fired in between does not make it impatient')
})

t.test('a link says what waits on it as soon as it is posted, before any turn of the event loop, and until it is taken', async t => {
  const { port1, port2 } = new MessageChannel()
  const state = new SharedArrayBuffer(linkStateBytes)
  const taken = new Map<number, () => void>()
  const events = {
    received: (_envelopes: Envelope[], link: Link) => void setImmediate(taken.get(link.peer) as () => void),
    pending: () => undefined,
    unsendable: (_envelope: Envelope, error: unknown) => t.fail(String(error)),
    closed: () => undefined
  }
  const one = new Link(2, { port: port1, state, side: 0 }, events)
  const other = new Link(1, { port: port2, state, side: 1 }, events)
  for (const [from, to] of [
    [one, other],
    [other, one],
    [one, other]
  ] as const) {
    const arrived = new Promise<void>(resolve => taken.set(to.peer, resolve))
    from.send({ kind: 'tell', from: 'm/a', to: 'm/b', life: 0, id: 0, type: 'x', body: 1, count: 0 })
    t.notOk(to.waiting, 'not posted yet')
    from.flush()
    t.same([to.waiting, from.waiting], [true, false])
    await arrived
    t.notOk(to.waiting)
  }
  one.close()
})
