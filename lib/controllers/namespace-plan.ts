// Namespace plan: what a namespace that is being deleted says of what is left in it. Pure; upstream's conditions and words.

import { type ApiObject, type Condition, findCondition, formatTime } from '../object/index.js'
import type { Discovered } from './discovery.js'

export interface Remaining {
  readonly resource: Discovered
  readonly objects: readonly ApiObject[]
}

export interface ContentReport {
  readonly discoveryFailures: readonly string[]
  readonly deletionFailures: readonly string[]
  readonly remaining: readonly Remaining[]
}

const conditionTypes = ['discovery', 'parsing', 'deletion', 'content', 'finalizers'] as const

const healthy: Record<(typeof conditionTypes)[number], { type: string; reason: string; message: string }> = {
  discovery: { type: 'NamespaceDeletionDiscoveryFailure', reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
  parsing: {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    reason: 'ParsedGroupVersions',
    message: 'All legacy kube types successfully parsed'
  },
  deletion: {
    type: 'NamespaceDeletionContentFailure',
    reason: 'ContentDeleted',
    message: 'All content successfully deleted, may be waiting on finalization'
  },
  content: { type: 'NamespaceContentRemaining', reason: 'ContentRemoved', message: 'All content successfully removed' },
  finalizers: {
    type: 'NamespaceFinalizersRemaining',
    reason: 'ContentHasNoFinalizers',
    message: 'All content-preserving finalizers finished'
  }
}

/** The conditions after a look at the content; the same list if nothing changes. */
export function namespaceConditions(old: readonly Condition[] | undefined, report: ContentReport, nowMs: number): readonly Condition[] {
  const bad = faults(report)
  let changed = false
  const next: Condition[] = (old ?? []).filter(({ type }) => !conditionTypes.some(name => healthy[name].type === type))
  for (const name of conditionTypes) {
    const known = findCondition(old, healthy[name].type)
    const fault = bad[name]
    const { type, reason, message } = { ...healthy[name], ...fault }
    const status = fault === undefined ? 'False' : 'True'
    if (known?.status === status && known.reason === reason && known.message === message) {
      next.push(known)
      continue
    }
    changed = true
    const lastTransitionTime = known?.status === status ? known.lastTransitionTime : undefined
    next.push({ type, status, reason, message, lastTransitionTime: lastTransitionTime ?? formatTime(nowMs) })
  }
  return changed ? next : (old ?? [])
}

function faults({ discoveryFailures, deletionFailures, remaining }: ContentReport): Partial<typeof healthy> {
  const found: Partial<typeof healthy> = {}
  if (discoveryFailures.length > 0) {
    const message = `Discovery failed for some groups, ${discoveryFailures.length} failing: ${[...discoveryFailures].sort().join(', ')}`
    found.discovery = { ...healthy.discovery, reason: 'DiscoveryFailed', message }
  }
  if (deletionFailures.length > 0) {
    const message = `Failed to delete all resource types, ${deletionFailures.length} remaining: ${[...deletionFailures].sort().join(', ')}`
    found.deletion = { ...healthy.deletion, reason: 'ContentDeletionFailed', message }
  }
  const left = remaining.filter(({ objects }) => objects.length > 0)
  if (left.length > 0) {
    const counts = left.map(({ resource, objects }) => `${resource.plural}.${resource.group} has ${objects.length} resource instances`)
    found.content = {
      ...healthy.content,
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${counts.sort().join(', ')}`
    }
  }
  const byFinalizer = new Map<string, number>()
  for (const { objects } of left) {
    for (const { metadata } of objects) {
      for (const name of metadata.finalizers ?? []) byFinalizer.set(name, (byFinalizer.get(name) ?? 0) + 1)
    }
  }
  if (byFinalizer.size > 0) {
    const counts = [...byFinalizer].map(([name, count]) => `${name} in ${count} resource instances`)
    const message = `Some content in the namespace has finalizers remaining: ${counts.sort().join(', ')}`
    found.finalizers = { ...healthy.finalizers, reason: 'SomeFinalizersRemain', message }
  }
  return found
}

/** How long what is left may still take by its own word, in seconds: the longest grace of a pod. */
export function graceLeftSeconds(remaining: readonly Remaining[]): number {
  let seconds = 0
  for (const { resource, objects } of remaining) {
    if (resource.plural !== 'pods' || resource.group !== '') continue
    for (const { metadata } of objects) seconds = Math.max(seconds, metadata.deletionGracePeriodSeconds ?? 0)
  }
  return seconds
}
