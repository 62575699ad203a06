// controllers: kube-controller-manager's loops. A new controller is one file and one line here.

import type { ControllerDefinition } from './controller.js'
import { deploymentController } from './deployment.js'
import { endpointSliceController } from './endpoint-slice.js'
import { garbageCollector } from './garbage-collector.js'
import { namespaceController } from './namespace.js'
import { nodeLifecycleController } from './node-lifecycle.js'
import { podGcController } from './pod-gc.js'
import { replicaSetController } from './replica-set.js'
import { serviceAccountController } from './service-account.js'

export const controllers: readonly ControllerDefinition[] = [
  deploymentController,
  endpointSliceController,
  garbageCollector,
  namespaceController,
  nodeLifecycleController,
  podGcController,
  replicaSetController,
  serviceAccountController
]

export const controllerNamed = (name: string): ControllerDefinition | undefined => controllers.find(one => one.name === name)

export { type ControllerDefinition, ControllerScope, type Interest, type JoinProtocol } from './controller.js'
export { type Discovered, type Discovery, discover, isCollectable } from './discovery.js'
export { tolerates } from './eviction-plan.js'
export { type ControllerOptions, controllerDefaults } from './options.js'
export { isPodActive, isPodAvailable, isPodReady, isPodTerminal } from './pod-state.js'
export { Scout } from './scout.js'
