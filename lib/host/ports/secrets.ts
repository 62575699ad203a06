// secrets: the real secrets port: scrypt, in threads of libuv's, and the system's own chance.

import { randomBytes, randomInt, scrypt, timingSafeEqual } from 'node:crypto'
import { type Actor, type AnyActor, type Later, type PortFactory, type Refusal, refuse } from '../../actor/index.js'
import { hashesMax, type SecretsProtocol, tokenLength, tokenLetters } from '../../ports/index.js'

interface SecretsEvents {
  made(event: { readonly later: Later<unknown>; readonly outcome: string | boolean | Refusal }): void
}

interface State {
  making: number
}

/** As node's defaults, named: 16 MiB and some 50 ms. What a hash says of itself decides how it is compared. */
const cost = { N: 16_384, r: 8, p: 1 }
const costMax = { N: 1 << 17, r: 16, p: 4 }
const memoryBytesMax = 512 << 20 // 128 * N * r at the most, and a little.
const saltBytes = 16
const keyBytes = 32
const form = /^scrypt\$(\d{1,6})\$(\d{1,2})\$(\d)\$([\w+/=]{1,64})\$([\w+/=]{1,128})$/

type Done = (outcome: string | boolean | Refusal) => void

export const secrets = (): PortFactory => (_owner, post) => {
  const port: Actor<SecretsProtocol & SecretsEvents, undefined, State> = {
    name: 'secrets',
    guarded: true,
    init: () => ({ making: 0 }),
    on: {
      hash: (ctx, state, { password }) => make(ctx.defer(), state, done => hash(password, done)),
      matches: (ctx, state, secret) => make(ctx.defer(), state, done => compare(secret, done)),
      token: () => Array.from({ length: tokenLength }, () => tokenLetters.charAt(randomInt(tokenLetters.length))).join(''),
      made(ctx, state, { later, outcome }) {
        state.making--
        ctx.answer(later, outcome)
      }
    }
  }

  function make<V>(later: Later<V>, state: State, begin: (done: Done) => void): Later<V> {
    state.making++
    const done: Done = outcome => post('made', { later, outcome })
    if (state.making > hashesMax) done(refuse('overloaded', `${hashesMax} hashes are being made`))
    else begin(done)
    return later
  }

  return port as AnyActor
}

function hash(password: string, done: Done): void {
  const salt = randomBytes(saltBytes)
  scrypt(password, salt, keyBytes, { ...cost, maxmem: memoryBytesMax }, (error, key) => {
    const { N, r, p } = cost
    done(error === null ? `scrypt$${N}$${r}$${p}$${salt.toString('base64')}$${key.toString('base64')}` : refuse('invalid', error.message))
  })
}

function compare({ password, hash: known }: { readonly password: string; readonly hash: string }, done: Done): void {
  const [, N, r, p, salt = '', key = ''] = form.exec(known) ?? []
  const how = { N: Number(N), r: Number(r), p: Number(p) }
  // A snapshot of somebody else's may say anything.
  if (!(how.N <= costMax.N && how.r <= costMax.r && how.p <= costMax.p)) return done(false)
  const expected = Buffer.from(key, 'base64')
  scrypt(password, Buffer.from(salt, 'base64'), expected.length, { ...how, maxmem: memoryBytesMax }, (error, found) => {
    done(error === null && found.length > 0 && timingSafeEqual(found, expected))
  })
}
