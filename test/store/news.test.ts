// News: what is held back, for how long, and what makes it needless.

import t from 'tap'
import type { Message } from '../../lib/raft/index.js'
import { holdNews, newsDelayMs, noNews, takeNews } from '../../lib/store/news.js'

const news = (to: string, commit: number): Message => ({ type: 'heartbeat', from: 'a', to, term: 1, commit, round: 0 }) as Message
const heartbeat = (to: string): Message => ({ ...news(to, 9), round: 7 }) as Message
const append = (to: string): Message => ({ type: 'append', from: 'a', to, term: 1 }) as Message

/** A leader's news, and the timer it set: when it fires, if it is set. */
function leader() {
  const replica = { news: noNews() } as never
  const timers: number[] = []
  const ctx = { nowMs: 100, timer: (_name: string, _clock: string, delayMs: number) => timers.push(ctx.nowMs + delayMs) }
  return {
    timers,
    tell: (message: Message, atMs = ctx.nowMs) => {
      ctx.nowMs = atMs
      return holdNews(ctx as never, replica, message)
    },
    /** What leaves when the timer fires that was set last. */
    fire: () => {
      ctx.nowMs = timers.at(-1) as number
      return takeNews(ctx as never, replica).map(({ to, commit }: any) => `${to} ${commit}`)
    }
  }
}

t.test('what nothing follows leaves when the timer fires, and the timer rests', async t => {
  const { timers, tell, fire } = leader()
  t.ok(tell(news('b', 1)))
  t.ok(tell(news('c', 1)))
  t.same(timers, [100 + newsDelayMs])
  t.same(fire(), ['b 1', 'c 1'])
  t.equal(timers.length, 1)
  t.ok(tell(news('b', 2)))
  t.same(timers.slice(1), [100 + 2 * newsDelayMs], 'it is set again')
})

t.test('each waits for its time', async t => {
  const { timers, tell, fire } = leader()
  tell(news('b', 1), 100)
  tell(news('c', 1), 102)
  t.same(fire(), ['b 1'])
  t.same(timers, [100 + newsDelayMs, 102 + newsDelayMs])
  t.same(fire(), ['c 1'])
})

t.test('a later one takes the place of the one before, and does not wait anew', async t => {
  const { tell, fire } = leader()
  tell(news('b', 1), 100)
  tell(news('b', 2), 102)
  t.same(fire(), ['b 2'])
})

t.test('an append or a heartbeat says it, to whom it goes, and is not held', async t => {
  for (const said of [append('b'), heartbeat('b')]) {
    const { timers, tell, fire } = leader()
    tell(news('b', 1), 100)
    tell(news('c', 1), 100)
    t.notOk(tell(said, 101))
    tell(news('b', 2), 102)
    t.equal(timers.length, 1, 'the timer goes on')
    t.same(fire(), ['c 1'])
    t.notOk(tell(said, 104))
    t.same(fire(), [], 'nor what waited')
    t.equal(timers.length, 2, 'and then the timer rests')
  }
})
