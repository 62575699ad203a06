// News: what is held back, for how long, and what makes it needless.

import t from 'tap'
import type { Message } from '../../lib/raft/index.js'
import { holdNews, newsDelayMs, noNews, takeNews } from '../../lib/store/news.js'

const news = (to: string, commit: number): Message => ({ type: 'heartbeat', from: 'a', to, term: 1, commit, round: 0 }) as Message
const heartbeat = (to: string): Message => ({ ...news(to, 9), round: 7 }) as Message
const append = (to: string): Message => ({ type: 'append', from: 'a', to, term: 1 }) as Message

/** A leader's news, and the timers it set. */
function leader() {
  const replica = { news: noNews() } as never
  const timers: number[] = []
  const ctx = { timer: (_name: string, _clock: string, delayMs: number) => timers.push(delayMs) } as never
  return {
    timers,
    tell: (message: Message) => holdNews(ctx, replica, message),
    fire: () => takeNews(ctx, replica).map(({ to, commit }: any) => `${to} ${commit}`)
  }
}

t.test('what nothing follows leaves when the timer fires again, and the timer rests', async t => {
  const { timers, tell, fire } = leader()
  t.ok(tell(news('b', 1)))
  t.ok(tell(news('c', 1)))
  t.same(timers, [newsDelayMs])
  t.same(fire(), [])
  t.same(timers, [newsDelayMs, newsDelayMs])
  t.same(fire(), ['b 1', 'c 1'])
  t.equal(timers.length, 2)
})

t.test('a later one takes the place of the one before', async t => {
  const { tell, fire } = leader()
  tell(news('b', 1))
  t.same(fire(), [])
  tell(news('b', 2))
  t.same([...fire(), ...fire()], ['b 2'])
})

t.test('an append or a heartbeat says it, to whom it goes, and is not held', async t => {
  for (const said of [append('b'), heartbeat('b')]) {
    const { tell, fire } = leader()
    tell(news('b', 1))
    tell(news('c', 1))
    t.notOk(tell(said))
    t.same([...fire(), ...fire()], ['c 1'])
    tell(news('b', 2))
    t.same(fire(), [])
    t.notOk(tell(said))
    t.same(fire(), [], 'nor what has waited once')
  }
})
