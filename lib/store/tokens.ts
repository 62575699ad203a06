// Tokens: by which this member knows who asks: etcd's simple tokens (server/auth/simple_token.go). Every member that applies a login
// keeps its token, for as long as it is used here, by its own monotonic clock.
//
// Not here: anything that outlives this life. A member that starts again knows none of the tokens from before, even if their logins are
// in its log: it cannot tell how long ago they were. Those that it missed while it was away count from when it applies them, as in etcd.

/** As etcd's --auth-token-ttl. */
const ttlMs = 300_000
/** A use is noted only this long after the last. */
const noteEveryMs = 1_000
/** etcd has no bound. Over it the one that was used longest ago goes. */
const tokensMax = 100_000

interface Known {
  readonly user: string
  readonly untilMs: number
}

export class Tokens {
  /** Logins of entries up to here are of an earlier life. */
  readonly #since: number
  readonly #known = new Map<string, Known>() // In the order of their last noted use.

  constructor(sinceIndex: number) {
    this.#since = sinceIndex
  }

  get size(): number {
    return this.#known.size
  }

  /** A login was applied here, with the entry at that index. */
  add(token: string, user: string, index: number, nowMs: number): void {
    if (index <= this.#since) return
    for (const [oldest, { untilMs }] of this.#known) {
      if (untilMs > nowMs && this.#known.size < tokensMax) break
      this.#known.delete(oldest)
    }
    this.#known.set(token, { user, untilMs: nowMs + ttlMs })
  }

  /** Whose it is, which counts as a use. Undefined: it is not known, or not any more. */
  userOf(token: string, nowMs: number): string | undefined {
    const known = this.#known.get(token)
    if (known === undefined) return undefined
    const { user, untilMs } = known
    if (untilMs - ttlMs + noteEveryMs > nowMs) return user
    this.#known.delete(token)
    if (untilMs <= nowMs) return undefined
    this.#known.set(token, { user, untilMs: nowMs + ttlMs })
    return user
  }

  dropUser(user: string): void {
    for (const [token, known] of this.#known) if (known.user === user) this.#known.delete(token)
  }

  clear(): void {
    this.#known.clear()
  }
}

/** A login's token names the entry that it was applied with, so that a member which is behind can tell that it is. */
export const tokenOf = (chance: string, index: number): string => `${chance}.${index}`

/** 0: it is no token. */
export function indexOfToken(token: string): number {
  const index = /^[^.]+\.(\d{1,15})$/.exec(token)?.[1]
  return index === undefined ? 0 : Number(index)
}
