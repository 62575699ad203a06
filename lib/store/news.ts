// News: what a leader tells followers only so that they learn what is committed (a heartbeat that asks for no answer).
//
// It waits a moment for the next append, which says the same: under load that is always there first, and each write wakes
// the followers once instead of twice. Nothing rests on it: a follower that never hears it hears the next heartbeat that is due.

import type { Context } from '../actor/index.js'
import type { Message } from '../raft/index.js'
import type { Replica } from './replica.js'

/** A follower's watchers and serializable reads see a write this much later, at most twice this, when nothing follows it. */
export const newsDelayMs = 2

export interface News {
  /** By peer. */
  fresh: Map<string, Message>
  /** Were fresh when the timer fired last. */
  old: Map<string, Message>
  isTimed: boolean
}

export const noNews = (): News => ({ fresh: new Map(), old: new Map(), isTimed: false })

const isNews = (message: Message): boolean => message.type === 'heartbeat' && message.round === 0

/** True: the message is kept back, and the timer `news` will bring it. */
export function holdNews(ctx: Context<any, any>, { news }: Replica, message: Message): boolean {
  const held = isNews(message)
  if (held) {
    news.fresh.set(message.to, message)
    if (!news.isTimed) ctx.timer('news', 'real', newsDelayMs)
    news.isTimed = true
  }
  // Any later one of these says it too. The timer goes on: under load, taking it back and setting it again costs a turn's time.
  if (held || message.type === 'append' || message.type === 'heartbeat') {
    if (news.old.size > 0) news.old.delete(message.to)
    if (!held) news.fresh.delete(message.to)
  }
  return held
}

/** When the timer fired: what has waited for long enough. */
export function takeNews(ctx: Context<any, any>, { news }: Replica): readonly Message[] {
  const due = [...news.old.values()]
  const { old, fresh } = news
  old.clear()
  news.old = fresh
  news.fresh = old
  news.isTimed = news.old.size > 0
  if (news.isTimed) ctx.timer('news', 'real', newsDelayMs)
  return due
}
