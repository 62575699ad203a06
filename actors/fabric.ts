// Fabric: the wire of the cluster. It holds every address that is not a pod's: service VIPs, NodePorts, and, with
// several apiservers, the API's.
//
// For each connection it asks the kube-proxy of the client's node where it goes, and the port pipes the bytes. A node
// whose kube-proxy is dead, paused or cut off reaches no service. Clients from outside are answered by any live node.

import { type Actor, ask, type Context, type Flow, type Ref, sleep } from '../lib/actor/index.js'
import { type Listener, type SocketAddress, type SocketsOwner, socketsPort } from '../lib/ports/index.js'
import { ruleName } from '../lib/proxy/index.js'
import type { KubeProxyProtocol } from './kube-proxy.js'

export interface FabricProtocol extends SocketsOwner {
  /** Every listener that should exist, as the kube-proxy that tells it sees it. */
  listeners(told: { readonly listeners: readonly Listener[] }): void
}

export interface FabricArgs {
  readonly nodes: readonly FabricNode[]
  /** Absent: the apiserver listens where its clients look for it. */
  readonly api?: { readonly listen: SocketAddress; readonly apiservers: readonly SocketAddress[] }
}

export interface FabricNode {
  readonly machine: string
  readonly proxy: Ref<KubeProxyProtocol>
  readonly prefix: string // `127.9.2`: the node and its pods.
}

interface FabricState {
  readonly args: FabricArgs
  readonly told: Map<string, readonly Listener[]> // By kube-proxy.
  readonly open: Map<string, Listener> // By name: listening, or about to.
  readonly failing: Set<string> // Could not be opened, by name.
  readonly silentUntilMs: Map<string, number> // kube-proxies that did not answer.
  nextNode: number
  nextApi: number
  updating: boolean
}

type FabricContext = Context<FabricProtocol, 'retry'>
type Connection = Parameters<SocketsOwner['connection']>[0]

const decideMs = 500 // The port itself waits longer: two nodes can be asked.
const listenMs = 5_000
const retryMs = 1_000
const relearnMs = 5_000 // What a kube-proxy told may have been lost on the way.
const silentMs = 2_000 // One that did not answer is passed over so long, by clients who may use another.
const silencesMax = 3

export const fabric: Actor<FabricProtocol, FabricArgs, FabricState, 'retry'> = {
  name: 'fabric',
  ports: [socketsPort],
  init(ctx, args) {
    const state: FabricState = {
      args,
      told: new Map(),
      open: new Map(),
      failing: new Set(),
      silentUntilMs: new Map(),
      nextNode: 0,
      nextApi: 0,
      updating: false
    }
    for (const { prefix, machine } of args.nodes) ctx.tell(ctx.port(socketsPort), 'place', { address: prefix, machine })
    for (const node of args.nodes) ctx.run(learn(ctx, state, node))
    if (args.api !== undefined) ctx.run(keepListening(ctx, state))
    return state
  },
  on: {
    listeners(ctx, state, { listeners }) {
      state.told.set(ctx.from, listeners)
      if (!state.updating) ctx.run(keepListening(ctx, state))
    },
    connection(ctx, state, connection) {
      const { api } = state.args
      if (api !== undefined && connection.listener.port === api.listen.port && connection.listener.address === api.listen.address) {
        return { endpoints: inTurn(api.apiservers, state.nextApi++) }
      }
      return decide(ctx, state, connection)
    }
  },
  timers: {
    retry(ctx, state) {
      if (!state.updating) ctx.run(keepListening(ctx, state))
    }
  }
}

/**
 * The kube-proxy of the client's node, or of the node whose address was dialled; for others any live one, and another
 * if that has no endpoint on its own node (traffic policy Local): 127.0.0.1 stands for a load balancer before all nodes.
 */
