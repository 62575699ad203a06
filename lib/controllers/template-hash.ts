// Template hash: names the replica set of a pod template, so that the same template always finds the same replica set.
//
// FNV-1a over the template's JSON with sorted names, made safe as upstream does. Upstream hashes a dump of Go structures, so the
// hashes differ from those of a real cluster; nothing but names and the label depends on them.

import type { PodTemplateSpec } from '../kinds/index.js'
import { safeEncode, semanticEqual } from '../object/index.js'

export const hashLabel = 'pod-template-hash'

const encoder = new TextEncoder()

/** `collisionCount` makes another hash once two templates have met in one. */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  let hash = 0x811c9dc5
  const text = JSON.stringify(sorted(template)) + (collisionCount === undefined ? '' : `\u0000${collisionCount}`)
  for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return safeEncode(String(hash >>> 0))
}

/** Whether both ask for the same pods; the label that the hash adds does not count. */
export function sameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return semanticEqual(withoutHash(a), withoutHash(b))
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)])
  )
}
