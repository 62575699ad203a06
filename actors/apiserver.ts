// Apiserver: the Kubernetes API over HTTPS and by message, on a list of stores.
//
// Guarantee: what is acknowledged is in the store; reads without a resource version see every write acknowledged before them; a watch
// tells each change once, in order. It keeps nothing of its own: any number of them serve one cluster.

import { type Actor, ask, type Flow, type Ref, sleep } from '../lib/actor/index.js'
import { kinds } from '../lib/kinds/index.js'
import { httpPort, resourcesPort } from '../lib/ports/index.js'
import {
  ApiServer,
  bodyBytesMax,
  type ServerContext,
  type ServerProtocol,
  type ServerTimer,
  type ServiceRanges
} from '../lib/server/index.js'
import type { StoreRef } from '../lib/storage/index.js'
import type { SupervisorProtocol } from './supervisor.js'

export type ApiserverRef = Ref<ServerProtocol>

export interface ApiserverArgs {
  readonly stores: readonly StoreRef[]
  /** Knows which stores there are by now, where members come and go. */
  readonly supervisor?: string
  /** Absent: by message only. Port 0: any free one. It is shown, with `ready` once requests are served. */
  readonly listen?: {
    readonly address: string
    readonly port: number
    readonly tls?: { readonly certPem: string; readonly keyPem: string; readonly clientCaPem: string }
  }
  readonly ranges?: ServiceRanges
}

export const rangesDefault: ServiceRanges = { serviceCidr: '10.96.0.0/16', nodePortFirst: 30000, nodePortLast: 32767 }
const listenTimeoutMs = 5_000
const resourceTimeoutMs = 10_000
const findTimeoutMs = 2_000
const listenRetryMs = 50 // The last life's socket may be a moment behind.
const listenTriesMax = 100
const expireEveryMs = 60_000

interface State {
  readonly server: ApiServer
}

export const apiserver: Actor<ServerProtocol, ApiserverArgs, State, ServerTimer> = {
  name: 'apiserver',
  guarded: true,
  mailboxMax: 65_536,
  ports: [httpPort, resourcesPort],
  init(ctx, args) {
    const { stores, supervisor, ranges = rangesDefault } = args
    const findStores = supervisor === undefined ? undefined : () => storesPlaced(supervisor as Ref<SupervisorProtocol>)
    const server = new ApiServer(ctx, { kinds, stores, findStores, ranges })
    server.start()
    ctx.timer('expiry', 'cluster', expireEveryMs)
    ctx.run(start(ctx, server, args))
    return { server }
  },
  on: {
    request: (ctx, { server }, request) => server.request(ctx.from, request, ctx.leftMs),
    watch: (ctx, { server }, request) => server.watch(ctx, ctx.from, request),
    fresh(ctx, { server }) {
      const later = ctx.defer()
      server.feed.awaitFresh(later)
      return later
    },
    reach(ctx, { server }, { revision }) {
      const later = ctx.defer()
      server.feed.awaitRevision(revision, later)
      return later
    },
    httpRequest: (_ctx, { server }, request) => server.httpRequest(request),
    httpClosed: (_ctx, { server }, { id }) => server.httpGone(id),
    httpStalled: (_ctx, { server }, { id }) => server.httpStalled(id)
  },
  timers: {
    bookmarks: (_ctx, { server }) => server.sendBookmarks(),
    expiry(ctx, { server }) {
      ctx.timer('expiry', 'cluster', expireEveryMs)
      ctx.run(server.expireEvents())
    }
  }
}

function* storesPlaced(supervisor: Ref<SupervisorProtocol>): Flow<readonly StoreRef[]> {
  const answer = yield* ask(supervisor, findTimeoutMs, 'placed', { actor: 'store' })
  return answer.ok ? answer.value.map(address => address as string as StoreRef) : []
}

function* start(ctx: ServerContext, server: ApiServer, args: ApiserverArgs): Flow<void> {
  // Schemas first: a request that came before them would be let through unchecked.
  const file = yield* ask(ctx.port(resourcesPort), resourceTimeoutMs, 'read', { name: 'schemas.json' })
  if (!file.ok) return ctx.stop(`no schemas: ${file.error.detail}`)
  server.useSchemas(file.value)
  const endpoint = args.listen === undefined ? undefined : yield* listen(ctx, args.listen)
  if (args.listen !== undefined && endpoint === undefined) return
  yield* server.bootstrap(endpoint ?? { address: '127.0.0.1', port: 6443 })
  ctx.show({ ...endpoint, ready: true })
}

function* listen(
  ctx: ServerContext,
  { address, port, tls }: NonNullable<ApiserverArgs['listen']>
): Flow<{ readonly address: string; readonly port: number } | undefined> {
  for (let tries = 1; ; tries++) {
    const options = { address, port, bodyBytesMax, ...(tls === undefined ? {} : { tls }) }
    const listened = yield* ask(ctx.port(httpPort), listenTimeoutMs, 'listen', options)
    if (listened.ok) {
      ctx.log('listening', { address, port: listened.value.port })
      return { address, port: listened.value.port }
    }
    if (listened.error.code !== 'EADDRINUSE' || tries === listenTriesMax) {
      ctx.stop(`cannot listen on ${address}:${port}: ${listened.error.code} ${listened.error.detail}`)
      return undefined
    }
    yield* sleep('real', listenRetryMs)
  }
}
