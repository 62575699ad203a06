// Member mover: who changes the members of a store while clients use it, and what is known of them meanwhile.
//
// It asks as an operator would, one thing after the other, and often for what the store must refuse; in some runs also to have several members
// replaced at once, again and again until that is done or its patience is over. It knows what members say of themselves; of two
// memberships the one later in the log is the newer.

import { ask, type Flow, type Ref, sleep } from '../actor/index.js'
import type { LogRecord } from '../sim/index.js'
import type { Random } from '../std/index.js'
import type { StoreMemberProtocol } from '../store/index.js'
import { between, pick } from './draw.js'
import { listOf, Removals } from './removals.js'

type Member = Ref<StoreMemberProtocol>
type Wish = 'addLearner' | 'addVoter' | 'promote' | 'remove' | 'move'

const timeoutMs = 1500
const sparesMax = 6
const replacedSparesMax = 14 // Where several are replaced at once.
const votersMax = 5
const patienceMs = 4_000 // For one replacement.
const askAgainMs = 50
const decidedTriesMax = 100

export interface MoverOptions {
  readonly founders: readonly string[]
  readonly everyMs: number
  readonly random: Random
  /** Of wishes, those to have several members replaced at once; what of them is drawn apart. */
  readonly replacing: { readonly share: number; readonly random: Random }
  /** A disk may decay: with fewer voters than three a member cannot be healed (docs/adr/0012). */
  readonly votersMin: number
  /** That member's store is to run from now on. */
  readonly start: (address: string) => void
}

export class MemberMover {
  /** Everybody that ever was a member: whom clients ask. Grows. */
  readonly known: string[]
  readonly removals = new Removals()
  /** Those that have stopped for good. */
  readonly gone = new Set<string>()
  moved = 0
  isStopping = false
  voters: readonly string[]
  learners: readonly string[] = []
  /** They vote until a joint membership is left. */
  outgoing: readonly string[] = []
  readonly #options: MoverOptions
  #index = 0
  #added = 0
  #at: string

  constructor(options: MoverOptions) {
    this.#options = options
    this.known = [...options.founders]
    this.voters = options.founders
    this.#at = options.founders[0] as string
  }

