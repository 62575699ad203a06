// API reference: every version of every object that is known of: from the store's own history where it was read, otherwise from what
// all clients were shown together, in the order of its resource versions.
//
// Where the store was not read, versions may be missing that nobody saw, so absence proves something only where these clients are the
// only ones who could have deleted.

import { describeVersion } from './api-excerpt.js'
import { type ApiViolations, apiGuarantees } from './api-guarantee.js'
import { type ApiHistory, type ApiOperation, type ApiState, isRefused, resourceOf } from './api-history.js'

export interface Version {
  readonly key: string
  readonly revision: number
  /** Undefined: deleted. */
  readonly state: ApiState | undefined
  readonly seen: string
}

const none: readonly Version[] = []

export class Reference {
  readonly #history: ApiHistory
  readonly #byKey = new Map<string, Version[]>()
  readonly #byResource = new Map<string, Version[]>()
  readonly #writers = new Map<string, ApiOperation>() // By mark.
  readonly #deletes = new Map<string, ApiOperation[]>() // By key: those that may have taken effect.

  constructor(history: ApiHistory, wrong: ApiViolations) {
    this.#history = history
    const known = new Map<string, Map<number, Version>>()
    for (const { key, revision, state } of history.store?.changes ?? []) note(known, { key, revision, state, seen: 'the store' }, wrong)
    for (const operation of history.operations) {
      const { outcome, client, mark, verb, key } = operation
      if (outcome?.kind === 'object') this.#see(known, outcome.state, client, wrong, false, verb !== 'get')
      else if (outcome?.kind === 'list') for (const state of outcome.states) this.#see(known, state, client, wrong)
      if (mark !== undefined && mark !== '') this.#writers.set(mark, operation)
      if (verb === 'delete' && !isRefused(operation)) put(this.#deletes, key, operation)
    }
    for (const { client, selector, watches } of history.sessions) {
      for (const event of watches.flatMap(watch => watch.events)) {
        if (event.type === 'BOOKMARK') continue
        if (event.type !== 'DELETED') this.#see(known, event.state, client, wrong)
        // With a selector, it may as well only no longer be selected.
        else if (selector === undefined) this.#see(known, event.state, client, wrong, true)
      }
    }
    for (const [key, versions] of known) {
      const sorted = [...versions.values()].sort(byRevision)
      this.#byKey.set(key, sorted)
      for (const version of sorted) put(this.#byResource, resourceOf(key), version)
    }
    for (const versions of this.#byResource.values()) versions.sort(byRevision)
  }

  #see(
    known: Map<string, Map<number, Version>>,
    state: ApiState,
    client: string,
    wrong: ApiViolations,
    deleted = false,
    written = false
  ): void {
    const { key, revision } = state
    const version: Version = { key, revision, state: deleted ? undefined : state, seen: client }
    if (this.isComplete(key) && known.get(key)?.has(revision) !== true) {
      const guarantee = written ? apiGuarantees.noLostWrite : apiGuarantees.noInvention
      wrong.add(guarantee, `${describeVersion(version)}; the store’s history has none of it`)
    }
    note(known, version, wrong)
  }

  keys(): Iterable<string> {
    return this.#byKey.keys()
  }

  of(key: string): readonly Version[] {
    return this.#byKey.get(key) ?? none
  }

  /** All versions of the objects of a resource, in order. */
  all(resource: string): readonly Version[] {
    return this.#byResource.get(resource) ?? none
  }

  at(key: string, revision: number): Version | undefined {
    const version = this.of(key)[indexAfter(this.of(key), revision - 1)]
    return version?.revision === revision ? version : undefined
  }

  /** The newest version at or before that revision. */
  asOf(key: string, revision: number): Version | undefined {
    const after = indexAfter(this.of(key), revision)
    return after === 0 ? undefined : this.of(key)[after - 1]
  }

  /** The first version after that revision. */
  after(key: string, revision: number): Version | undefined {
    return this.of(key)[indexAfter(this.of(key), revision)]
  }

  /** Every version of it is known. */
  isComplete(key: string): boolean {
    return this.#history.store?.resources.has(resourceOf(key)) === true
  }

  /** Nobody but these clients creates and deletes it, whoever else may change it. */
  hasOwnLife(key: string): boolean {
    return startsWithOne(key, this.#history.written) || startsWithOne(key, this.#history.lived)
  }

  isWritten(key: string): boolean {
    return this.isComplete(key) || startsWithOne(key, this.#history.written)
  }

  isLived(key: string): boolean {
    return this.isComplete(key) || this.hasOwnLife(key)
  }

  writerOf(mark: string): ApiOperation | undefined {
    return this.#writers.get(mark)
  }

  deletesOf(key: string): readonly ApiOperation[] {
    return this.#deletes.get(key) ?? []
  }

  /** Whether the object may have gone after that revision, before that time. */
  mayBeGone(key: string, revision: number, beforeUs: number): boolean {
    if (this.of(key).some(version => version.state === undefined && version.revision > revision)) return true
    if (this.isComplete(key)) return false
    return !this.isLived(key) || this.deletesOf(key).some(({ invokedUs }) => invokedUs < beforeUs)
  }
}

/** The index of the first version after that revision. */
export function indexAfter(versions: readonly Version[], revision: number): number {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((versions[middle] as Version).revision <= revision) low = middle + 1
    else high = middle
  }
  return low
}

function note(known: Map<string, Map<number, Version>>, version: Version, wrong: ApiViolations): void {
  const { key, revision, state } = version
  const ofKey = known.get(key)
  if (ofKey === undefined) return void known.set(key, new Map([[revision, version]]))
  const other = ofKey.get(revision)
  if (other === undefined) return void ofKey.set(revision, version)
  if (other.state === state) return
  if (other.state?.content !== state?.content || other.state?.uid !== state?.uid)
    wrong.add(apiGuarantees.agreement, describeVersion(other), describeVersion(version))
}

const byRevision = (a: Version, b: Version): number => a.revision - b.revision

const startsWithOne = (key: string, prefixes: readonly string[]): boolean => prefixes.some(prefix => key.startsWith(prefix))

function put<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
