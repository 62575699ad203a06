// Decoding: from the bytes of a request to an object of the kind the path names, pruned, checked against its schema, with defaults.

import { parse as parseYaml } from 'yaml'
import { apiVersionOf, type Kind } from '../kinds/index.js'
import {
  type ApiObject,
  decodeErrorText,
  duplicateFieldText,
  errors,
  field,
  findDuplicateFields,
  type StatusError,
  strictErrorText,
  unknownFieldText,
  type Validate
} from '../object/index.js'
import { bodyType, yamlType } from './negotiation.js'
import type { Query } from './request.js'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface Decoder {
  /** The validator of a model; undefined if no schema of it is known. */
  get(model: string): Validate | undefined
}

/** What a body is expected to be. */
export interface Expected {
  readonly apiVersion: string
  readonly kind: string
  readonly schemaName: string
}

export const expectedOf = (kind: Kind): Expected => ({ apiVersion: apiVersionOf(kind), kind: kind.kind, schemaName: kind.schemaName })

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const yamlAliasesMax = 100 // Against documents that unfold without end.
const hexMax = 64

export function fieldValidationOf(query: Query, options: string): FieldValidation {
  const given = query.get('fieldValidation')
  switch (given) {
    case undefined:
    case '':
      return 'Warn'
    case 'Ignore':
    case 'Warn':
    case 'Strict':
      return given
    default:
      throw errors.invalid({ group: 'meta.k8s.io', kind: options }, '', [
        field.notSupported('fieldValidation', given, ['Ignore', 'Strict', 'Warn'])
      ])
  }
}

/** `dryRun=All`, the only kind there is. */
export function isDryRun(values: readonly string[], options: string): boolean {
  for (const value of values) {
    if (value !== 'All') throw errors.invalid({ group: 'meta.k8s.io', kind: options }, '', [field.notSupported('dryRun', value, ['All'])])
  }
  return values.length > 0
}

/** The text of a body as plain data. */
export function parseBody(body: Uint8Array, contentType: string | undefined, expectedKind: string): { value: unknown; text: string } {
  const type = bodyType(contentType)
  try {
    const text = decoder.decode(body)
    const value: unknown =
      type === yamlType ? parseYaml(text, { version: '1.1', uniqueKeys: false, maxAliasCount: yamlAliasesMax }) : JSON.parse(text)
    return { value, text: type === yamlType ? '' : text }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw unrecognized(expectedKind, `couldn't get version/kind; json parse error: ${why} (${hex(body)})`)
  }
}

const unrecognized = (kind: string, why: string): StatusError =>
  errors.badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why}`)

const hex = (body: Uint8Array): string => {
  let text = ''
  for (const byte of body.subarray(0, hexMax)) text += byte.toString(16).padStart(2, '0')
  return body.length > hexMax ? `${text} ...` : text
}

/** An object of the kind expected. `warnings` get what a lenient validation found. */
export function decodeObject(
  body: Uint8Array,
  contentType: string | undefined,
  expected: Expected,
  validation: FieldValidation,
  decoders: Decoder,
  warnings: string[]
): ApiObject {
  const { value, text } = parseBody(body, contentType, expected.kind)
  const duplicates = validation === 'Ignore' || text === '' ? [] : findDuplicateFields(text)
  return checkObject(value, expected, validation, decoders, warnings, duplicates)
}

/** The same for what is already plain data: the result of a patch. */
export function checkObject(
  value: unknown,
  expected: Expected,
  validation: FieldValidation,
  decoders: Decoder,
  warnings: string[],
  duplicates: readonly string[] = []
): ApiObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
    const why = `couldn't get version/kind; json parse error: json: cannot unmarshal ${what} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`
    throw unrecognized(expected.kind, why)
  }
  const given = value as { apiVersion?: unknown; kind?: unknown; metadata?: unknown }
  const apiVersion = textOf(given.apiVersion) || expected.apiVersion
  const kind = textOf(given.kind) || expected.kind
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1)
  if (apiVersion !== expected.apiVersion) {
    throw errors.badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`)
  }
  const misfit = (why: string): StatusError => errors.badRequest(decodeErrorText(kind, version, expected.kind, why))
  if (kind !== expected.kind) throw misfit(`converting (${version}.${kind}) to (${expected.kind}): unknown conversion`)
  given.apiVersion = apiVersion
  given.kind = kind
  const checked = decoders.get(expected.schemaName)?.(value)
  if (checked?.failure !== undefined) throw misfit(checked.failure.message)
  const faults = validation === 'Ignore' ? [] : [...duplicates.map(duplicateFieldText), ...(checked?.unknown ?? []).map(unknownFieldText)]
  if (faults.length > 0 && validation === 'Strict') throw misfit(strictErrorText(faults))
  warnings.push(...faults)
  const object = (checked?.object ?? value) as ApiObject
  object.metadata ??= {}
  return object
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
