// Field selectors: `status.phase=Running,spec.nodeName!=n1`. Equality only, and only of the fields a kind offers.

export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[]
}

export type FieldSelectorResult = { readonly ok: true; readonly selector: FieldSelector } | { readonly ok: false; readonly fault: string }

export const everyField: FieldSelector = { requirements: [] }

/** `supported`: the kind's fields besides metadata.name and metadata.namespace. Faults are upstream's words, for a BadRequest. */
export function parseFieldSelector(text: string, supported: readonly string[]): FieldSelectorResult {
  const requirements: FieldRequirement[] = []
  for (const part of text.split(',').sort()) {
    if (part === '') continue
    const requirement = parseRequirement(part)
    if (requirement === undefined) return { ok: false, fault: `invalid selector: '${text}'; can't understand '${part}'` }
    if (!['metadata.name', 'metadata.namespace', ...supported].includes(requirement.field)) {
      return { ok: false, fault: `field label not supported: ${requirement.field}` }
    }
    requirements.push(requirement)
  }
  return { ok: true, selector: { requirements } }
}

/** A field that is not there is the empty string, as upstream's. */
export function matchesFields(selector: FieldSelector, fields: Readonly<Record<string, string>>): boolean {
  for (const { field, operator, value } of selector.requirements) {
    if (((fields[field] ?? '') === value) !== (operator === '=')) return false
  }
  return true
}

/** The value the selector demands of that field, if it demands one: what lets a watch index by node or name. */
export function exactField(selector: FieldSelector, field: string): string | undefined {
  return selector.requirements.find(requirement => requirement.field === field && requirement.operator === '=')?.value
}

export const formatFieldSelector = (selector: FieldSelector): string =>
  selector.requirements.map(({ field, operator, value }) => `${field}${operator}${value}`).join(',')

function parseRequirement(part: string): FieldRequirement | undefined {
  for (const operator of ['!=', '==', '='] as const) {
    const pieces = part.split(operator)
    if (pieces.length === 2) {
      return { field: pieces[0] as string, operator: operator === '!=' ? '!=' : '=', value: pieces[1] as string }
    }
  }
  return undefined
}
