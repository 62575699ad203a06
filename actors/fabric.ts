// Fabric: the wire of the cluster. It holds every address that is not a pod's: service VIPs, NodePorts, and, with
// several apiservers, the API's.
//
// For each connection it asks the kube-proxy of the client's node where it goes, and the port pipes the bytes. A node
// whose kube-proxy is dead, paused or cut off reaches no service. Clients from outside are answered by any live node.

import { type Actor, ask, type Context, type Flow, type Ref, sleep } from '../lib/actor/index.js'
import { type Listener, type SocketAddress, type SocketsOwner, socketsPort } from '../lib/ports/index.js'
import { ruleName } from '../lib/proxy/index.js'
import type { KubeProxyProtocol, ProxiedConnection } from './kube-proxy.js'

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
  nextNode: number
  nextApi: number
  updating: boolean
}

type FabricContext = Context<FabricProtocol>

const decideMs = 500 // The port itself waits longer: two nodes can be asked.
const listenMs = 5_000
const retryMs = 1_000
const nodesAskedMax = 3

export const fabric: Actor<FabricProtocol, FabricArgs, FabricState> = {
  name: 'fabric',
  ports: [socketsPort],
  init(ctx, args) {
    const state: FabricState = { args, told: new Map(), open: new Map(), nextNode: 0, nextApi: 0, updating: false }
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
    connection(_ctx, state, connection) {
      const { api } = state.args
      if (api !== undefined && connection.listener.port === api.listen.port && connection.listener.address === api.listen.address) {
        return { endpoints: inTurn(api.apiservers, state.nextApi++) }
      }
      return decide(state, connection)
    }
  }
}

/** The kube-proxy of the client's node, or of the node whose address was dialled; for others any live one. */
function* decide(state: FabricState, connection: ProxiedConnection): Flow<{ endpoints: readonly SocketAddress[] }> {
  const { nodes } = state.args
  const own = nodeOf(nodes, connection.client.address) ?? nodeOf(nodes, connection.listener.address)
  const asked = own !== undefined ? [own] : inTurn(nodes, state.nextNode++).slice(0, nodesAskedMax)
  for (const { proxy } of asked) {
    const answer = yield* ask(proxy, decideMs, 'endpointsFor', connection)
    if (answer.ok) return answer.value
  }
  return { endpoints: [] }
}

/** What that kube-proxy has to say, if it ran before this life of the fabric. */
function* learn(ctx: FabricContext, state: FabricState, { proxy }: FabricNode): Flow<void> {
  const answer = yield* ask(proxy, decideMs, 'listeners')
  if (!answer.ok || state.told.has(proxy)) return
  state.told.set(proxy, answer.value)
  if (!state.updating) yield* keepListening(ctx, state)
}

/** Opens what should be and closes what should not, until it is so. */
function* keepListening(ctx: FabricContext, state: FabricState): Flow<void> {
  state.updating = true
  try {
    for (;;) {
      const wanted = wantedOf(state)
      const missing = [...wanted.values()].filter(listener => !state.open.has(ruleName(listener)))
      const surplus = [...state.open.values()].filter(listener => !wanted.has(ruleName(listener)))
      if (missing.length === 0 && surplus.length === 0) return
      for (const listener of surplus) yield* close(ctx, state, listener)
      let failed = 0
      for (const listener of missing) if (!(yield* listen(ctx, state, listener))) failed++
      ctx.show({ listeners: state.open.size, failing: failed })
      if (failed > 0) yield* sleep('real', retryMs)
    }
  } finally {
    state.updating = false
  }
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

function* listen(ctx: FabricContext, state: FabricState, listener: Listener): Flow<boolean> {
  const answer = yield* ask(ctx.port(socketsPort), listenMs, 'listen', listener)
  if (answer.ok) {
    state.open.set(ruleName(listener), listener)
    if (answer.value.moved) ctx.log('port moved', { ...listener, to: answer.value.port })
  } else ctx.log('cannot listen', { ...listener, code: answer.error.code, detail: answer.error.detail })
  return answer.ok
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
