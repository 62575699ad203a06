// Removal: what a member leaves behind on its disk that was removed: that it was, so that its next life does not begin even if nobody is
// left who would tell it; whom it knew as members then, so that a cluster of which all founders are gone finds those that came after; and
// the last entry that it knew to be decided, which each of its lives tells them: of two voters the other may not know yet.

import { ask, type Context, type Flow } from '../actor/index.js'
import { disk } from '../ports/index.js'
import { type Decided, membersOf } from '../raft/index.js'
import type { StoreMemberProtocol } from './protocol.js'
import { type Replica, saveBatch } from './replica.js'
import { isMute } from './room.js'

type MemberContext = Context<StoreMemberProtocol, any>

export const removedReason = 'it was removed from the store, and its address is not used again: delete its directory'

const noteName = 'removed'
const noteTimeoutMs = 5_000

export const isRemovalNote = ({ name }: { readonly name: string }): boolean => name === noteName

interface Removal {
  /** None if it lost its log. */
  readonly members: readonly string[]
  readonly decided?: Decided
}

const nothingKnown: Removal = { members: [] }

/**
 * What a member that was removed still has to say, and to keep; gives the members it knows. Nobody else may know yet that its removal is decided,
 * and of two voters the other could not find out. `told`: what it was told when it was told to go. `replica` is undefined in a life that has the note only, or no log: such a one tells
 * what is decided once more, since what the life before told may have been lost.
 */
export function* sayGoodbye(ctx: MemberContext, replica: Replica | undefined, told?: Decided): Flow<readonly string[]> {
  const own = replica === undefined ? undefined : lastWords(ctx, replica, told)
  if (own !== undefined) tellDecided(ctx, own)
  const note = yield* ask(ctx.port(disk), noteTimeoutMs, 'readFile', { name: noteName })
  const noted = note.ok && note.value !== null ? removalOf(note.value) : undefined
  if (noted === undefined) {
    const bytes = new TextEncoder().encode(JSON.stringify(own ?? nothingKnown))
    const written = yield* ask(ctx.port(disk), noteTimeoutMs, 'writeFile', { name: noteName, bytes })
    if (!written.ok) ctx.log('removal not noted', { ...written.error })
  }
  if (own !== undefined) return own.members
  const removal = noted ?? nothingKnown
  tellDecided(ctx, removal)
  return removal.members
}

/** It may have led in an earlier life, and died before it told. */
function lastWords(ctx: MemberContext, replica: Replica, told: Decided | undefined): Removal {
  const { news, raft } = replica
  const { term, vote, commit, saved, membership } = raft.status()
  // So that its next life knows; over a full disk that one is told again. What is committed and not saved yet would be missing in its log.
  if (!isMute(replica.room)) saveBatch(ctx, replica, { hardState: { term, vote, commit: Math.min(commit, saved) } })
  for (const { message } of news.held.values()) ctx.tell(message.to as typeof ctx.self, 'raft', { messages: [message] })
  const { decided } = raft
  return { members: membersOf(membership), decided: told !== undefined && told.index > decided.index ? told : decided }
}

function tellDecided(ctx: MemberContext, { members, decided }: Removal): void {
  if (decided === undefined) return
  for (const member of members) if (member !== ctx.self) ctx.tell(member as typeof ctx.self, 'decided', decided)
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
