// Store logs: looks at the log of each member at intervals, from a little before what it had been told to be committed.

import { ask, type Flow, type Ref, sleep } from '../actor/index.js'
import type { LogFact } from '../check/index.js'
import { rootMachine, type World } from '../sim/index.js'
import type { StoreMemberProtocol } from '../store/index.js'

const everyMs = 400
const timeoutMs = 300
const againEntries = 4 // Told before, and told again: parts of two logs are to overlap.

export class StoreLogs {
  readonly facts: LogFact[] = []
  readonly #world: World
  readonly #members: readonly string[]

  constructor(world: World, members: readonly string[]) {
    this.#world = world
    this.#members = members
  }

  start(): void {
    for (const [at, member] of this.#members.entries())
      this.#world.newClient(`${rootMachine}/log${at}`).run(() => this.#follow(member as Ref<StoreMemberProtocol>))
  }

  *#follow(member: Ref<StoreMemberProtocol>): Flow<void> {
    let commit = 0
    for (;;) {
      yield* sleep('real', everyMs)
      const answer = yield* ask(member, timeoutMs, 'log', { index: Math.max(1, commit - againEntries) })
      if (!answer.ok) continue
      this.facts.push({ member, atUs: this.#world.timeline.nowUs, ...answer.value })
      commit = answer.value.commit
    }
  }
}
