// API watches: that from what a client knew at a revision, by a list or at a bookmark, its watches told it all that followed: every
// change of what it selects, once, in order, as ADDED, MODIFIED or DELETED by what it knew before; and that bookmarks were true.

import { describeEvent, describeSession, describeState, describeVersion } from './api-excerpt.js'
import { type ApiGuarantee, type ApiViolations, apiGuarantees } from './api-guarantee.js'
import { type ApiEvent, type ApiHistory, type ApiState, type ApiWatch, type ApiWatchSession, resourceOf, selects } from './api-history.js'
import { indexAfter, type Reference, type Version } from './api-reference.js'

/** `isQuiet`: watches that are open have had the time to catch up. */
export function checkApiWatches({ sessions }: ApiHistory, reference: Reference, isQuiet: boolean, wrong: ApiViolations): void {
  const last = new Map<string, ApiWatchSession>() // Of each client.
  for (const session of sessions) last.set(session.client, session)
  for (const session of sessions) new SessionCheck(session, reference, wrong).run(isQuiet && last.get(session.client) === session)
}

type Told = Extract<ApiEvent, { state: ApiState }>

class SessionCheck {
  readonly #session: ApiWatchSession
  readonly #reference: Reference
  readonly #wrong: ApiViolations
  readonly #present = new Map<string, ApiState>()
  readonly #versions: readonly Version[]
  #at = 0 // Of #versions: the first that is not accounted for.
  #last: number
  #bookmarked: number

  constructor(session: ApiWatchSession, reference: Reference, wrong: ApiViolations) {
    this.#session = session
    this.#reference = reference
    this.#wrong = wrong
    this.#versions = reference.all(resourceOf(session.prefix))
    this.#last = session.revision
    this.#bookmarked = session.revision
    for (const state of session.known) this.#present.set(state.key, state)
  }

  run(catchesUp: boolean): void {
    const { watches } = this.#session
    for (const watch of watches) {
      this.#at = indexAfter(this.#versions, watch.from)
      this.#bookmarked = Math.max(this.#bookmarked, watch.from)
      this.#last = Math.max(this.#last, watch.from)
      for (const event of watch.events) if (!this.#take(watch, event)) return
    }
    const open = watches.at(-1)
    if (catchesUp && open !== undefined) this.#passOver(Number.POSITIVE_INFINITY, apiGuarantees.watchCaughtUp, describeWatch(open))
  }

  /** False: something is wrong, and what follows says no more. */
  #take(watch: ApiWatch, event: ApiEvent): boolean {
    if (event.type === 'BOOKMARK') {
      if (event.revision < this.#last) return this.#tell(apiGuarantees.bookmark, describeEvent(event), `after ${this.#last}`)
      if (!this.#passOver(event.revision, apiGuarantees.bookmark, describeEvent(event))) return false
      this.#last = event.revision
      this.#bookmarked = event.revision
      return true
    }
    const { revision } = event.state
    if (revision <= this.#last) return this.#tellLate(watch, event)
    if (!this.#passOver(revision - 1, apiGuarantees.watchReliable, describeEvent(event))) return false
    this.#last = revision
    const version = this.#versions[this.#at]
    const happened = version?.revision === revision && version.key === event.state.key ? version : undefined
    if (happened !== undefined) this.#at++
    else if (this.#reference.isComplete(event.state.key)) return this.#tell(apiGuarantees.watchTrue, describeEvent(event))
    return this.#checkType(event, happened)
  }

  #tellLate(watch: ApiWatch, event: Told): boolean {
    const same = (other: ApiEvent): boolean =>
      other !== event &&
      other.type !== 'BOOKMARK' &&
      other.atUs <= event.atUs &&
      other.state.revision === event.state.revision &&
      other.state.key === event.state.key
    const { watches } = this.#session
    const twice = watches.slice(0, watches.indexOf(watch) + 1).some(({ events }) => events.some(same))
    if (twice) return this.#tell(apiGuarantees.watchUnique, describeEvent(event))
    if (event.state.revision <= this.#bookmarked && this.#bookmarked > watch.from)
      return this.#tell(apiGuarantees.bookmark, describeEvent(event), `after a bookmark of ${this.#bookmarked}`)
    return this.#tell(apiGuarantees.watchOrdered, describeEvent(event), `after ${this.#last}`)
  }

  /** What happened up to that revision, and was not told, must be none of this watch's business. */
  #passOver(revision: number, guarantee: ApiGuarantee, before: string): boolean {
    const { prefix, selector } = this.#session
    for (; this.#at < this.#versions.length; this.#at++) {
      const version = this.#versions[this.#at] as Version
      if (version.revision > revision) break
      if (!version.key.startsWith(prefix)) continue
      const selected = version.state !== undefined && selects(selector, version.state)
      if (selected || this.#present.has(version.key))
        return this.#tell(guarantee, `not told: ${describeVersion(version)}`, `before ${before}`)
    }
    return true
  }

  #checkType(event: Told, happened: Version | undefined): boolean {
    const { state, type } = event
    const { selector, prefix } = this.#session
    const known = this.#present.get(state.key)
    if (!state.key.startsWith(prefix)) return this.#tell(apiGuarantees.watchTrue, describeEvent(event))
    const wanted =
      happened === undefined
        ? undefined
        : happened.state === undefined || !selects(selector, happened.state)
          ? 'DELETED'
          : known === undefined
            ? 'ADDED'
            : 'MODIFIED'
    const fits = type === 'ADDED' ? known === undefined : known !== undefined
    const right = fits && (wanted === undefined || wanted === type) && (type === 'DELETED' || selects(selector, state))
    if (!right || (type !== 'ADDED' && known?.uid !== state.uid)) {
      const knew = known === undefined ? 'it knew of none' : `it knew ${describeState(known)}`
      return this.#tell(apiGuarantees.watchTypes, describeEvent(event), knew, ...(happened ? [describeVersion(happened)] : []))
    }
    if (type === 'DELETED') this.#present.delete(state.key)
    else this.#present.set(state.key, state)
    return true
  }

  #tell(guarantee: ApiGuarantee, ...lines: readonly string[]): false {
    this.#wrong.add(guarantee, describeSession(this.#session), ...lines)
    return false
  }
}

const describeWatch = ({ from, ended, events }: ApiWatch): string =>
  `the end of a watch from ${from}, ${ended === undefined ? 'open' : `ended: ${ended}`}, ${events.length} events`
