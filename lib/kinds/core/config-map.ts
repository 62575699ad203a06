// ConfigMap: plain data for pods to read.

import {
  type ApiObject,
  age,
  ageColumn,
  byteLength,
  column,
  configKeyFaults,
  deepEqual,
  type FieldError,
  field,
  nameColumn
} from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { base64Bytes, matches } from '../validation.js'

export const dataBytesMax = 1024 * 1024 // Of all values of one ConfigMap or Secret.

export interface ConfigMap extends ApiObject {
  binaryData?: Record<string, string>
  data?: Record<string, string>
  immutable?: boolean
}

export const configMapKind: Kind<ConfigMap> = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.ConfigMap',
  validate: validateConfigMap,
  validateUpdate: (map, old) => [...validateImmutableData(map, old), ...validateConfigMap(map)],
  columns: [nameColumn, column('Data', 'The number of keys.', 'integer'), ageColumn],
  cells: (map, nowMs) => [
    map.metadata.name ?? '',
    Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
    age(map.metadata.creationTimestamp, nowMs)
  ]
})

function validateConfigMap(map: ConfigMap): FieldError[] {
  const errors: FieldError[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(map.data ?? {})) {
    errors.push(...matches(key, configKeyFaults, field.at('data', key)))
    if (map.binaryData !== undefined && Object.hasOwn(map.binaryData, key)) {
      errors.push(field.invalid(field.at('data', key), key, 'duplicate of key present in binaryData'))
    }
    bytes += byteLength(value)
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    errors.push(...matches(key, configKeyFaults, field.at('binaryData', key)))
    bytes += base64Bytes(value)
  }
  // Upstream reports this of the nameless root, which prints as `[]`.
  if (bytes > dataBytesMax) errors.push(field.tooLong('[]', dataBytesMax))
  return errors
}

interface ImmutableData {
  immutable?: boolean
  data?: Record<string, string>
  binaryData?: Record<string, string>
}

/** Shared with Secret: once immutable, data stays and immutable stays. */
export function validateImmutableData(object: ImmutableData, old: ImmutableData): FieldError[] {
  if (old.immutable !== true) return []
  const detail = 'field is immutable when `immutable` is set'
  const errors = object.immutable === true ? [] : [field.forbidden('immutable', detail)]
  for (const name of ['data', 'binaryData'] as const) {
    if (!deepEqual(object[name] ?? {}, old[name] ?? {})) errors.push(field.forbidden(name, detail))
  }
  return errors
}
