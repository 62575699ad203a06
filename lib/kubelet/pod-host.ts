// PodHost: what the kubelet lends to the workers of its pods.

import type { Ref } from '../actor/index.js'
import type { ApiClient, ClientContext, Recorder } from '../client/index.js'
import type { Container, Pod } from '../kinds/index.js'
import type { ObjectReference } from '../object/index.js'
import type { SocketsProtocol } from '../ports/index.js'
import type { NodeFacts } from './node-status.js'
import type { PodAddresses } from './pod-addresses.js'
import type { ContainerRuntime } from './runtime.js'

export interface PodHost {
  readonly ctx: ClientContext
  readonly client: ApiClient
  readonly recorder: Recorder
  readonly runtime: ContainerRuntime
  readonly sockets: Ref<SocketsProtocol>
  readonly addresses: PodAddresses
  readonly facts: NodeFacts
  /** Has the pod looked at again by then, on the cluster's clock. */
  wakeAt(uid: string, atMs: number): void
  /** The worker is done: nothing of the pod is left here. */
  released(uid: string): void
}

export interface Subject {
  readonly pod: Pod
  readonly container?: Container
  readonly init?: boolean
}

/** What an event is about: a pod, or a container of it by its field path. */
export function subjectOf({ pod, container, init }: Subject): ObjectReference {
  const { namespace = '', name = '', uid = '', resourceVersion } = pod.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace,
    name,
    uid,
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(container === undefined ? {} : { fieldPath: `spec.${init === true ? 'initContainers' : 'containers'}{${container.name}}` })
  }
}

/** `web_default(uid)`: how upstream's messages name a pod. */
export const podText = ({ metadata }: Pod): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`
