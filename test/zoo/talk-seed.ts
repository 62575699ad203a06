// Talk seed: actors that ask each other, answer late, die and are started again. What they promise each other (docs/actor-model.md)
// is checked by themselves: every question is like no other, and an answer says which it answers.

import { type Actor, ask, type Context, type Flow, type Ref, sleep } from '../../lib/actor/index.js'
import { Nemesis, type Trouble, World } from '../../lib/sim/index.js'
import type { Finding } from './habitats.js'

export interface TalkPlan {
  readonly forMs: number
  readonly troubleEveryMs: number
  readonly troubleLastsMsMax: number
  readonly troubles: readonly Trouble[]
}

interface TalkProtocol {
  question(question: string): string
}

const answersTheQuestion = 'an answer is to the question that this life asked'
const askers = ['asker-0/talker', 'asker-1/talker']
const answerer = 'answerer-0/talker' as Ref<TalkProtocol>
const answersWithinMs = 100
const askTimeoutMs = 300
const restartMs = 10

const talker: Actor<TalkProtocol, boolean, void> = {
  name: 'talker',
  init(ctx, asks) {
    if (asks) ctx.run(asking(ctx))
  },
  on: {
    *question(ctx, _state, question): Flow<string> {
      yield* sleep('real', ctx.random() * answersWithinMs)
      return question
    }
  }
}

function* asking(ctx: Context<TalkProtocol>): Flow<void> {
  for (let count = 1; ; count++) {
    const question = `${ctx.self} ${ctx.life} ${count}`
    const answer = yield* ask(answerer, askTimeoutMs, 'question', question)
    if (answer.ok && answer.value !== question) ctx.log('wrong answer', { question, answer: answer.value })
  }
}

export function runSeed(seed: number, plan: TalkPlan): Finding {
  const world = new World({ seed })
  const violations: { guarantee: string; excerpt: string }[] = []
  world.onLog(({ atUs, address, event, fields }) => {
    if (event === 'wrong answer')
      violations.push({ guarantee: answersTheQuestion, excerpt: `${address} at ${atUs} us: ${JSON.stringify(fields)}` })
  })
  world.start(answerer, talker, false)
  for (const asker of askers) world.start(asker, talker, true)
  const supervise = (): void => {
    world.restart(() => true)
    world.at(world.nowMs + restartMs, supervise)
  }
  supervise()
  const { troubles, troubleEveryMs: everyMs, troubleLastsMsMax: lastsMsMax } = plan
  new Nemesis(world, { seed, troubles, kindsMin: troubles.length, everyMs, lastsMsMax }).run(plan.forMs, 0)
  return { violations }
}
