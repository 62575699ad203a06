// The secrets port, real and simulated: the same promises of both.

import t from 'tap'
import { type Actor, ask, type Flow, type Outcome, type Ref } from '../../lib/actor/index.js'
import { secrets } from '../../lib/host/ports/secrets.js'
import { hashesMax, type SecretsProtocol, secretsPort } from '../../lib/ports/index.js'
import { World } from '../../lib/sim/index.js'
import { PortHarness } from './port-harness.js'

type Ask = <T>(type: keyof SecretsProtocol, body?: object) => Promise<Outcome<T>>

interface Owner {
  pass(what: { readonly type: keyof SecretsProtocol; readonly body?: object }): Outcome<unknown>
}
const owner: Actor<Owner, undefined, null> = {
  name: 'owner',
  ports: [secretsPort],
  init: () => null,
  on: {
    *pass(ctx, _state, { type, body }): Flow<Outcome<unknown>> {
      return yield* ask(ctx.port(secretsPort), 10_000, type as 'hash', body as never)
    }
  }
}

function simulated(seed: number): Ask {
  const world = new World({ seed })
  const address = 'control-0/owner' as string as Ref<Owner>
  world.start(address, owner, undefined)
  return async <T>(type: keyof SecretsProtocol, body?: object) => {
    const answer = world.client.call(address, 20_000, 'pass', { type, ...(body === undefined ? {} : { body }) })
    if (!answer.ok) throw new Error(answer.error.detail)
    return answer.value as Outcome<T>
  }
}

const harness = await PortHarness.start('secrets', async () => secrets, {})
t.teardown(() => harness.kill())
const real: Ask = (type, body) => harness.ask(type, body)

for (const [name, askPort] of [
  ['real', real],
  ['simulated', simulated(1)]
] as const) {
  t.test(`${name}: a hash knows its password and no other, is never the same twice, and says nothing of it`, async t => {
    const make = async <T>(type: keyof SecretsProtocol, body?: object): Promise<T> => {
      const outcome = await askPort<T>(type, body)
      if (!outcome.ok) throw new Error(outcome.error.detail)
      return outcome.value
    }
    for (const password of ['', 'pw', 'ü\u{1f600}', 'x'.repeat(1_000)]) {
      const [one, two] = [await make<string>('hash', { password }), await make<string>('hash', { password })]
      t.not(one, two)
      t.match(one, /^[\x21-\x7e]+$/)
      if (password !== '') t.notOk(one.includes(password))
      t.equal(await make('matches', { password, hash: one }), true)
      t.equal(await make('matches', { password: `${password}.`, hash: one }), false)
    }
    for (const hash of ['', 'x', '$2a$10$abcdefghijklmnopqrstuv', 'scrypt$16384$8$1$AAAA$', 'scrypt$999999$99$9$AAAA$AAAA'])
      t.equal(await make('matches', { password: '', hash }), false, hash)
    const tokens = await Promise.all(Array.from({ length: 100 }, () => make<string>('token')))
    t.equal(new Set(tokens).size, 100)
    for (const token of tokens.slice(0, 5)) t.match(token, /^[a-zA-Z]{20}$/)
  })
}

t.test('real: so many hashes at once, and no more', async t => {
  const outcomes = await Promise.all(Array.from({ length: hashesMax + 3 }, () => real<string>('hash', { password: 'pw' })))
  t.equal(outcomes.filter(({ ok }) => ok).length, hashesMax)
  for (const outcome of outcomes.slice(hashesMax)) t.match(outcome, { ok: false, error: { code: 'overloaded', definite: true } })
  t.match(await real('hash', { password: 'pw' }), { ok: true }, 'and again, when they are made')
})

t.test('simulated: chance is the seed’s', async t => {
  const tokenOf = async (seed: number): Promise<unknown> => await simulated(seed)('token')
  t.same(await tokenOf(3), await tokenOf(3))
  t.notSame(await tokenOf(3), await tokenOf(4))
})
