// API history: what clients asked of the Kubernetes API, when, and what came of it; what watches told; as plain data.
//
// Times are of one clock that no component has, in microseconds. Keys are `resource/namespace/name`: `configmaps/default/a`; what begins
// with a prefix such as `configmaps/default/` is what a list or a watch is about. Resource versions are ordered: they are revisions of
// one store. Kubernetes promises that order to clients from 1.35 on; here it is what makes the reference.

export type ApiVerb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete'

/** What is kept of an object as somebody was shown it. */
export interface ApiState {
  readonly key: string
  readonly uid: string
  readonly revision: number
  /** 0: its kind has none. */
  readonly generation: number
  /** Digest of all but apiVersion, kind and metadata.resourceVersion. */
  readonly content: string
  /** Digest of what `metadata.generation` counts the changes of. */
  readonly desired: string
  /** Digest of what it counts the changes of by some requests, and not by others. */
  readonly besides: string
  readonly labels: Readonly<Record<string, string>>
  readonly created: string
  readonly deleting: boolean
  /** Which write it shows: what the last of the recorded writes left in it; '' if none did. */
  readonly mark: string
  /** Of an object that is a counter: how often it was increased. */
  readonly tally: number | undefined
}

/** All of these labels, with these values. */
export type ApiSelector = Readonly<Record<string, string>>

export const selects = (selector: ApiSelector | undefined, { labels }: ApiState): boolean =>
  selector === undefined || Object.entries(selector).every(([name, value]) => labels[name] === value)

export type ApiOutcome =
  | { readonly kind: 'object'; readonly state: ApiState }
  | { readonly kind: 'list'; readonly revision: number; readonly states: readonly ApiState[]; readonly more: boolean }
  /** The answer to a deletion: the object is gone, or it is marked and goes later. */
  | { readonly kind: 'gone' | 'marked'; readonly uid: string }
  | {
      readonly kind: 'failed'
      /** HTTP status; 0: no answer. */
      readonly code: number
      readonly reason: string
      /** It took no effect, ever. */
      readonly definite: boolean
    }

export interface ApiAsked {
  readonly client: string
  readonly verb: ApiVerb
  /** Of the object; of a list, the prefix of what is listed. */
  readonly key: string
  /** What this write leaves in the object; '' of what leaves nothing. */
  readonly mark?: string
  /** Preconditions. */
  readonly sentRevision?: number
  readonly sentUid?: string
  /** The resourceVersion of a read: '' is consistent, '0' any, otherwise not older than; with `exact`, exactly. */
  readonly version?: string
  readonly exact?: boolean
  readonly selector?: ApiSelector | undefined
  readonly limit?: number
  /** A page after the first: the operation that asked for the first one. */
  readonly firstPage?: number
}

export interface ApiOperation extends ApiAsked {
  readonly id: number
  readonly invokedUs: number
  /** Infinity: it has not returned, and may take effect at any time to come. */
  returnedUs: number
  /** Undefined: the client was gone before the answer. */
  outcome: ApiOutcome | undefined
}

export type ApiEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly state: ApiState; readonly atUs: number }
  | { readonly type: 'BOOKMARK'; readonly revision: number; readonly atUs: number }

/** One stream, from its opening to its end. */
export interface ApiWatch {
  /** The resourceVersion it was opened with. */
  readonly from: number
  readonly openedUs: number
  readonly events: ApiEvent[]
  /** Undefined while it is open. */
  ended: string | undefined
}

/** What a client knows at a revision, from a list or at a bookmark, and the watches that go on from there, one after the other. */
export interface ApiWatchSession {
  readonly client: string
  readonly prefix: string
  readonly selector: ApiSelector | undefined
  readonly known: readonly ApiState[]
  readonly revision: number
  readonly watches: ApiWatch[]
}

/** What the store did, as its own history tells. */
export interface ApiChange {
  readonly key: string
  readonly revision: number
  /** Undefined: it is deleted. */
  readonly state: ApiState | undefined
}

export interface ApiHistory {
  readonly operations: readonly ApiOperation[]
  readonly sessions: readonly ApiWatchSession[]
  /** All that the store did to these resources. Undefined: nobody read it, and what clients saw together has to do. */
  readonly store: { readonly resources: ReadonlySet<string>; readonly changes: readonly ApiChange[] } | undefined
  /** Prefixes of objects that nobody but these clients writes. */
  readonly written: readonly string[]
  /** Prefixes of objects that nobody but these clients creates and deletes. */
  readonly lived: readonly string[]
}

export const resourceOf = (key: string): string => key.slice(0, key.indexOf('/'))

/** Of a write: nobody knows whether it took effect, or will. */
export const isInDoubt = ({ outcome }: ApiOperation): boolean => outcome === undefined || (outcome.kind === 'failed' && !outcome.definite)

export const isRefused = ({ outcome }: ApiOperation): boolean => outcome?.kind === 'failed' && outcome.definite
