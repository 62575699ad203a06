// Negotiation: in which form a client wants its answer, and in which form its body comes.

import { errors, type IncludeObject } from '../object/index.js'
import type { Query } from './request.js'

export type Shape = 'object' | 'table' | 'partial'

export interface Accepted {
  readonly shape: Shape
  readonly yaml: boolean
  readonly include: IncludeObject // Of a table's rows.
}

export interface MediaType {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
}

export const jsonType = 'application/json'
export const yamlType = 'application/yaml'
const served = [jsonType, yamlType]
const plain: Accepted = { shape: 'object', yaml: false, include: 'Metadata' }

/** The first form in the client's order of preference that we have; refused with 406 if there is none. */
export function negotiate(accept: string | undefined, query: Query): Accepted {
  if (accept === undefined || accept === '' || accept === jsonType || accept === '*/*') return plain
  for (const { type, parameters } of parseAccept(accept)) {
    const yaml = type === yamlType
    if (!yaml && ![jsonType, '*/*', 'application/*'].includes(type)) continue
    const as = parameters.as
    if (as === undefined) return yaml ? { ...plain, yaml } : plain
    if (parameters.g !== 'meta.k8s.io' || parameters.v !== 'v1') continue
    if (as === 'Table') return { shape: 'table', yaml, include: includeOf(query) }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { ...plain, shape: 'partial', yaml }
  }
  throw errors.notAcceptable(served)
}

/** By falling quality, then in their order. */
export function parseAccept(accept: string): MediaType[] {
  const types = accept.split(',').map(parseMediaType)
  const quality = (type: MediaType): number => Number(type.parameters.q ?? 1) || 0
  return types.filter(type => quality(type) > 0).sort((a, b) => quality(b) - quality(a))
}

export function parseMediaType(text: string): MediaType {
  const [type = '', ...rest] = text.split(';')
  const parameters: Record<string, string> = {}
  for (const part of rest) {
    const equals = part.indexOf('=')
    if (equals > 0) parameters[part.slice(0, equals).trim().toLowerCase()] = part.slice(equals + 1).trim()
  }
  return { type: type.trim().toLowerCase(), parameters }
}

function includeOf(query: Query): IncludeObject {
  const include = query.get('includeObject')
  switch (include) {
    case undefined:
    case '':
    case 'Metadata':
      return 'Metadata'
    case 'None':
    case 'Object':
      return include
    default:
      throw errors.badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`)
  }
}

/** The form of a body: nothing said is JSON. */
export function bodyType(contentType: string | undefined, accepted: readonly string[] = served): string {
  if (contentType === undefined || contentType === '') return accepted[0] as string
  const { type } = parseMediaType(contentType)
  if (!accepted.includes(type)) throw errors.unsupportedMediaType(accepted)
  return type
}