function* decide(ctx: FabricContext, state: FabricState, connection: Connection): Flow<{ endpoints: readonly SocketAddress[] }> {
  const { nodes } = state.args
  const home = nodeOf(nodes, connection.client.address)
  const entry = home ?? nodeOf(nodes, connection.listener.address)
  let silences = 0
  for (const { proxy } of entry !== undefined ? [entry] : nodesInTurn(ctx, state, state.nextNode++)) {
    const answer = yield* ask(proxy, decideMs, 'endpointsFor', { ...connection, inside: home !== undefined })
    if (answer.ok && answer.value.endpoints.length > 0) return answer.value
    if (answer.ok) continue
    state.silentUntilMs.set(proxy, ctx.nowMs + silentMs)
    if (++silences === silencesMax) break
  }
  return { endpoints: [] }
}

function nodesInTurn({ nowMs }: FabricContext, { args, silentUntilMs }: FabricState, turn: number): FabricNode[] {
  const answering = args.nodes.filter(({ proxy }) => (silentUntilMs.get(proxy) ?? 0) <= nowMs)
  return inTurn(answering.length > 0 ? answering : args.nodes, turn)
}

/** What that kube-proxy has to say: it may have run before this life of the fabric, or its word was lost. */
function* learn(ctx: FabricContext, state: FabricState, { proxy }: FabricNode): Flow<void> {
  for (;;) {
    const before = state.told.get(proxy)
    const answer = yield* ask(proxy, decideMs, 'listeners')
    if (answer.ok && state.told.get(proxy) === before) {
      state.told.set(proxy, answer.value)
      if (!state.updating) yield* keepListening(ctx, state)
    }
    yield* sleep('real', relearnMs)
  }
}

/** Opens what should be and closes what should not, until it is so; what cannot be opened is tried again later. */
function* keepListening(ctx: FabricContext, state: FabricState): Flow<void> {
  state.updating = true
  const tried = new Set<string>()
  try {
    for (;;) {
      const wanted = wantedOf(state)
      const missing = [...wanted].filter(([name]) => !state.open.has(name) && !(tried.has(name) && state.failing.has(name)))
      const surplus = [...state.open.values()].filter(listener => !wanted.has(ruleName(listener)))
      for (const name of state.failing) if (!wanted.has(name)) state.failing.delete(name)
      if (missing.length === 0 && surplus.length === 0) break
      for (const listener of surplus) yield* close(ctx, state, listener)
      for (const [name, listener] of missing) {
        tried.add(name)
        yield* listen(ctx, state, listener)
      }
    }
  } finally {
    state.updating = false
  }
  ctx.show({ listeners: state.open.size, failing: state.failing.size })
  if (state.failing.size > 0) ctx.timer('retry', 'real', retryMs)
}

function wantedOf({ told, args }: FabricState): Map<string, Listener> {
  const wanted = new Map<string, Listener>()
  for (const listeners of told.values()) for (const listener of listeners) wanted.set(ruleName(listener), listener)
  if (args.api !== undefined) {
    const listener = { ...args.api.listen, transport: 'TCP' } as const
    wanted.set(ruleName(listener), listener)
  }
  return wanted
}

function* listen(ctx: FabricContext, state: FabricState, listener: Listener): Flow<void> {
  const name = ruleName(listener)
  const answer = yield* ask(ctx.port(socketsPort), listenMs, 'listen', listener)
  if (answer.ok) {
    state.failing.delete(name)
    state.open.set(name, listener)
    if (answer.value.moved) ctx.log('port moved', { ...listener, to: answer.value.port })
  } else if (!state.failing.has(name)) {
    state.failing.add(name)
    ctx.log('cannot listen', { ...listener, code: answer.error.code, detail: answer.error.detail })
  }
}

function* close(ctx: FabricContext, state: FabricState, listener: Listener): Flow<void> {
  state.open.delete(ruleName(listener))
  yield* ask(ctx.port(socketsPort), listenMs, 'closeListener', listener)
}

const nodeOf = (nodes: readonly FabricNode[], address: string): FabricNode | undefined =>
  nodes.find(({ prefix }) => address.startsWith(`${prefix}.`))

function inTurn<V>(values: readonly V[], turn: number): V[] {
  const first = values.length === 0 ? 0 : turn % values.length
  return [...values.slice(first), ...values.slice(0, first)]
}
