// Workloads: what a pod is a copy of, to spread copies by default: the Services that select it and the controller it belongs to.

import { everything, type LabelSelector, matchesLabels, type Selector, selectorOf, selectorOfMap } from '../object/index.js'
import type { PodInfo } from './pod-info.js'

export class Workloads {
  readonly #services = new Map<string, Map<string, Selector>>() // By namespace, by name.
  readonly #owners = new Map<string, Selector>() // By kind/namespace/name.

  setService(namespace: string, name: string, selector: Record<string, string> | undefined): void {
    // Without a selector its endpoints are somebody else's to name.
    if (selector === undefined) return this.deleteService(namespace, name)
    const services = this.#services.get(namespace) ?? new Map<string, Selector>()
    services.set(name, selectorOfMap(selector))
    this.#services.set(namespace, services)
  }

  deleteService(namespace: string, name: string): void {
    const services = this.#services.get(namespace)
    if (services?.delete(name) === true && services.size === 0) this.#services.delete(namespace)
  }

  /** `kind`: ReplicaSet, StatefulSet or ReplicationController. */
  setOwner(kind: string, namespace: string, name: string, selector: LabelSelector | undefined): void {
    this.#owners.set(`${kind}/${namespace}/${name}`, selectorOf(selector))
  }

  deleteOwner(kind: string, namespace: string, name: string): void {
    this.#owners.delete(`${kind}/${namespace}/${name}`)
  }

  /** What its copies have in common (upstream's helper.DefaultSelector); undefined: it is nobody's copy. */
  selectorFor(pod: PodInfo): Selector | undefined {
    let requirements = everything.requirements
    for (const selector of this.#services.get(pod.namespace)?.values() ?? []) {
      if (matchesLabels(selector, pod.labels)) requirements = [...requirements, ...selector.requirements]
    }
    const { controller } = pod
    const owner = controller === undefined ? undefined : this.#owners.get(`${controller.kind}/${pod.namespace}/${controller.name}`)
    if (owner !== undefined && owner.nothing !== true) requirements = [...requirements, ...owner.requirements]
    return requirements.length === 0 ? undefined : { requirements }
  }
}
