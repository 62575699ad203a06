// Etcd: etcd's v3 API over gRPC for one member of the store. As etcd's own server it talks to its member and to no other.
//
// It is a gateway: the member may die and come back, calls wait for it as long as etcd's would; and it may die itself, nothing is lost
// but open streams. What it promises stands with lib/etcd/gateway.ts.

import { type Actor, ask, type Flow, machineOf, open, type Ref, sleep } from '../lib/actor/index.js'
import {
  type EtcdProtocol,
  type EtcdTimer,
  Gateway,
  indexOfMachine,
  leaderlessMs,
  requestBytesMax,
  requestOverheadBytes
} from '../lib/etcd/index.js'
import { grpcPort, resourcesPort } from '../lib/ports/index.js'
import { type Descriptor, descriptorOf } from '../lib/protobuf/index.js'
import type { StoreMemberProtocol } from '../lib/store/index.js'

export interface EtcdArgs {
  readonly cluster: string
  readonly listen: {
    readonly address: string
    /** The one on machine `control-N` listens N ports further. */
    readonly firstPort: number
    /** Absent: plain text. */
    readonly tls?: { readonly certPem: string; readonly keyPem: string; readonly clientCaPem: string }
  }
}

const listenTimeoutMs = 5_000
const resourceTimeoutMs = 10_000
const listenRetryMs = 50 // The last life's socket may be a moment behind.
const listenTriesMax = 100
const standingTimeoutMs = 2_000
const standingRetryMs = 50
const standingIdleMs = 5_000

type EtcdContext = Gateway['ctx']

interface State {
  gateway: Gateway | undefined // Until it knows the messages.
}

export const etcd: Actor<EtcdProtocol, EtcdArgs, State, EtcdTimer> = {
  name: 'etcd',
  guarded: true,
  mailboxMax: 65_536,
  ports: [grpcPort, resourcesPort],
  init(ctx, args) {
    const state: State = { gateway: undefined }
    ctx.show({ ready: false })
    ctx.run(start(ctx, state, args))
    return state
  },
  on: {
    grpcCall: (_ctx, { gateway }, call) => gateway?.called(call),
    grpcMessage: (_ctx, { gateway }, { id, message }) => gateway?.message(id, message),
    grpcHalfClosed: (_ctx, { gateway }, { id }) => gateway?.halfClosed(id),
    grpcClosed: (_ctx, { gateway }, { id }) => gateway?.closed(id),
    grpcStalled: (_ctx, { gateway }, { id }) => gateway?.stalled(id),
    grpcDrained: (_ctx, { gateway }, { id }) => gateway?.drained(id)
  },
  timers: {
    leader: (_ctx, { gateway }) => gateway?.leaderLost()
  }
}

function* start(ctx: EtcdContext, state: State, args: EtcdArgs): Flow<void> {
  const file = yield* ask(ctx.port(resourcesPort), resourceTimeoutMs, 'read', { name: 'etcd.json' })
  if (!file.ok) return ctx.stop(`no description of etcd's messages: ${file.error.detail}`)
  const descriptor = descriptorOf(file.value)
  const scheme = args.listen.tls === undefined ? 'http' : 'https'
  const gateway = new Gateway(ctx, {
    store: `${machineOf(ctx.self)}/store` as string as Ref<StoreMemberProtocol>,
    cluster: args.cluster,
    descriptor,
    clientUrlsOf: address => [`${scheme}://${args.listen.address}:${portOf(address, args)}`]
  })
  state.gateway = gateway
  ctx.run(followStanding(ctx, gateway))
  const port = yield* listen(ctx, args, descriptor)
  if (port === undefined) return
  ctx.show({ ready: true, endpoint: `${scheme}://${args.listen.address}:${port}` })
}

/** Of a member, or of the gateway beside it. */
const portOf = (address: string, { listen: { firstPort } }: EtcdArgs): number => firstPort + Number(indexOfMachine(machineOf(address)))

function* listen(ctx: EtcdContext, args: EtcdArgs, descriptor: Descriptor): Flow<number | undefined> {
  const { address, tls } = args.listen
  const port = portOf(ctx.self, args)
  const methods = Object.fromEntries(Object.entries(descriptor.methods).map(([path, { requestStream }]) => [path, { requestStream }]))
  const options = { address, port, methods, messageBytesMax: requestBytesMax + requestOverheadBytes, ...(tls === undefined ? {} : { tls }) }
  for (let tries = 1; ; tries++) {
    const listened = yield* ask(ctx.port(grpcPort), listenTimeoutMs, 'listen', options)
    if (listened.ok) {
      ctx.log('listening', { address, port: listened.value.port })
      return listened.value.port
    }
    if (listened.error.code !== 'EADDRINUSE' || tries === listenTriesMax) {
      ctx.stop(`cannot listen on ${address}:${port}: ${listened.error.code} ${listened.error.detail}`)
      return undefined
    }
    yield* sleep('real', listenRetryMs)
  }
}

/** Term and leader, for the headers of answers; while the member is away, what it said last, and no leader. */
function* followStanding(ctx: EtcdContext, gateway: Gateway): Flow<void> {
  for (;;) {
    const opened = yield* open(gateway.store, standingTimeoutMs, 'standing', undefined)
    while (opened.ok) {
      const batch = yield* opened.value.next(standingIdleMs)
      if (batch.kind === 'idle') continue
      const standing = batch.kind === 'items' ? batch.items.at(-1) : undefined
      if (standing === undefined) break
      gateway.isAway = false
      gateway.isLearner = standing.isLearner
      stand(ctx, gateway, standing.term, standing.leader)
    }
    gateway.isAway = true
    stand(ctx, gateway, gateway.term, null)
    yield* sleep('real', standingRetryMs)
  }
}

function stand(ctx: EtcdContext, gateway: Gateway, term: number, leader: string | null): void {
  if (leader !== null) ctx.cancel('leader')
  else if (gateway.leader !== null) ctx.timer('leader', 'real', leaderlessMs)
  gateway.term = term
  gateway.leader = leader
}
