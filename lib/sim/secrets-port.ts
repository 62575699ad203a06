// Secrets port: the simulated implementation of lib/ports/secrets.ts. Its chance is the seed's, and its hashes are cheap: they take time, but
// no processor, and say nothing of how hard a password is to guess.

import { type Actor, type Flow, sleep } from '../actor/index.js'
import { type SecretsProtocol, tokenLength, tokenLetters } from '../ports/index.js'
import { Sha256 } from '../std/index.js'

const hashMs = 5

export function secretsPortOf(): Actor<SecretsProtocol, void, null> {
  return {
    name: 'secrets',
    init: () => null,
    on: {
      *hash(ctx, _state, { password }): Flow<string> {
        const salt = Math.floor(ctx.random() * 2 ** 32).toString(36)
        yield* sleep('real', hashMs)
        return hashOf(salt, password)
      },
      *matches(_ctx, _state, { password, hash }): Flow<boolean> {
        yield* sleep('real', hashMs)
        const [, salt = ''] = hash.split('$')
        return hash === hashOf(salt, password)
      },
      token: ctx => Array.from({ length: tokenLength }, () => tokenLetters.charAt(Math.floor(ctx.random() * tokenLetters.length))).join('')
    }
  }
}

function hashOf(salt: string, password: string): string {
  const hash = new Sha256()
  hash.add(new TextEncoder().encode(`${salt} ${password}`))
  return `sha256$${salt}$${[...hash.digest()].map(byte => byte.toString(16).padStart(2, '0')).join('')}`
}
