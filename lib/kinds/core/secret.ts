// Secret: data for few to read. Kept as base64, which hides nothing.

import { type ApiObject, age, ageColumn, column, configKeyFaults, type FieldError, field, nameColumn } from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { base64Bytes, immutable, isBase64, matches } from '../validation.js'
import { dataBytesMax, validateImmutableData } from './config-map.js'

export interface Secret extends ApiObject {
  data?: Record<string, string> // base64
  immutable?: boolean
  stringData?: Record<string, string> // Write only: folded into data.
  type?: string
}

export const secretKind: Kind<Secret> = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.Secret',
  defaults: secret => {
    secret.type ||= 'Opaque'
    if (secret.stringData === undefined) return
    secret.data = { ...secret.data }
    for (const [key, value] of Object.entries(secret.stringData)) secret.data[key] = toBase64(value)
    delete secret.stringData
  },
  prepareForUpdate: (secret, old) => {
    // As upstream: an update that says nothing of the type keeps it.
    if (!secret.type && old.type) secret.type = old.type
  },
  validate: validateSecret,
  validateUpdate: (secret, old) => [
    ...immutable(secret.type, old.type, 'type'),
    ...validateImmutableData(secret, old),
    ...validateSecret(secret)
  ],
  selectableFields: ['type'],
  fields: secret => ({ type: secret.type ?? '' }),
  columns: [nameColumn, column('Type', 'What the data is for.'), column('Data', 'The number of keys.', 'integer'), ageColumn],
  cells: (secret, nowMs) => [
    secret.metadata.name ?? '',
    secret.type ?? '',
    Object.keys(secret.data ?? {}).length,
    age(secret.metadata.creationTimestamp, nowMs)
  ]
})

// The keys a type cannot do without.
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key']
}

function validateSecret(secret: Secret): FieldError[] {
  const data = secret.data ?? {}
  const errors = Object.entries(data).flatMap(([key, value]) => {
    const path = field.at('data', key)
    const found = matches(key, configKeyFaults, path)
    return isBase64(value) ? found : [...found, field.invalid(path, value, 'illegal base64 data')]
  })
  const bytes = Object.values(data).reduce((sum, value) => sum + base64Bytes(value), 0)
  if (bytes > dataBytesMax) errors.push(field.tooLong('data', dataBytesMax))
  const type = secret.type ?? ''
  for (const key of Object.hasOwn(requiredKeys, type) ? (requiredKeys[type] ?? []) : []) {
    if (!Object.hasOwn(data, key)) errors.push(field.required(field.at('data', key)))
  }
  if (type === 'kubernetes.io/basic-auth' && !Object.hasOwn(data, 'username') && !Object.hasOwn(data, 'password')) {
    errors.push(field.required(field.at('data', 'username')), field.required(field.at('data', 'password')))
  }
  const account = 'kubernetes.io/service-account.name'
  if (type === 'kubernetes.io/service-account-token' && !secret.metadata.annotations?.[account]) {
    errors.push(field.required(field.at('metadata.annotations', account)))
  }
  return errors
}

const chunkBytes = 8192 // Arguments of one call are limited by the engine's stack.

function toBase64(text: string): string {
  const bytes = new TextEncoder().encode(text)
  let binary = ''
  for (let start = 0; start < bytes.length; start += chunkBytes) binary += String.fromCharCode(...bytes.subarray(start, start + chunkBytes))
  return btoa(binary)
}
