// Field errors: what is wrong with which field, in upstream's words (k8s.io/apimachinery/pkg/util/validation/field).
//
// Paths are strings in upstream's spelling: `spec.containers[0].name`, `metadata.labels[a/b]`.

import type { StatusCause } from './status.js'

export interface FieldError {
  readonly reason: FieldErrorReason
  readonly field: string
  readonly message: string // What follows "field: " in the error's text.
}

export type FieldErrorReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueNotFound'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError'

export const required = (field: string, detail = ''): FieldError => fieldError('FieldValueRequired', field, 'Required value', detail)

export const forbidden = (field: string, detail: string): FieldError => fieldError('FieldValueForbidden', field, 'Forbidden', detail)

export const invalid = (field: string, value: unknown, detail: string): FieldError =>
  fieldError('FieldValueInvalid', field, `Invalid value: ${render(value)}`, detail)

export const typeInvalid = (field: string, value: unknown, detail: string): FieldError =>
  fieldError('FieldValueTypeInvalid', field, `Invalid value: ${render(value)}`, detail)

export const duplicate = (field: string, value: unknown): FieldError =>
  fieldError('FieldValueDuplicate', field, `Duplicate value: ${render(value)}`, '')

export const notFound = (field: string, value: unknown): FieldError =>
  fieldError('FieldValueNotFound', field, `Not found: ${render(value)}`, '')

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError =>
  fieldError(
    'FieldValueNotSupported',
    field,
    `Unsupported value: ${render(value)}`,
    supported.length === 0 ? '' : `supported values: ${supported.map(quote).join(', ')}`
  )

/** A limit below zero means the limit itself is not told. */
export const tooLong = (field: string, maxLength: number): FieldError =>
  fieldError('FieldValueTooLong', field, 'Too long', maxLength < 0 ? 'value is too long' : `may not be more than ${maxLength} bytes`)

export const tooMany = (field: string, count: number, max: number): FieldError =>
  fieldError('FieldValueTooMany', field, `Too many: ${count}`, max < 0 ? 'has too many items' : `must have at most ${max} items`)

export const internal = (field: string, detail: string): FieldError => fieldError('InternalError', field, 'Internal error', detail)

/** `field: Message` */
export const fieldErrorText = (error: FieldError): string => `${error.field}: ${error.message}`

/** One error bare, several in brackets, doubles once: as upstream's aggregate prints them. */
export function aggregateText(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(fieldErrorText))]
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`
}

export const fieldCauses = (errors: readonly FieldError[]): StatusCause[] => {
  const seen = new Set<string>()
  const causes: StatusCause[] = []
  for (const error of errors) {
    const key = `${error.reason} ${error.field} ${error.message}`
    if (seen.has(key)) continue
    seen.add(key)
    causes.push({ reason: error.reason, message: error.message, field: error.field })
  }
  return causes
}

/** The path of an element of a list or of a map: `path[0]`, `path[a/b]`. */
export const at = (path: string, key: number | string): string => `${path}[${key}]`

export const child = (path: string, ...names: readonly string[]): string => [...(path === '' ? [] : [path]), ...names].join('.')

function fieldError(reason: FieldErrorReason, field: string, what: string, detail: string): FieldError {
  return { reason, field: field === '' ? '<nil>' : field, message: detail === '' ? what : `${what}: ${detail}` }
}

/** Go's %q for the strings that occur in practice. */
export const quote = (text: string): string => JSON.stringify(text)

// As upstream since 1.32: strings quoted, numbers and booleans bare, structures as JSON.
function render(value: unknown): string {
  if (value === undefined || value === null) return 'null'
  return JSON.stringify(value) ?? String(value)
}
