// Auth log: what administrators and users of a store asked in whose name, and what came of it; and what people tell each other: passwords.

import type { Flow, Outcome, Ref } from '../actor/index.js'
import { type AuthHistory, type AuthNeed, type AuthOperation, comparesOf, opsOf } from '../check/index.js'
import type { World } from '../sim/index.js'
import type { StoreAuthProtocol, StoreProtocol, StoreTxn } from '../storage/index.js'
import { keyEnd, keyPrefix } from './store-client.js'

export type AuthMember = Ref<StoreProtocol & StoreAuthProtocol>

export const rootUser = 'root'
/** Keys are of few prefixes, so that those who ask and those who take rights away meet. */
export const prefixes = ['a', 'b', 'c', 'd'].map(letter => `${keyPrefix}${letter}`)
export const keysOfPrefix = 3

/** The keys of a prefix, or of all. */
export const rangeOfPrefix = (prefix: string | undefined): { readonly key: string; readonly end: string } =>
  prefix === undefined ? { key: keyPrefix, end: keyEnd } : { key: `${prefix}/`, end: `${prefix}0` }

export class AuthLog {
  readonly operations: AuthOperation[] = []
  readonly #passwords = new Map<string, string[]>()
  readonly #world: World
  #last = 0

  constructor(world: World) {
    this.#world = world
  }

  get history(): AuthHistory {
    return { kind: 'auth', operations: this.operations }
  }
  get nowUs(): number {
    return this.#world.timeline.nowUs
  }

  next(): number {
    return ++this.#last
  }

  /** Somebody asks for it; whether it became so may be in doubt. */
  noteNewPassword(user: string): string {
    const password = `p${this.next()}`
    this.#passwords.set(user, [...(this.#passwords.get(user) ?? []), password])
    return password
  }

  /** It was refused. */
  takeBackPassword(user: string, password: string): void {
    this.#passwords.set(
      user,
      this.passwordsOf(user)
        .filter(one => one !== password)
        .reverse()
    )
  }

  /** The newest first. */
  passwordsOf(user: string): readonly string[] {
    return [...(this.#passwords.get(user) ?? [''])].reverse()
  }

  *record<V>(operation: AuthOperation, perform: () => Flow<Outcome<V>>, told: (value: V) => unknown): Flow<Outcome<V>> {
    this.operations.push(operation)
    const outcome = yield* perform()
    const own = operation as { outcome: Outcome<unknown> | undefined; returnedUs: number }
    own.outcome = outcome.ok ? { ok: true, value: told(outcome.value) } : outcome
    if (outcome.ok || outcome.error.definite) own.returnedUs = this.nowUs
    return outcome
  }
}

/** Of all its compares, and of both branches. */
export function needsOf(txn: StoreTxn): AuthNeed[] {
  const keys = ({ key, end }: { readonly key: string; readonly end?: string | undefined }): Omit<AuthNeed, 'access'> =>
    end === undefined ? { key } : { key, end }
  return [
    ...comparesOf(txn).map((compare): AuthNeed => ({ access: 'read', ...keys(compare) })),
    ...opsOf(txn).flatMap((op): AuthNeed[] => [
      ...(op.type === 'range' ? [] : [{ access: 'write' as const, ...keys(op.type === 'put' ? { key: op.key } : op) }]),
      ...(op.type === 'range' || op.prevKv === true ? [{ access: 'read' as const, ...keys(op.type === 'put' ? { key: op.key } : op) }] : [])
    ])
  ]
}
