// User objects: what users ask for, as JSON, and the patches of it.

import type { ApiState } from '../check/index.js'
import { markAnnotation, tallyField } from '../check/index.js'
import type { Resource } from '../client/index.js'
import { apiVersionOf } from '../client/index.js'

export const images = ['nginx:1.27', 'nginx:1.28', 'nginx:1.29']
/** Objects of two tiers, so that watches which select one of them see objects come and go. */
export const tierLabel = 'chaos/tier'
export const tiers = ['front', 'back']

export interface Named {
  readonly name: string
  readonly namespace: string
}

const tolerations = ['not-ready', 'unreachable'].map(taint => ({
  key: `node.kubernetes.io/${taint}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 5
}))

/** The object with the mark of the write that sends it. */
export function marked(resource: Resource, at: Named, object: object, mark: string): object {
  const { metadata = {} } = object as { metadata?: object }
  const annotations = { [markAnnotation]: mark }
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { ...metadata, ...at, annotations } }
}

export function markedPatch(patch: object, mark: string): object {
  const { metadata = {} } = patch as { metadata?: object }
  return { ...patch, metadata: { ...metadata, annotations: { [markAnnotation]: mark } } }
}

export const counterOf = (tally: number): object => ({ data: { [tallyField]: String(tally) } })

/** The counter as it was read, one further; it goes only onto what was read. */
export const increasedOf = ({ uid, revision, tally }: ApiState): object => ({
  ...counterOf((tally ?? 0) + 1),
  metadata: { uid, resourceVersion: String(revision) }
})

export const serviceOf = (app: string): object => ({ spec: { selector: { app }, ports: [{ port: 80 }] } })

export const deploymentOf = (app: string, replicas: number, image: string): object => ({
  metadata: { labels: { app } },
  spec: {
    replicas,
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: { tolerations, terminationGracePeriodSeconds: 1, containers: [{ name: 'web', image, ports: [{ containerPort: 80 }] }] }
    }
  }
})
