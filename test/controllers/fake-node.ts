// Fake node: scheduler, kubelets and heartbeats in one actor, over the client that real ones use. Pods become ready at once.
// What an apiserver's death made fail is done again at the next resync.

import type { Actor, Context, Flow } from '../../lib/actor/index.js'
import { ApiClient, type ApiRef, Informer, indexers, resources } from '../../lib/client/index.js'
import type { Pod } from '../../lib/kinds/index.js'
import { formatMicroTime, formatTime, objectKey } from '../../lib/object/index.js'

export interface FakeNodeProtocol {
  /** Nodes that go silent: no heartbeat, and their pods are not touched. */
  silence(names: readonly string[]): void
}

export interface FakeNodeArgs {
  readonly apiservers: readonly ApiRef[]
  readonly nodes: readonly string[]
  /** Whether a pod of that image ever becomes ready. */
  readonly broken?: string
  readonly readyMs?: number
}

interface State {
  readonly client: ApiClient
  readonly args: FakeNodeArgs
  readonly silent: Set<string>
  readonly pods: Informer<Pod>
  turn: number
}

const heartbeatMs = 10_000

export const fakeNode: Actor<FakeNodeProtocol, FakeNodeArgs, State> = {
  name: 'fake-node',
  init(ctx, args) {
    const client = new ApiClient(ctx, { apiservers: args.apiservers })
    const pods = new Informer<Pod>(ctx, client, { resource: resources.pods, indexers: { node: indexers.node }, resyncMs: 5_000 })
    const state: State = { client, args, silent: new Set(), pods, turn: 0 }
    const look = (pod: Pod): void => void ctx.run(tend(ctx, state, pod))
    pods.addHandler({ add: look, update: (_, pod) => look(pod) })
    pods.start()
    for (const name of args.nodes) ctx.run(beat(ctx, state, name))
    return state
  },
  on: {
    silence(ctx, state, names) {
      state.silent.clear()
      for (const name of names) state.silent.add(name)
      for (const pod of state.pods.store.values()) ctx.run(tend(ctx, state, pod))
    }
  }
}

type Ctx = Context<FakeNodeProtocol>

function* beat(ctx: Ctx, { client, silent }: State, name: string): Flow<void> {
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastTransitionTime: formatTime(ctx.clusterMs) }]
  yield* client.create(resources.nodes, { metadata: { name }, status: { conditions } })
  yield* client.create(resources.leases, { metadata: { namespace: 'kube-node-lease', name }, spec: { holderIdentity: name } })
  for (;;) {
    if (!silent.has(name)) {
      const renewTime = formatMicroTime(ctx.clusterMs)
      yield* client.patch(resources.leases, { namespace: 'kube-node-lease', name }, { spec: { renewTime } })
      const node = yield* client.get(resources.nodes, { name })
      if (node.ok && node.value.status?.conditions?.some(({ type, status }) => type === 'Ready' && status !== 'True') === true) {
        yield* client.updateStatus(resources.nodes, { ...node.value, status: { conditions } })
      }
    }
    yield { step: 'sleep', clock: 'cluster', delayMs: heartbeatMs }
  }
}

function* tend(ctx: Ctx, state: State, pod: Pod): Flow<void> {
  const { client, args, silent } = state
  const node = pod.spec.nodeName
  if (node === undefined) {
    if (pod.metadata.deletionTimestamp !== undefined) return
    const alive = args.nodes.filter(name => !silent.has(name))
    const target = alive[state.turn++ % alive.length]
    if (target !== undefined) yield* client.bind(pod.metadata, target)
    return
  }
  if (silent.has(node)) return
  if (pod.metadata.deletionTimestamp !== undefined) {
    yield* client.delete(resources.pods, pod.metadata, { gracePeriodSeconds: 0 })
    return
  }
  if (pod.status?.podIP !== undefined) return
  if (args.readyMs !== undefined) yield { step: 'sleep', clock: 'real', delayMs: args.readyMs }
  const now = state.pods.store.get(objectKey(pod.metadata))
  if (now === undefined || now.status?.podIP !== undefined) return
  const ready = pod.spec.containers[0]?.image === args.broken ? 'False' : 'True'
  const ip = `127.9.${state.turn >> 8}.${state.turn++ & 255}`
  const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: formatTime(ctx.clusterMs) }]
  yield* client.patch(
    resources.pods,
    pod.metadata,
    { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions } },
    { subresource: 'status' }
  )
}
