// Serving: what every verb needs of the server, and one call of it.

import type { Context } from '../actor/index.js'
import type { ApiProtocol } from '../client/index.js'
import type { ApiObject, Schemas } from '../object/index.js'
import type { HttpOwner } from '../ports/index.js'
import type { User } from './authentication.js'
import type { Decoder } from './decoding.js'
import type { Reached } from './feed.js'
import type { Accepted } from './negotiation.js'
import type { Query, ResourceRequest } from './request.js'
import type { Resource, Resources } from './resource.js'
import type { StoreClient } from './store-client.js'
import type { Shelf, WatchCache } from './watch-cache.js'

/** What an apiserver accepts: the API by message, the http port's events, and its own flows' waiting. */
export interface ServerProtocol extends ApiProtocol, HttpOwner {
  /** Answered when the cache holds all that was acknowledged before this was asked. Refused when the store cannot tell. */
  fresh(): Reached
  /** Answered when the cache has reached that revision. */
  reach(target: Reached): Reached
}

export type ServerTimer = 'bookmarks' | 'expiry'
export type ServerContext = Context<ServerProtocol, ServerTimer>

export interface Serving {
  readonly ctx: ServerContext
  readonly resources: Resources
  readonly cache: WatchCache
  readonly store: StoreClient
  readonly ranges: ServiceRanges
  schemas: Schemas
  decoders: Decoder
}

export interface ServiceRanges {
  /** `10.96.0.0/16` */
  readonly serviceCidr: string
  readonly nodePortFirst: number
  readonly nodePortLast: number
}

/** One request of a resource being served. */
export interface Call {
  readonly user: User
  readonly resource: Resource
  readonly shelf: Shelf
  readonly target: ResourceRequest
  readonly query: Query
  readonly accepted: Accepted
  readonly contentType: string | undefined
  readonly body: Uint8Array
  readonly deadlineMs: number
  /** Whoever the fields written are attributed to, unless the query says. */
  readonly agent: string
  readonly warnings: string[]
  /** Sets who owns which fields of an object to be written, where that is not simply whoever changed them. */
  readonly manages?: (object: ApiObject) => void
}

export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}