  /** What a member says of itself. */
  heard(record: LogRecord): void {
    const { address, event, fields } = record
    if (event === 'removed') this.gone.add(address)
    if (event !== 'membership changed') return
    this.removals.heard(record)
    if (Number(fields.index) <= this.#index) return
    this.#index = Number(fields.index)
    this.voters = listOf(fields.voters)
    this.learners = listOf(fields.learners)
    this.outgoing = listOf(fields.outgoing ?? '')
    if (fields.kind === 'addLearner' || fields.kind === 'addVoter') this.#begin(String(fields.member))
    if (fields.kind === 'joint') for (const member of this.members) this.#begin(member)
  }

  get isJoint(): boolean {
    return this.outgoing.length > 0
  }

  get members(): readonly string[] {
    return [...new Set([...this.voters, ...this.outgoing, ...this.learners])]
  }

  *run(): Flow<void> {
    const { random, everyMs, replacing } = this.#options
    while (!this.isStopping) {
      yield* sleep('real', -Math.log(1 - random()) * everyMs)
      if (random() < 0.3) this.#at = pick(random, this.members)
      const replaces = replacing.share > 0 && replacing.random() < replacing.share
      const done = replaces ? yield* this.#replace() : yield* this.#wish(this.#draw())
      if (!done) this.#at = pick(random, this.members)
    }
    if (replacing.share > 0) yield* this.#awaitDecided()
  }

  /** What is in the log by now, a change of members too: once an entry that changes nothing is decided behind it. */
  *#awaitDecided(): Flow<void> {
    for (let tries = 0; tries < decidedTriesMax; tries++) {
      const answer = yield* ask(this.#at as Member, timeoutMs, 'alarms', { action: 'deactivate', member: 'nobody' })
      if (answer.ok) return
      this.#at = pick(this.#options.replacing.random, this.members)
      yield* sleep('real', askAgainMs)
    }
  }

  /** False if it was not seen to be done. */
  *#replace(): Flow<boolean> {
    const { random } = this.#options.replacing
    const wish = this.#drawReplacement()
    if (wish === undefined) return true
    let isDoubtful = false
    for (let waitedMs = 0; waitedMs < patienceMs && !this.isStopping; waitedMs += askAgainMs) {
      const answer = yield* ask(this.#at as Member, timeoutMs, 'replaceMembers', wish)
      if (answer.ok && answer.value.step === 'replaced') return true
      isDoubtful ||= answer.ok ? answer.value.step === 'joint' : !answer.error.definite
      if (!answer.ok) this.#at = pick(random, this.members)
      yield* sleep('real', askAgainMs)
    }
    // What is in doubt may change who votes yet.
    if (isDoubtful) yield* sleep('real', 2 * timeoutMs)
    return false
  }

  /** Learners come first, then new ones; any of the voters go. Mostly as many as come. */
  #drawReplacement(): { add: string[]; remove: string[] } | undefined {
    const { votersMin, founders, replacing } = this.#options
    const { random } = replacing
    const fresh = Math.max(0, replacedSparesMax - this.#added)
    const size = Math.min(votersMax, Math.max(votersMin, this.voters.length + pick(random, [0, 0, 0, 1, 2, -1, -2])))
    const come = Math.min(between(random, 0, size), this.learners.length + fresh)
    const go = this.voters.length + come - size
    if (come + go === 0 || go < 0 || go > this.voters.length || size === 0) return undefined
    const remove = [...this.voters]
    while (remove.length > go) remove.splice(Math.floor(random() * remove.length), 1)
    const add = this.learners.slice(0, come)
    while (add.length < come) add.push(`control-${founders.length + this.#added++}/store`)
    return { add, remove }
  }

  #begin(address: string): void {
    if (this.known.includes(address)) return
    this.known.push(address)
    this.#options.start(address)
  }

  #draw(): Wish {
    const { random, votersMin } = this.#options
    const may: Wish[] = ['move']
    if (this.#added < sparesMax) may.push('addLearner', 'addLearner')
    if (this.#added < sparesMax && this.voters.length < votersMax) may.push('addVoter')
    if (this.learners.length > 0 && this.voters.length < votersMax) may.push('promote', 'promote', 'promote')
    if (this.voters.length > votersMin || this.learners.length > 0) may.push('remove')
    return pick(random, may)
  }

  *#wish(wish: Wish): Flow<boolean> {
    const to = this.#at as Member
    const { random, votersMin, founders } = this.#options
    switch (wish) {
      case 'addLearner':
      case 'addVoter': {
        const address = `control-${founders.length + this.#added}/store`
        const answer = yield* ask(to, timeoutMs, 'addMember', { address, isLearner: wish === 'addLearner' })
        if (answer.ok) this.#begin(address)
        // An address that may have been taken is asked for no more.
        if (answer.ok || !answer.error.definite || this.known.includes(address)) this.#added++
        return answer.ok
      }
      case 'promote': {
        const answer = yield* ask(to, timeoutMs, 'promoteMember', { address: pick(random, this.learners) })
        return answer.ok
      }
      case 'remove': {
        const may = this.voters.length > votersMin ? this.members : this.learners
        const answer = yield* ask(to, timeoutMs, 'removeMember', { address: pick(random, may) })
        // What is in doubt may shrink the store yet: nothing more is removed before that is seen.
        if (!answer.ok && !answer.error.definite) yield* sleep('real', 2 * timeoutMs)
        return answer.ok
      }
      case 'move': {
        const answer = yield* ask(to, timeoutMs, 'transferLeadership', { to: pick(random, this.members) })
        if (answer.ok) this.moved++
        return answer.ok
      }
    }
  }
}
