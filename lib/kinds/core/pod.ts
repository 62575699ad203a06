// Pod: one or more containers on one node.

import { defineKind, keepMetadata, specChanged, statusSubresource } from '../definition.js'
import type { Kind, Subresource } from '../kind.js'
import { podCells, podColumns } from './pod-columns.js'
import { defaultPod } from './pod-defaults.js'
import { podQuality } from './pod-quality.js'
import type { Pod } from './pod-spec.js'
import { validatePod, validatePodStatusUpdate, validatePodUpdate } from './pod-validation.js'

const connect = (name: string): Subresource => ({ name, kind: 'PodExecOptions', verbs: ['create', 'get'] })

export const podKind: Kind<Pod> = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.Pod',
  subresources: [
    { ...connect('attach'), kind: 'PodAttachOptions' },
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'ephemeralcontainers', kind: 'Pod', verbs: ['get', 'patch', 'update'] },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    connect('exec'),
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { ...connect('portforward'), kind: 'PodPortForwardOptions' },
    { name: 'proxy', kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
    { name: 'resize', kind: 'Pod', verbs: ['get', 'patch', 'update'] },
    statusSubresource('Pod')
  ],
  defaults: pod => {
    defaultPod(pod)
    pod.status ??= {}
  },
  prepareForCreate: pod => {
    pod.status = { phase: 'Pending', qosClass: podQuality(pod.spec) }
    if ((pod.spec.schedulingGates ?? []).length > 0) {
      pod.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
          ...(pod.metadata.creationTimestamp === undefined ? {} : { lastTransitionTime: pod.metadata.creationTimestamp })
        }
      ]
    }
  },
  prepareForUpdate: (pod, old) => {
    pod.status = old.status ?? {}
  },
  prepareForStatusUpdate: (pod, old) => {
    pod.spec = old.spec
    // The quality is decided at creation; upstream keeps it against kubelets that do not know it.
    const quality = pod.status?.qosClass || old.status?.qosClass
    if (quality !== undefined) pod.status = { ...pod.status, qosClass: quality }
    keepMetadata(pod, old, ['ownerReferences'])
  },
  generationChanged: specChanged,
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  selectableFields: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.podIPs',
    'status.nominatedNodeName'
  ],
  fields: pod => ({
    'spec.nodeName': pod.spec.nodeName ?? '',
    'spec.restartPolicy': pod.spec.restartPolicy ?? '',
    'spec.schedulerName': pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': String(pod.spec.hostNetwork ?? false),
    'status.phase': pod.status?.phase ?? '',
    'status.podIP': pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.nominatedNodeName': pod.status?.nominatedNodeName ?? ''
  }),
  columns: podColumns,
  cells: podCells,
  graceSeconds: (pod, requestedSeconds) => {
    if (!pod.spec.nodeName || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0
    const seconds = requestedSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 0
    return seconds < 0 ? 1 : seconds // Upstream reads a negative grace as one second.
  }
})
