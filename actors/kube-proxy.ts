// kube-proxy: decides, for one node, where connections to services go. It touches no byte and holds no listener: the
// fabric does, and asks. As it knows every service, it also answers the names of services to its node's containers.

import { type Actor, type Context, type Ref, refuse } from '../lib/actor/index.js'
import { ApiClient, type ApiRef, Informer, resources } from '../lib/client/index.js'
import type { EndpointSlice, Service } from '../lib/kinds/index.js'
import type { Listener, SocketAddress, Transport } from '../lib/ports/index.js'
import { addressesOfName, Balancer, type NodeView, type Rule, ruleName, rulesOf, serviceNameLabel } from '../lib/proxy/index.js'
import type { FabricProtocol } from './fabric.js'

export interface KubeProxyProtocol {
  /** Where a connection to that listener goes: endpoints in the order in which to try them. */
  endpointsFor(connection: ProxiedConnection): { readonly endpoints: readonly SocketAddress[] }
  /**
   * Every listener that should exist as this node sees it: those with an endpoint to go to. Where nobody listens, the
   * system itself refuses connections, as upstream's REJECT rule does.
   */
  listeners(): readonly Listener[]
  /** The addresses of a fully qualified name of the cluster; none: no such name. Refused `not ready` before services are known. */
  resolve(query: { readonly name: string }): { readonly addresses: readonly string[] }
}

export interface ProxiedConnection {
  readonly transport: Transport
  readonly listener: SocketAddress
  readonly client: SocketAddress
  readonly inside: boolean // The client is a pod or a node of this cluster.
}

export interface KubeProxyArgs extends NodeView {
  readonly apiservers: readonly ApiRef[]
  readonly fabric: Ref<FabricProtocol>
}

interface KubeProxyState {
  readonly args: KubeProxyArgs
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly byService: Map<string, readonly Rule[]>
  readonly rules: Map<string, Rule> // By name.
  readonly balancer: Balancer
  readonly dirty: Set<string> // Services, by namespace/name.
  told: string // The listeners the fabric was last told.
}

type ProxyContext = Context<KubeProxyProtocol>

export const kubeProxy: Actor<KubeProxyProtocol, KubeProxyArgs, KubeProxyState> = {
  name: 'kube-proxy',
  init(ctx, args) {
    const client = new ApiClient(ctx, { apiservers: args.apiservers, fieldManager: 'kube-proxy' })
    const byService = (slice: EndpointSlice): readonly string[] => serviceOf(slice)
    const state: KubeProxyState = {
      args,
      services: new Informer(ctx, client, { resource: resources.services }),
      slices: new Informer(ctx, client, { resource: resources.endpointSlices, indexers: { service: byService } }),
      byService: new Map(),
      rules: new Map(),
      balancer: new Balancer(),
      dirty: new Set(),
      told: ''
    }
    const serviceChanged = ({ metadata }: Service): void => void state.dirty.add(`${metadata.namespace}/${metadata.name}`)
    const sliceChanged = (slice: EndpointSlice): void => serviceOf(slice).forEach(name => void state.dirty.add(name))
    state.services.addHandler({ add: serviceChanged, update: (_old, service) => serviceChanged(service), delete: serviceChanged })
    state.slices.addHandler({ add: sliceChanged, update: (_old, slice) => sliceChanged(slice), delete: sliceChanged })
    state.services.start()
    state.slices.start()
    return state
  },
  on: {
    endpointsFor(ctx, { rules, balancer }, { transport, listener, client, inside }) {
      const rule = rules.get(ruleName({ ...listener, transport }))
      return { endpoints: rule === undefined ? [] : balancer.choose(rule, client.address, inside, ctx.clusterMs) }
    },
    listeners: (_ctx, state) => listenersOf(state),
    resolve(_ctx, { services, slices }, { name }) {
      if (!services.synced || !slices.synced) return refuse('not ready', 'services are not known yet')
      const source = {
        service: (key: string) => services.store.get(key),
        slices: (key: string) => slices.store.byIndex('service', key)
      }
      return { addresses: addressesOfName(name, source) }
    }
  },
  settled(ctx, state) {
    if (state.dirty.size === 0 || !state.services.synced || !state.slices.synced) return
    for (const service of state.dirty) update(state, service)
    state.dirty.clear()
    tellFabric(ctx, state)
  }
}

const serviceOf = ({ metadata }: EndpointSlice): readonly string[] => {
  const name = metadata.labels?.[serviceNameLabel]
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
}

function update(state: KubeProxyState, name: string): void {
  const { services, slices, byService, rules, balancer, args } = state
  const before = byService.get(name) ?? []
  const service = services.store.get(name)
  const after = service === undefined ? [] : rulesOf(service, slices.store.byIndex('service', name), args)
  for (const rule of before) rules.delete(rule.name)
  for (const rule of after) rules.set(rule.name, rule)
  for (const { servicePort } of before) if (!after.some(rule => rule.servicePort === servicePort)) balancer.forget(servicePort)
  if (after.length > 0) byService.set(name, after)
  else byService.delete(name)
}

const listenersOf = ({ rules }: KubeProxyState): readonly Listener[] =>
  [...rules.values()]
    .filter(({ endpoints, endpointsInside }) => endpoints.length + endpointsInside.length > 0)
    .map(({ listener }) => listener)

function tellFabric(ctx: ProxyContext, state: KubeProxyState): void {
  const listeners = listenersOf(state)
  const told = listeners.map(ruleName).sort().join(' ')
  if (told === state.told) return
  state.told = told
  ctx.tell(state.args.fabric, 'listeners', { listeners })
  ctx.show({ services: state.byService.size, listeners: listeners.length })
}
