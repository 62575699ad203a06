// Removal: what a member leaves behind on its disk that was removed: that it was, so that its next life does not begin even if nobody is
// left who would tell it; whom it knew as members then, so that a cluster of which all founders are gone finds those that came after; and
// the last entry that it knew to be decided, which each of its lives tells them: of two voters the other may not know yet.

import { ask, type Context, type Flow } from '../actor/index.js'
import { disk } from '../ports/index.js'
import type { Raft } from '../raft/index.js'
import type { StoreMemberProtocol } from './protocol.js'

type MemberContext = Context<StoreMemberProtocol, any>

export const removedReason = 'it was removed from the store, and its address is not used again: delete its directory'

const noteName = 'removed'
const noteTimeoutMs = 5_000

export const isRemovalNote = ({ name }: { readonly name: string }): boolean => name === noteName

interface Removal {
  /** None if it lost its log. */
  readonly members: readonly string[]
  readonly decided?: { readonly index: number; readonly term: number }
}

const nothingKnown: Removal = { members: [] }

/**
 * Gives the members it knew then. `raft` is undefined in a life that has the note only, or no log: such a one tells them once more what is
 * decided, since what the life before told may have been lost.
 */
export function* noteRemoval(ctx: MemberContext, raft: Raft | undefined): Flow<readonly string[]> {
  const own = raft === undefined ? undefined : known(raft)
  const note = yield* ask(ctx.port(disk), noteTimeoutMs, 'readFile', { name: noteName })
  const noted = note.ok && note.value !== null ? removalOf(note.value) : undefined
  if (noted === undefined) {
    const bytes = new TextEncoder().encode(JSON.stringify(own ?? nothingKnown))
    const written = yield* ask(ctx.port(disk), noteTimeoutMs, 'writeFile', { name: noteName, bytes })
    if (!written.ok) ctx.log('removal not noted', { ...written.error })
  }
  const { members, decided } = own ?? noted ?? nothingKnown
  if (own === undefined && decided !== undefined)
    for (const member of members) if (member !== ctx.self) ctx.tell(member as typeof ctx.self, 'decided', decided)
  return members
}

function known(raft: Raft): Removal {
  const { voters, learners } = raft.membership
  return { members: [...voters, ...learners], decided: raft.decided }
}

/** Nothing if it has decayed. An earlier program wrote the members alone. */
function removalOf(bytes: Uint8Array): Removal {
  try {
    const note: any = JSON.parse(new TextDecoder().decode(bytes))
    const members = (Array.isArray(note) ? note : note.members).filter((member: unknown) => typeof member === 'string')
    const { index, term } = note.decided ?? {}
    return Number.isSafeInteger(index) && Number.isSafeInteger(term) ? { members, decided: { index, term } } : { members }
  } catch {
    return nothingKnown
  }
}
