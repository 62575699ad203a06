// Removal: what a member leaves behind on its disk that was removed: that it was, so that its next life does not begin even if nobody is
// left who would tell it; and whom it knew as members then, so that a cluster of which all founders are gone finds those that came after.

import { ask, type Context, type Flow } from '../actor/index.js'
import { disk } from '../ports/index.js'
import type { StoreMemberProtocol } from './protocol.js'

type MemberContext = Context<StoreMemberProtocol, any>

export const removedReason = 'it was removed from the store, and its address is not used again: delete its directory'

const noteName = 'removed'
const noteTimeoutMs = 5_000

export const isRemovalNote = ({ name }: { readonly name: string }): boolean => name === noteName

/** Gives the members it knew; `members` is undefined in a life that only has the note. */
export function* noteRemoval(ctx: MemberContext, members: readonly string[] | undefined): Flow<readonly string[]> {
  if (members !== undefined) {
    const bytes = new TextEncoder().encode(JSON.stringify(members))
    const noted = yield* ask(ctx.port(disk), noteTimeoutMs, 'writeFile', { name: noteName, bytes })
    if (!noted.ok) ctx.log('removal not noted', { ...noted.error })
    return members
  }
  const note = yield* ask(ctx.port(disk), noteTimeoutMs, 'readFile', { name: noteName })
  return note.ok && note.value !== null ? membersOf(note.value) : []
}

/** None if it has decayed. */
function membersOf(bytes: Uint8Array): readonly string[] {
  try {
    const members: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return Array.isArray(members) ? members.filter(member => typeof member === 'string') : []
  } catch {
    return []
  }
}
