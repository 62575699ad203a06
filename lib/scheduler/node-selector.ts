// NodeSelector: terms over a node's labels and fields, any of which must hold whole (component-helpers/scheduling/corev1/nodeaffinity).

import type { NodeSelectorRequirement, NodeSelectorTerm } from '../kinds/index.js'
import {
  everything,
  type LabelOperator,
  type LabelRequirement,
  matchesLabels,
  nothing,
  type Selector,
  selectorOfMap
} from '../object/index.js'

export interface CompiledTerm {
  readonly labels: Selector
  readonly fields: Selector
}

export interface RequiredNodeAffinity {
  readonly labels: Selector | undefined // spec.nodeSelector
  readonly terms: readonly CompiledTerm[] | undefined // None of none matches nothing.
}

export interface SelectableNode {
  readonly labels: Readonly<Record<string, string>>
  readonly fields: Readonly<Record<string, string>>
}

const operators: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt'
}

/** Undefined for a term without requirements, which matches no node. */
export function compileTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): CompiledTerm | undefined {
  if (matchExpressions.length === 0 && matchFields.length === 0) return undefined
  return { labels: selector(matchExpressions), fields: selector(matchFields) }
}

export const matchesTerm = (term: CompiledTerm, node: SelectableNode): boolean =>
  matchesLabels(term.labels, node.labels) && matchesLabels(term.fields, node.fields)

export function compileRequired(
  nodeSelector: Record<string, string> | undefined,
  terms: readonly NodeSelectorTerm[] | undefined
): RequiredNodeAffinity | undefined {
  const labels = nodeSelector === undefined || Object.keys(nodeSelector).length === 0 ? undefined : selectorOfMap(nodeSelector)
  if (labels === undefined && terms === undefined) return undefined
  return { labels, terms: terms?.map(compileTerm).filter(term => term !== undefined) }
}

export function matchesRequired({ labels, terms }: RequiredNodeAffinity, node: SelectableNode): boolean {
  if (labels !== undefined && !matchesLabels(labels, node.labels)) return false
  return terms === undefined || terms.some(term => matchesTerm(term, node))
}

function selector(requirements: readonly NodeSelectorRequirement[]): Selector {
  if (requirements.length === 0) return everything
  const compiled: LabelRequirement[] = []
  for (const { key, operator, values = [] } of requirements) {
    const known = Object.hasOwn(operators, operator) ? operators[operator] : undefined
    if (known === undefined) return nothing
    compiled.push({ key, operator: known, values })
  }
  return { requirements: compiled }
}
