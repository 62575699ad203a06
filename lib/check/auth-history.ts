// Auth history: what clients asked of a store whose users may do this and not that, in whose name, and what came of it.

import type { Outcome } from '../actor/index.js'
import type { StoreAuthChange, StoreAuthQuery, StorePermission } from '../storage/index.js'

/** Neither a user nor a login: somebody who shows nothing. A user alone: by a certificate. With a login: by the token that it gave. */
export interface AuthCaller {
  readonly user?: string | undefined
  /** Of the operation that logged in. */
  readonly login?: number | undefined
}

interface AuthAsked {
  readonly client: string
  readonly to: string
  /** Absent: a part of the store's own, which may do anything. */
  readonly caller?: AuthCaller | undefined
  readonly invokedUs: number
  /** Infinity: in doubt, or never answered. */
  returnedUs: number
}

/** What somebody must be allowed, all of it. */
export interface AuthNeed {
  readonly access: 'read' | 'write'
  readonly key: string
  /** As in a request: absent, that key alone; one NUL, no upper end. */
  readonly end?: string | undefined
}

/** An answer about users and roles: at which auth revision, whether auth was on, and what was asked for. */
export interface AuthTold {
  readonly revision: number // Of the keys.
  readonly authRevision: number
  readonly isEnabled: boolean
  readonly users?: readonly string[] | undefined
  readonly roles?: readonly string[] | undefined
  readonly permissions?: readonly StorePermission[] | undefined
}

/** An answer about keys: the revision of the store, and whether it is this request's own. */
export interface AuthDone {
  readonly revision: number
  readonly wrote: boolean
}

export type AuthOperation = AuthAsked &
  (
    | { readonly kind: 'change'; readonly change: StoreAuthChange; outcome: Outcome<AuthTold> | undefined }
    | { readonly kind: 'query'; readonly query: StoreAuthQuery; outcome: Outcome<AuthTold> | undefined }
    | {
        readonly kind: 'login'
        readonly id: number
        readonly name: string
        readonly password: string
        outcome: Outcome<object> | undefined
      }
    /** Of keys: a transaction, a linearizable read, a serializable one. */
    | {
        readonly kind: 'write' | 'read' | 'staleRead'
        readonly needs: readonly AuthNeed[]
        outcome: Outcome<AuthDone> | undefined
      }
  )
export type AuthChangeOperation = AuthOperation & { readonly kind: 'change' }
export type AuthQueryOperation = AuthOperation & { readonly kind: 'query' }
export type AuthLogin = AuthOperation & { readonly kind: 'login' }
export type AuthAccess = AuthOperation & { readonly kind: 'write' | 'read' | 'staleRead' }

export interface AuthHistory {
  readonly kind: 'auth'
  readonly operations: readonly AuthOperation[]
  /** Changes of other users and roles were left out. */
  readonly partial?: boolean | undefined
}

/** Refused for good: it took no effect. The code. */
export function refusalOf({ outcome }: AuthOperation): string | undefined {
  return outcome?.ok === false && outcome.error.definite ? outcome.error.code : undefined
}

export const isInDoubtOf = ({ outcome }: AuthOperation): boolean => outcome === undefined || (!outcome.ok && !outcome.error.definite)
