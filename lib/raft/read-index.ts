// ReadIndex (Raft thesis §6.4): a read is linearizable once the state machine has applied the commit index of the moment the read
// arrived, if the leader was still the leader after that moment. The proof is a heartbeat round answered by a majority; all reads
// that arrived since the last round share the next one, and an answer to a later round answers the earlier ones. A follower that asks is
// heard by that: of three members it and the leader are a majority, and there is no round (leader.ts).
//
// LeaderReads keeps the rounds of a leader, ForwardedReads the batches a follower sent to it. Neither knows time or members.

export interface ReadRequest {
  readonly from: string
  readonly token: number // The owner's context if `from` is this member, else that member's batch.
}

interface Round {
  readonly round: number
  readonly index: number
  readonly sentMs: number
  readonly requests: readonly ReadRequest[]
}

const firstRound = 1 // With no reads in it: what the heartbeats of a leader without reads ask about.

export class LeaderReads {
  #waiting: ReadRequest[] = []
  #rounds: Round[] = []
  #round = firstRound
  #count = 0

  /** The last round started: what every heartbeat asks about. */
  get round(): number {
    return this.#round
  }

  get count(): number {
    return this.#count
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request)
    this.#count++
  }

  /** Starts a round for all that wait. `index` is the commit index now. */
  start(index: number, sentMs: number): void {
    this.#round++
    this.#rounds.push({ round: this.#round, index, sentMs, requests: this.#waiting })
    this.#waiting = []
  }

  /** All that wait, to be answered without a round. */
  take(): readonly ReadRequest[] {
    const taken = this.#waiting
    this.#waiting = []
    this.#count -= taken.length
    return taken
  }

  /** The rounds a majority has answered, oldest first. */
  confirm(round: number): readonly Round[] {
    let done = 0
    while (done < this.#rounds.length && (this.#rounds[done] as Round).round <= round)
      this.#count -= (this.#rounds[done++] as Round).requests.length
    return done === 0 ? [] : this.#rounds.splice(0, done)
  }

  /** Forgets everything and returns what was asked. */
  drop(): readonly ReadRequest[] {
    const dropped = this.#rounds.flatMap(round => round.requests).concat(this.#waiting)
    this.#waiting = []
    this.#rounds = []
    this.#round = firstRound
    this.#count = 0
    return dropped
  }
}

interface Batch {
  readonly contexts: readonly number[]
  readonly deadline: number
}

const batchSpan = 2 ** 48

export class ForwardedReads {
  #waiting: number[] = []
  readonly #sent = new Map<number, Batch>() // In order of deadline.
  #batch: number
  #count = 0

  /** Batches start at a place drawn at random: an answer to a former life must not answer this one. */
  constructor(random: number) {
    this.#batch = Math.floor(random * batchSpan)
  }

  get count(): number {
    return this.#count
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  add(context: number): void {
    this.#waiting.push(context)
    this.#count++
  }

  send(deadline: number): number {
    const batch = ++this.#batch
    this.#sent.set(batch, { contexts: this.#waiting, deadline })
    this.#waiting = []
    return batch
  }

  answer(batch: number): readonly number[] {
    const found = this.#sent.get(batch)
    if (found === undefined) return []
    this.#sent.delete(batch)
    this.#count -= found.contexts.length
    return found.contexts
  }

  expire(now: number): readonly number[] {
    const expired: number[] = []
    for (const [batch, { deadline }] of this.#sent) {
      if (deadline > now) break
      expired.push(...this.answer(batch))
    }
    return expired
  }

  drop(): readonly number[] {
    const dropped = [...this.#sent.values()].flatMap(batch => batch.contexts).concat(this.#waiting)
    this.#sent.clear()
    this.#waiting = []
    this.#count = 0
    return dropped
  }
}
