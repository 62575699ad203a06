// NodeAffinity: spec.nodeSelector and node affinity, required and preferred.

import type { NodeSelectorTerm } from '../../kinds/index.js'
import { matchesRequired, matchesTerm } from '../node-selector.js'
import { becameFit, type FilterStart, normalizeByMax, type Plugin, rejection } from '../plugin.js'
import type { PodInfo } from '../pod-info.js'

const mismatch = rejection("node(s) didn't match Pod's node affinity/selector", false)
const conflict = rejection('pod affinity terms conflict', false)

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  weight: 2,
  filter: (pod): FilterStart | undefined => {
    const required = pod.nodeAffinity
    if (required === undefined) return undefined
    const only = namedNodes(pod)
    if (only?.size === 0) return { rejected: conflict }
    const filter = {
      filter: (node: Parameters<NonNullable<FilterStart['filter']>>[0]) => (matchesRequired(required, node.facts) ? undefined : mismatch)
    }
    return only === undefined ? filter : { ...filter, only }
  },
  score: pod => {
    const { preferredNodes } = pod
    if (preferredNodes.length === 0) return undefined
    return {
      score: ({ facts }) => {
        let sum = 0
        for (const { term, weight } of preferredNodes) if (matchesTerm(term, facts)) sum += weight
        return sum
      },
      normalize: scores => normalizeByMax(scores, false)
    }
  },
  helpedBy: (event, { nodeAffinity: required }) => becameFit(event, facts => required === undefined || matchesRequired(required, facts))
}

/** If every term names its nodes by matchFields, as a DaemonSet's pods do, no others need be looked at. */
function namedNodes({ pod }: PodInfo): Set<string> | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  if (terms === undefined || terms.length === 0) return undefined
  const names = new Set<string>()
  for (const term of terms) {
    const named = namesOf(term)
    if (named === undefined) return undefined
    for (const name of named) names.add(name)
  }
  return names
}

function namesOf({ matchFields = [] }: NodeSelectorTerm): Set<string> | undefined {
  let names: Set<string> | undefined
  for (const { key, operator, values = [] } of matchFields) {
    if (key !== 'metadata.name' || operator !== 'In') continue
    const given = new Set(values)
    names = names === undefined ? given : new Set([...names].filter(name => given.has(name)))
  }
  return names
}
