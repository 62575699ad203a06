// Auth codec: what changes users and roles, and users and roles themselves, as bytes: in the log, and in snapshots.

import { type Auth, type AuthChange, accesses, type Permission, type Role, type User } from '../auth/index.js'
import { unreachable } from '../std/index.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import { keyOfText, textOfKey } from './key.js'

/** In the order of their numbers in the log. */
const changes = [
  'enable',
  'disable',
  'addUser',
  'deleteUser',
  'changePassword',
  'grantRole',
  'revokeRole',
  'addRole',
  'deleteRole',
  'grantPermission',
  'revokePermission',
  'authenticate'
] as const satisfies readonly AuthChange['type'][]

/** Users and roles as they are at one moment: none of them ever changes. */
export interface AuthCapture {
  readonly isEnabled: boolean
  readonly revision: number
  readonly users: readonly User[]
  readonly roles: readonly Role[]
}

export const captureOf = (auth: Auth): AuthCapture => ({
  isEnabled: auth.isEnabled,
  revision: auth.revision,
  users: auth.users(),
  roles: auth.roles()
})

export const writeText = (writer: ByteWriter, text: string): void => writer.key(keyOfText(text))
export const readText = (reader: ByteReader): string => textOfKey(reader.key())

export function writeAuthChange(writer: ByteWriter, change: AuthChange): void {
  writer.byte(changes.indexOf(change.type))
  switch (change.type) {
    case 'enable':
    case 'disable':
      return
    case 'addUser':
    case 'changePassword':
      writeText(writer, change.name)
      return writeHash(writer, change.hash)
    case 'deleteUser':
    case 'addRole':
    case 'deleteRole':
      return writeText(writer, change.name)
    case 'grantRole':
    case 'revokeRole':
      writeText(writer, change.user)
      return writeText(writer, change.role)
    case 'grantPermission':
      writeText(writer, change.role)
      return writePermission(writer, change.permission)
    case 'revokePermission':
      writeText(writer, change.role)
      return writeKeys(writer, change)
    case 'authenticate':
      writeText(writer, change.user)
      writeText(writer, change.token)
      return writer.number(change.authRevision)
    default:
      return unreachable(change)
  }
}

export function readAuthChange(reader: ByteReader): AuthChange {
  const type = changes[reader.byte()]
  switch (type) {
    case 'enable':
    case 'disable':
      return { type }
    case 'addUser':
      return { type, name: readText(reader), hash: readHash(reader) }
    case 'changePassword':
      return { type, name: readText(reader), hash: readHash(reader) ?? '' }
    case 'deleteUser':
    case 'addRole':
    case 'deleteRole':
      return { type, name: readText(reader) }
    case 'grantRole':
    case 'revokeRole':
      return { type, user: readText(reader), role: readText(reader) }
    case 'grantPermission':
      return { type, role: readText(reader), permission: readPermission(reader) }
    case 'revokePermission':
      return { type, role: readText(reader), ...readKeys(reader) }
    case 'authenticate':
      return { type, user: readText(reader), token: readText(reader), authRevision: reader.number() }
    case undefined:
      throw new RangeError('unknown change of auth')
    default:
      return unreachable(type)
  }
}

export function writeUser(writer: ByteWriter, { name, hash, roles }: User): void {
  writeText(writer, name)
  writeHash(writer, hash)
  writer.number(roles.length)
  for (const role of roles) writeText(writer, role)
}

export function readUser(reader: ByteReader): User {
  return { name: readText(reader), hash: readHash(reader), roles: readList(reader, readText) }
}

export function writeRole(writer: ByteWriter, { name, permissions }: Role): void {
  writeText(writer, name)
  writer.number(permissions.length)
  for (const permission of permissions) writePermission(writer, permission)
}

export function readRole(reader: ByteReader): Role {
  return { name: readText(reader), permissions: readList(reader, readPermission) }
}

function writePermission(writer: ByteWriter, permission: Permission): void {
  writer.byte(accesses.indexOf(permission.access))
  writeKeys(writer, permission)
}

function readPermission(reader: ByteReader): Permission {
  const access = accesses[reader.byte()]
  if (access === undefined) throw new RangeError('unknown access of a permission')
  return { access, ...readKeys(reader) }
}

/** No end, and an empty one, are the same. */
function writeKeys(writer: ByteWriter, { key, end = '' }: { readonly key: string; readonly end?: string | undefined }): void {
  writer.key(key)
  writer.key(end)
}

function readKeys(reader: ByteReader): { key: string; end?: string } {
  const key = reader.key()
  const end = reader.key()
  return end === '' ? { key } : { key, end }
}

function writeHash(writer: ByteWriter, hash: string | undefined): void {
  writer.byte(hash === undefined ? 0 : 1)
  if (hash !== undefined) writeText(writer, hash)
}

const readHash = (reader: ByteReader): string | undefined => (reader.byte() === 0 ? undefined : readText(reader))

function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  const items: T[] = []
  for (let left = reader.number(); left > 0; left--) items.push(read(reader))
  return items
}
