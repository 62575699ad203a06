// Etcd protos: `resources/etcd.json`, what the messages and methods of etcd's v3 API look like on the wire.
//
// Read from the proto files that the npm client of etcd ships, by proto-loader. Per message a list of fields:
// `[number, JSON name, type, 1 if it is repeated, the message it holds]`; per method its messages, and which side streams. The client is older
// than etcd 3.5: a few fields are added.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { loadSync } from '@grpc/proto-loader'

export type WireField = readonly [number: number, name: string, type: string, repeated: 0 | 1, message?: string]

export interface EtcdDescriptor {
  readonly messages: Record<string, WireField[]>
  readonly methods: Record<string, { request: string; response: string; requestStream: boolean; responseStream: boolean }>
}

interface ProtoField {
  readonly name: string
  readonly number: number
  readonly label: string
  readonly type: string
  readonly typeName: string
}
interface ProtoMessage {
  readonly name: string
  readonly field: readonly ProtoField[]
  readonly nestedType: readonly ProtoMessage[]
}

/** Fields of etcd 3.5 that the server must know, and that the client's files lack (api/etcdserverpb/rpc.proto). */
const newer: Readonly<Record<string, readonly WireField[]>> = {
  'etcdserverpb.AuthUserAddRequest': [[4, 'hashedPassword', 'string', 0]],
  'etcdserverpb.AuthUserChangePasswordRequest': [[3, 'hashedPassword', 'string', 0]]
}

const clientDirectory = dirname(createRequire(import.meta.url).resolve('etcd3/package.json'))

/** For the stamp of what was generated. */
export const etcdClientVersion = (): string => JSON.parse(readFileSync(join(clientDirectory, 'package.json'), 'utf8')).version

export function readEtcdProtos(): EtcdDescriptor {
  const loaded = loadSync('rpc.proto', { includeDirs: [join(clientDirectory, 'proto')], keepCase: true })
  const messages: Record<string, WireField[]> = {}
  const methods: EtcdDescriptor['methods'] = {}
  for (const [name, definition] of Object.entries(loaded)) {
    if ('format' in definition) {
      const { type } = definition as unknown as { readonly type: ProtoMessage }
      if ('field' in type) messages[name] = type.field.map(field => fieldOf(name, field)) // Else an enum.
      continue
    }
    for (const { path, requestType, responseType, requestStream, responseStream } of Object.values(definition)) {
      const packageName = name.slice(0, name.lastIndexOf('.'))
      const named = (type: object): string => `${packageName}.${(type as unknown as { type: ProtoMessage }).type.name}`
      methods[path] = { request: named(requestType), response: named(responseType), requestStream, responseStream }
    }
  }
  for (const [name, fields] of Object.entries(newer)) {
    const known = messages[name] ?? []
    messages[name] = [...known, ...fields.filter(([number]) => known.every(field => field[0] !== number))]
  }
  return { messages: Object.fromEntries(Object.entries(messages).sort()), methods }
}

const types: Readonly<Record<string, string>> = {
  TYPE_INT32: 'int32',
  TYPE_INT64: 'int64',
  TYPE_UINT32: 'uint32',
  TYPE_UINT64: 'uint64',
  TYPE_BOOL: 'bool',
  TYPE_DOUBLE: 'double',
  TYPE_STRING: 'string',
  TYPE_BYTES: 'bytes',
  TYPE_ENUM: 'enum',
  TYPE_MESSAGE: 'message'
}

function fieldOf(message: string, { name, number, label, type, typeName }: ProtoField): WireField {
  const known = types[type]
  if (known === undefined) throw new Error(`etcd protos: ${message}.${name} is ${type}, of which there is no wire form here`)
  const repeated = label === 'LABEL_REPEATED' ? 1 : 0
  const json = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  return known === 'message' ? [number, json, known, repeated, resolved(message, typeName)] : [number, json, known, repeated]
}

/** Messages of the same package are named without it. */
const resolved = (message: string, typeName: string): string =>
  typeName.startsWith('.') ? typeName.slice(1) : typeName.includes('.') ? typeName : `${message.split('.')[0]}.${typeName}`
