// What Deployments and ReplicaSets have in common: a selector, a template of the pods it selects, and how many.

import {
  type ApiObject,
  type FieldError,
  field,
  formatSelector,
  type LabelSelector,
  matchesLabels,
  selectorOf,
  validateLabelSelector
} from '../../object/index.js'
import type { PodTemplateSpec } from '../core/pod-spec.js'
import { validatePodTemplate } from '../core/pod-validation.js'
import type { ScaleMapping } from '../kind.js'

const { child } = field

/** The selector must be there, select something, and select the template's pods. */
export function validateSelectorAndTemplate(selector: LabelSelector | undefined, template: PodTemplateSpec, path = 'spec'): FieldError[] {
  const errors: FieldError[] = []
  const here = child(path, 'selector')
  if (selector === undefined) errors.push(field.required(here))
  else {
    errors.push(...validateLabelSelector(selector, here))
    const size = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length
    // Upstream says deployment of ReplicaSets too.
    if (size === 0) errors.push(field.invalid(here, selector, 'empty selector is invalid for deployment'))
  }
  const templatePath = child(path, 'template')
  if (!matchesLabels(selectorOf(selector), template.metadata?.labels)) {
    const labels = template.metadata?.labels ?? null
    errors.push(field.invalid(child(templatePath, 'metadata', 'labels'), labels, '`selector` does not match template `labels`'))
  }
  errors.push(...validatePodTemplate(template, templatePath))
  if (template.spec.restartPolicy !== 'Always') {
    errors.push(field.notSupported(child(templatePath, 'spec', 'restartPolicy'), template.spec.restartPolicy, ['Always']))
  }
  if (template.spec.activeDeadlineSeconds !== undefined) {
    errors.push(
      field.forbidden(child(templatePath, 'spec', 'activeDeadlineSeconds'), 'activeDeadlineSeconds in ReplicaSet is not Supported')
    )
  }
  return errors
}

interface Scalable extends ApiObject {
  spec: { replicas?: number; selector: LabelSelector }
  status?: { replicas?: number }
}

export const replicaScale: ScaleMapping<Scalable> = {
  specReplicas: object => object.spec.replicas ?? 0,
  statusReplicas: object => object.status?.replicas ?? 0,
  selector: object => formatSelector(selectorOf(object.spec.selector)),
  setReplicas: (object, replicas) => {
    object.spec.replicas = replicas
  }
}

/** CONTAINERS and IMAGES of `-o wide`. */
export const containerCells = (template: PodTemplateSpec): [string, string] => [
  template.spec.containers.map(container => container.name).join(','),
  template.spec.containers.map(container => container.image ?? '').join(',')
]
