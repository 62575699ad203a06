// secrets: a port for what must cost time, and for what nobody may guess: hashes of passwords, and tokens.
//
// A hash is ASCII text that says how it was made, with a salt of its own: the same password never gives the same hash twice. A password
// is in the request, and nowhere else.

import type { PortKind } from '../actor/index.js'

export const secretsPort: PortKind<SecretsProtocol> = { name: 'secrets' }

export interface SecretsProtocol {
  /** Refused `overloaded` while `hashesMax` are being made. */
  hash(secret: { readonly password: string }): string
  /** False, too, of a hash that is none. Refused `overloaded` as `hash`. */
  matches(secret: { readonly password: string; readonly hash: string }): boolean
  /** Letters, at least 96 bits of chance. */
  token(): string
}

/** At once. Each takes some 50 ms of a processor and 16 MiB. */
export const hashesMax = 64
export const tokenLength = 20
export const tokenLetters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ' // 5.7 bits each.
