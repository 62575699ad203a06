// Auth answers: what a command of auth is answered with, and what a member notes of it that is not in the state: tokens.

import type { Refusal } from '../actor/index.js'
import type { CommandResult } from '../mvcc/index.js'
import type { StoreAuthAnswer, StoreToken } from '../storage/index.js'
import { refusalOf } from './answers.js'
import type { Replica } from './replica.js'
import { tokenOf } from './tokens.js'

export const standingOf = ({ mvcc: { auth, revision } }: Replica): StoreAuthAnswer => ({
  revision,
  authRevision: auth.revision,
  isEnabled: auth.isEnabled
})

/** What a command of auth is answered with, when it was applied. */
export function authAnswerOf(replica: Replica, result: CommandResult): StoreAuthAnswer | StoreToken | Refusal {
  if (result.type === 'failed') return refusalOf(result)
  if (result.type !== 'auth' || result.change.type !== 'authenticate') return standingOf(replica)
  return { token: tokenOf(result.change.token, replica.applied.index), revision: replica.mvcc.revision }
}

/** What only members keep: tokens. */
export function noteAuth({ nowMs }: { readonly nowMs: number }, { tokens, applied }: Replica, result: CommandResult): void {
  if (result.type !== 'auth') return
  const { change } = result
  if (change.type === 'authenticate') tokens.add(tokenOf(change.token, applied.index), change.user, applied.index, nowMs)
  else if (change.type === 'deleteUser' || change.type === 'changePassword') tokens.dropUser(change.name)
  else if (change.type === 'disable') tokens.clear()
}
