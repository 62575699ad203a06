// Selection: which objects of a shelf a list or a watch is about: a namespace, a name, labels, fields.

import {
  errors,
  exactField,
  type FieldSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  type Selector
} from '../object/index.js'
import type { Entry } from './entry.js'
import type { Presentation } from './presentation.js'
import type { Call } from './serving.js'
import type { Shelf } from './watch-cache.js'

export interface Selection {
  /** Keys of all that may be selected start with it. */
  readonly prefix: string
  readonly labels: Selector | undefined
  readonly fields: FieldSelector | undefined
  /** Those with the same key select the same. */
  readonly key: string
}

export function selectionOf({ resource, target, query }: Call): Selection {
  const labelText = query.get('labelSelector') ?? ''
  const labels = parseLabelSelector(labelText)
  if (!labels.ok) throw errors.badRequest(labels.fault)
  const fieldText = query.get('fieldSelector') ?? ''
  const fields = parseFieldSelector(fieldText, resource.kind.selectableFields)
  if (!fields.ok) throw errors.badRequest(fields.fault)
  const name = target.name !== '' ? `metadata.name=${target.name}` : ''
  const named =
    name === ''
      ? fields.selector
      : { requirements: [...fields.selector.requirements, { field: 'metadata.name', operator: '=' as const, value: target.name }] }
  const prefix = resource.kind.namespaced && target.namespace !== '' ? `${resource.prefix}${target.namespace}/` : resource.prefix
  return {
    prefix,
    labels: labels.selector.requirements.length === 0 ? undefined : labels.selector,
    fields: named.requirements.length === 0 ? undefined : named,
    key: `${prefix}\n${labelText}\n${fieldText}\n${name}`
  }
}

export function isSelected({ labels, fields }: Selection, presentation: Presentation, entry: Entry): boolean {
  if (labels === undefined && fields === undefined) return true
  const selectable = presentation.selectable(entry)
  if (labels !== undefined && !matchesLabels(labels, selectable.labels)) return false
  return fields === undefined || matchesFields(fields, selectable.fields)
}

/** Those selected, in order, from a key on; until `visit` returns false. */
export function visitSelected(
  shelf: Shelf,
  selection: Selection,
  presentation: Presentation,
  from: string,
  visit: (entry: Entry) => boolean | undefined | void
): void {
  const name = selection.fields && exactField(selection.fields, 'metadata.name')
  if (name !== undefined && (selection.prefix !== shelf.prefix || !presentation.resource.kind.namespaced)) {
    const entry = shelf.get(selection.prefix + name)
    if (entry !== undefined && entry.key >= from && isSelected(selection, presentation, entry)) visit(entry)
    return
  }
  shelf.visit(selection.prefix, from, entry => (isSelected(selection, presentation, entry) && visit(entry) === false ? false : undefined))
}
