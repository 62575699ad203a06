// API guarantee: what the Kubernetes API promises its clients, each as one value whose text is the promise; and violations of it.

export const apiGuarantees = {
  agreement: 'an object at one resourceVersion is one state, whoever is shown it',
  noLostWrite: 'an acknowledged write is in the history, at the resourceVersion that was answered',
  noInvention: 'every change of an object is one that somebody asked for and was not refused',
  atMostOnce: 'a write takes effect at most once',
  writeOrder: 'a write has a resourceVersion above all that were seen before it was asked for',
  optimistic: 'an update that names a resourceVersion succeeds only on the object at that resourceVersion',
  precondition: 'a write that names a uid succeeds only on the object of that uid',
  noLostUpdate: 'an increment adds to all increments before it',
  noOverwrite: 'what a user asked for stays until a user asks for something else',
  conflictOnlyIfChanged: 'a write is refused as a conflict only if the object was changed or may have been',
  createOnce: 'a create succeeds only where there is no object of the name',
  existsOnlyIfCreated: 'a create is refused as AlreadyExists only if the object exists or may exist',
  uidOnce: 'a uid is of one object, once',
  immutable: 'metadata.uid and metadata.creationTimestamp of an object never change',
  deletionStays: 'metadata.deletionTimestamp is never unset',
  generation: 'metadata.generation grows by one with each change of what is desired, and with nothing else',
  consistent: 'a read without a resourceVersion sees everything that anybody was told of before it was asked for',
  monotonic: 'for one client, consistent reads never go back',
  notOlderThan: 'a read with a resourceVersion is not older than that',
  exact: 'a list at exactly a resourceVersion is as of that',
  snapshot: 'a list is what there was at its resourceVersion: all of it, once, and nothing else',
  chunks: 'all pages of a list are as of the resourceVersion of the first',
  watchOrdered: 'a watch tells changes in the order of their resourceVersions, from the one it was given on',
  watchUnique: 'a watch tells a change once',
  watchReliable: 'a list and the watch from it miss nothing',
  watchTrue: 'a watch tells only what happened',
  watchTypes: 'ADDED, MODIFIED and DELETED say what a change is to those who select as this watch does',
  bookmark: 'nothing at or before a bookmark’s resourceVersion is still to come',
  watchCaughtUp: 'a watch that is open while nothing fails catches up'
} as const

export type ApiGuarantee = (typeof apiGuarantees)[keyof typeof apiGuarantees]

export interface ApiViolation {
  readonly guarantee: ApiGuarantee
  readonly excerpt: string
}

const ofOneMax = 5 // Of one guarantee the first few say it all.

export class ApiViolations {
  readonly list: ApiViolation[] = []
  readonly #counts = new Map<ApiGuarantee, number>()

  add(guarantee: ApiGuarantee, ...lines: readonly string[]): void {
    const count = (this.#counts.get(guarantee) ?? 0) + 1
    this.#counts.set(guarantee, count)
    if (count <= ofOneMax) this.list.push({ guarantee, excerpt: lines.join('\n') })
  }
}
