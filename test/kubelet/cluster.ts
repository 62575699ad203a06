// Cluster: one node in the simulator, with a fake API, and what a test does to it.

import { container } from '../../actors/container.js'
import { type ContainersArgs, containers } from '../../actors/containers.js'
import { type KubeletArgs, type KubeletProtocol, kubelet } from '../../actors/kubelet.js'
import { supervisorOf } from '../../actors/supervisor.js'
import type { AnyActor, Ref } from '../../lib/actor/index.js'
import type { ApiRef, ApiRequest } from '../../lib/client/index.js'
import type { ContainerStatus, Event, Pod, PodSpec } from '../../lib/kinds/index.js'
import type { ApiObject } from '../../lib/object/index.js'
import { type PortMaker, World } from '../../lib/sim/index.js'
import { fakeApi } from './fake-api.js'
import { simulatedPorts } from './ports.js'

export const apiAddress = 'control-0/apiserver' as ApiRef
export const kubeletAddress = 'worker-1/kubelet' as Ref<KubeletProtocol>

export const containersAddress = 'worker-1/containers'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface ClusterOptions {
  readonly seed?: number
  readonly args?: Partial<KubeletArgs>
  readonly containers?: ContainersArgs
  readonly ports?: Readonly<Record<string, PortMaker>>
}

const cast: Readonly<Record<string, AnyActor>> = {
  kubelet: kubelet as AnyActor,
  containers: containers as AnyActor,
  container: container as AnyActor
}

export class Cluster {
  readonly world: World

  constructor({ seed = 1, args = {}, containers: containersArgs = {}, ports = simulatedPorts().ports }: ClusterOptions = {}) {
    this.world = new World({ seed, ports })
    this.world.start(apiAddress, fakeApi as AnyActor)
    this.world.run(100)
    const kubeletArgs: KubeletArgs = { node: 'worker-1', podPrefix: '127.9.2', apiservers: [apiAddress], ...args }
    const children = [
      { address: kubeletAddress, actor: 'kubelet', args: kubeletArgs, thread: kubeletAddress },
      { address: containersAddress, actor: 'containers', args: containersArgs, thread: containersAddress, onDemand: true as const }
    ]
    this.world.start('root/worker-1', supervisorOf(name => cast[name] as AnyActor) as AnyActor, { children })
    this.until('the node is registered', () => this.get('/api/v1/nodes/worker-1') !== undefined)
  }

  call(method: ApiRequest['method'], path: string, body?: unknown): unknown {
    const request: ApiRequest = { method, path, ...(body === undefined ? {} : { body: encoder.encode(JSON.stringify(body)) }) }
    const outcome = this.world.client.call(apiAddress, 5_000, 'request', request)
    if (!outcome.ok) throw new Error(JSON.stringify(outcome.error))
    return outcome.value.status < 400 ? JSON.parse(decoder.decode(outcome.value.body)) : undefined
  }

  get<T extends ApiObject>(path: string): T | undefined {
    return this.call('GET', path) as T | undefined
  }

  create(name: string, spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): void {
    const all: PodSpec = {
      nodeName: 'worker-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      ...spec,
      containers: spec.containers ?? []
    }
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', generation: 1, ...metadata }, spec: all }
    this.call('POST', '/api/v1/namespaces/default/pods', pod)
  }

  pod(name: string): Pod | undefined {
    return this.get<Pod>(`/api/v1/namespaces/default/pods/${name}`)
  }

  status(name: string, container = 0): ContainerStatus | undefined {
    return this.pod(name)?.status?.containerStatuses?.[container]
  }

  ready(name: string): boolean {
    return this.pod(name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  }

  events(name: string): string[] {
    const events = (this.call('GET', '/api/v1/namespaces/default/events') as { items: Event[] }).items
    return events.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason, message }) => `${reason}: ${message}`)
  }

  /** Virtual time passes until then. The limit is generous: nothing here waits in real time. */
  until(what: string, holds: () => boolean, limitMs = 120_000): void {
    const untilMs = this.world.nowMs + limitMs
    while (!holds()) {
      if (this.world.nowMs > untilMs) throw new Error(`never: ${what}`)
      this.world.run(this.world.nowMs + 20)
    }
  }

  pass(ms: number): void {
    this.world.run(this.world.nowMs + ms)
  }
}
