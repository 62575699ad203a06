// Removals: who is no member of a store any more, and which members have applied that.
//
// A removed member that has not heard of it may still be elected, by others that have not: the removal is decided as soon as a majority has it in
// their logs, and takes effect where it is applied. Whoever is elected so has it in its own log, decides it again with the first entry
// of its term, and leaves. It must not be elected once it has applied its removal, or once those that stay have: a majority of them does not
// vote for it, and without one of them there is no majority.

import type { LogRecord } from '../sim/index.js'

export class Removals {
  readonly #appliedBy = new Map<string, Set<string>>() // By who was removed.

  /** Removed, for whoever says so first. */
  all(): IterableIterator<string> {
    return this.#appliedBy.keys()
  }

  heard({ address, event, fields }: LogRecord): void {
    if (event !== 'membership changed') return
    const gone = fields.kind === 'remove' ? [String(fields.member)] : listOf(fields.gone ?? '')
    for (const member of gone) {
      const by = this.#appliedBy.get(member)
      if (by === undefined) this.#appliedBy.set(member, new Set([address]))
      else by.add(address)
    }
  }

  /** Whether it was removed and must not lead any more: it knows, or a majority of the voters of now does. */
  isOver(member: string, voters: readonly string[]): boolean {
    const by = this.#appliedBy.get(member)
    return by !== undefined && (by.has(member) || 2 * voters.filter(voter => by.has(voter)).length > voters.length)
  }
}

/** As members write lists of members in what they say of themselves. */
export const listOf = (text: unknown): string[] =>
  String(text)
    .split(' ')
    .filter(name => name !== '')
