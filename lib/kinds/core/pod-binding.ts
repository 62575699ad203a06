// Binding a pod to a node: what POST pods/binding does to the pod (upstream's BindingREST).

import { type Condition, dns1123SubdomainFaults, errors, field, type StatusError, setCondition } from '../../object/index.js'
import { matches } from '../validation.js'
import type { Binding, Pod } from './pod-spec.js'

export type BindingResult = { readonly ok: true; readonly pod: Pod } | { readonly ok: false; readonly error: StatusError }

/** The pod on its node. A pod has one node in its life: binding it again is a conflict. The pod given is not changed. */
export function bindPod(pod: Pod, binding: Binding, nowMs: number): BindingResult {
  const name = pod.metadata.name ?? ''
  const node = binding.target?.name ?? ''
  const faults = [
    ...(binding.target?.kind && binding.target.kind !== 'Node'
      ? [field.notSupported('target.kind', binding.target.kind, ['Node', '<empty>'])]
      : []),
    ...(node === '' ? [field.required('target.name')] : matches(node, dns1123SubdomainFaults, 'target.name'))
  ]
  if (faults.length > 0) return { ok: false, error: errors.invalid({ group: '', kind: 'Binding' }, name, faults) }
  const why = refusal(pod, name)
  if (why !== undefined) return { ok: false, error: errors.conflict({ group: '', resource: 'pods/binding' }, name, why) }
  const annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations }
  const conditions = setCondition(pod.status?.conditions, { type: 'PodScheduled', status: 'True' }, nowMs).map(scheduled)
  const { nominatedNodeName: _nominated, ...status } = pod.status ?? {}
  const bound: Pod = {
    ...pod,
    metadata: { ...pod.metadata, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
    spec: { ...pod.spec, nodeName: node },
    status: { ...status, conditions }
  }
  return { ok: true, pod: bound }
}

function refusal(pod: Pod, name: string): string | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return `pod ${name} is being deleted, cannot be assigned to a host`
  if (pod.spec.nodeName) return `pod ${name} is already assigned to node ${field.quote(pod.spec.nodeName)}`
  if ((pod.spec.schedulingGates ?? []).length > 0) return `pod ${name} has non-empty .spec.schedulingGates`
  return undefined
}

/** Why it was not scheduled before does not matter any more. */
function scheduled(condition: Condition): Condition {
  if (condition.type !== 'PodScheduled') return condition
  const { reason: _reason, message: _message, ...rest } = condition
  return rest
}
