// News: what a leader tells followers only so that they learn what is committed (a heartbeat that asks for no answer).
//
// It waits a moment for the next append, which says the same: under load that is always there first, and each write wakes
// the followers once instead of twice. Nothing rests on it: a follower that never hears it hears the next heartbeat that is due.

import type { Context } from '../actor/index.js'
import type { Message } from '../raft/index.js'
import type { Replica } from './replica.js'

/** A follower's watchers and serializable reads see a write this much later, when nothing follows it. */
export const newsDelayMs = 3
const slackMs = 0.5 // Not worth another wake.

export interface News {
  /** By peer: what it was to be told last, and since when it was to be told anything. */
  readonly held: Map<string, { readonly message: Message; readonly sinceMs: number }>
  isTimed: boolean
}

export const noNews = (): News => ({ held: new Map(), isTimed: false })

const isNews = (message: Message): boolean => message.type === 'heartbeat' && message.round === 0

/** True: the message is kept back, and the timer `news` will bring it. */
export function holdNews(ctx: Context<any, any>, { news }: Replica, message: Message): boolean {
  const { held } = news
  if (!isNews(message)) {
    // Any of these says it too. The timer goes on: under load, taking it back and setting it again costs a turn's time.
    if (held.size > 0 && (message.type === 'append' || message.type === 'heartbeat')) held.delete(message.to)
    return false
  }
  held.set(message.to, { message, sinceMs: held.get(message.to)?.sinceMs ?? ctx.nowMs })
  if (!news.isTimed) ctx.timer('news', 'real', newsDelayMs)
  news.isTimed = true
  return true
}

/** When the timer fired: what has waited for long enough. For the rest it is set again. */
export function takeNews(ctx: Context<any, any>, { news }: Replica): readonly Message[] {
  const due: Message[] = []
  let firstMs = Number.POSITIVE_INFINITY
  for (const [to, { message, sinceMs }] of news.held) {
    const leftMs = sinceMs + newsDelayMs - ctx.nowMs
    if (leftMs > slackMs) firstMs = Math.min(firstMs, leftMs)
    else {
      news.held.delete(to)
      due.push(message)
    }
  }
  news.isTimed = news.held.size > 0
  if (news.isTimed) ctx.timer('news', 'real', firstMs)
  return due
}
