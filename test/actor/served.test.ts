import t from 'tap'
import { type AnyActor, ask as askOf, type Envelope, type Flow, Refusal, sleep } from '../../lib/actor/index.js'
import { Mailbox } from '../../lib/actor/mailbox.js'
import { type RequestName, Served } from '../../lib/actor/served.js'
import { integerBelow, seededRandom } from '../../lib/std/index.js'
import { TestHost } from '../server/fixture-host.js'

const ask = (from: string, life: number, id: number): Envelope => ({
  kind: 'ask',
  from,
  to: 'm/a',
  life,
  id,
  type: 'x',
  body: undefined,
  count: 0
})
const nameOf = ({ from, life, id }: RequestName): string => `${id} ${life} ${from}`

/** Requests of several lives, of which some have the same number in the table of Served. */
function colliding(): Envelope[] {
  const spread = (life: number): number => Math.imul(life, 0x9e3779b1)
  const all: Envelope[] = []
  for (let life = 1; all.length < 40; life++) {
    for (const other of [life + 1, life + 2]) {
      const id = (spread(life) ^ spread(other) ^ 7) | 0
      if (id > 0) all.push(ask('m/b', life, 7), ask('m/c', other, id))
    }
    all.push(ask('m/b', life, 8))
  }
  return all
}

t.test('requests are told apart, whatever place they share: against a table by name', async t => {
  const requests = colliding()
  const random = seededRandom(5)
  const served = new Served()
  const known = new Map<string, Envelope>()
  const wrong: string[] = []
  let shared = 0
  for (let step = 0; step < 5_000; step++) {
    const request = requests[integerBelow(random, requests.length)] as Envelope
    const name = nameOf(request)
    if (random() < 0.5) {
      if (served.take(request)?.request !== known.get(name)) wrong.push(`step ${step}: took ${name}`)
      known.delete(name)
    } else if (!served.has(request)) {
      if (served.add(request).next !== undefined) shared++
      known.set(name, request)
    }
    if (served.size !== known.size || served.get(request)?.request !== known.get(name)) wrong.push(`step ${step}: ${name}`)
  }
  t.same(wrong, [])
  t.ok(shared > 100, `${shared} shared a place`)
  t.same(
    served
      .all()
      .map(({ request }) => nameOf(request))
      .sort(),
    [...known.keys()].sort()
  )
})

t.test('a mailbox keeps the order through every growing and emptying, and counts what is in it', async t => {
  const random = seededRandom(6)
  const mailbox = new Mailbox(3_000)
  const expected: Envelope[] = []
  let id = 0
  let fullest = 0
  for (let round = 0; round < 400; round++) {
    for (let add = integerBelow(random, round % 40 === 0 ? 4_000 : 30); add > 0 && !mailbox.full; add--) {
      const envelope = { ...ask('m/b', 1, ++id), kind: 'tell' as const }
      mailbox.push(envelope, 0)
      expected.push(envelope)
    }
    fullest = Math.max(fullest, mailbox.size)
    for (let take = integerBelow(random, round % 41 === 0 ? 4_000 : 40); take > 0; take--)
      if (mailbox.shift(0, () => t.fail('nothing expires')) !== expected.shift()) {
        t.fail(`out of order in round ${round}`)
        return
      }
    if (mailbox.size !== expected.length) {
      t.fail(`${mailbox.size} of ${expected.length} in round ${round}`)
      return
    }
  }
  t.ok(fullest > 2_000, `${fullest} at once`)
  t.same(mailbox.drain(), expected)
  t.equal(mailbox.size, 0)
})

t.test('a refusal is one, though it was made by another copy of this code: each bundle of a thread brings its own', async t => {
  const copy = new URL('../../lib/actor/contract.js?another', import.meta.url).href
  const { Refusal: Other }: { Refusal: typeof Refusal } = await import(copy)
  t.not(Other, Refusal)
  const refuser = {
    name: 'refuser',
    init: () => null,
    on: {
      plain: () => new Other('no', 'as it is'),
      *flow() {
        yield* sleep('real', 1)
        return new Other('no', 'of a flow', false)
      }
    }
  } as unknown as AnyActor
  const host = new TestHost()
  host.start('m/refuser', refuser)
  const told = new Promise<unknown[]>(resolve => {
    const asker = {
      name: 'asker',
      init: (ctx: any) => void ctx.run(asking(resolve)),
      on: {}
    } as unknown as AnyActor
    host.start('m/asker', asker)
  })
  t.same(await told, [
    { ok: false, error: { code: 'no', detail: 'as it is', definite: true } },
    { ok: false, error: { code: 'no', detail: 'of a flow', definite: false } }
  ])
  for (const other of [null, undefined, 'no', {}, { code: 'no', detail: '', definite: true }, new Uint8Array(1)])
    t.notOk(other instanceof Refusal, String(other))
  host.close()
})

function* asking(done: (outcomes: unknown[]) => void): Flow<void> {
  const to = 'm/refuser' as never
  const outcomes: unknown[] = []
  for (const type of ['plain', 'flow']) outcomes.push(yield* askOf(to, 60_000, type as never))
  done(outcomes)
}
