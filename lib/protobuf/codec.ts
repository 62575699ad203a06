// Codec: messages as plain objects, by the numbers and types of their fields in a descriptor.
//
// Fields have their JSON names (`rangeEnd`). What is absent has proto3's default, a message `undefined`, a list the empty list; unknown
// fields are passed over. 64 bits: `uint64` is a bigint, `int64` a number (beyond 53 bits the nearest one). Enums are numbers.

import { assert } from '../std/index.js'
import { Reader, WireFault } from './reader.js'
import { Writer } from './writer.js'

export type WireType = 'int32' | 'int64' | 'uint32' | 'uint64' | 'bool' | 'double' | 'string' | 'bytes' | 'enum' | 'message'

/** As build/etcd-protos.ts writes them. */
export type WireField = readonly [number: number, name: string, type: WireType, repeated: 0 | 1, message?: string]

export interface MethodDescriptor {
  readonly request: string
  readonly response: string
  readonly requestStream: boolean
  readonly responseStream: boolean
}

export interface Descriptor {
  readonly messages: Readonly<Record<string, readonly WireField[]>>
  /** By path: `/etcdserverpb.KV/Put`. */
  readonly methods: Readonly<Record<string, MethodDescriptor>>
}

export const descriptorOf = (json: Uint8Array): Descriptor => JSON.parse(decoder.decode(json))

export interface CodecOptions {
  /** Whether a field of bytes is a key: a string with a character for each byte. */
  readonly isKey: (field: string) => boolean
}

interface Field {
  readonly number: number
  readonly name: string
  readonly type: WireType | 'key'
  readonly repeated: boolean
  readonly wire: number
  readonly tag: number
  readonly packable: boolean
  message: Message | undefined
}

interface Message {
  readonly name: string
  readonly fields: readonly Field[]
  readonly byNumber: readonly (Field | undefined)[]
  readonly defaults: Readonly<Record<string, unknown>>
}

type Values = Record<string, unknown>

const depthMax = 64
const none = new Uint8Array(0)
const emptyList: unknown = Object.freeze([])
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class Codec {
  readonly #messages: ReadonlyMap<string, Message>
  readonly #writer = new Writer()

  constructor({ messages }: Pick<Descriptor, 'messages'>, { isKey }: CodecOptions) {
    const all = new Map(Object.entries(messages).map(([name, fields]) => [name, messageOf(name, fields, isKey)]))
    for (const [name, fields] of Object.entries(messages)) {
      fields.forEach(([, , type, , inner], index) => {
        if (type !== 'message') return
        const field = all.get(name)?.fields[index] as Field
        field.message = all.get(inner ?? '')
        assert(field.message !== undefined, 'a field has a message that is not described', { name, inner })
      })
    }
    this.#messages = all
  }

  /** Throws a WireFault for what is no such message. */
  decode<T>(name: string, bytes: Uint8Array): T {
    return decodeMessage(new Reader(bytes), this.#message(name), bytes.length, 0) as T
  }

  /** The message after `reserve` bytes, which the caller fills. */
  encode(name: string, message: object, reserve = 0): Uint8Array {
    try {
      encodeMessage(this.#writer, this.#message(name), message as Values)
      return this.#writer.take(reserve)
    } catch (error) {
      this.#writer.reset()
      throw error
    }
  }

  #message(name: string): Message {
    const message = this.#messages.get(name)
    if (message === undefined) throw new Error(`no message is called ${name}`)
    return message
  }
}

function messageOf(name: string, fields: readonly WireField[], isKey: (field: string) => boolean): Message {
  const made = fields.map(([number, field, type, repeated]): Field => {
    const wire = type === 'double' ? 1 : type === 'string' || type === 'bytes' || type === 'message' ? 2 : 0
    const packable = repeated === 1 && wire !== 2
    const own = type === 'bytes' && isKey(field) ? 'key' : type
    const tag = number * 8 + (packable ? 2 : wire)
    return { number, name: field, type: own, repeated: repeated === 1, wire, tag, packable, message: undefined }
  })
  const byNumber: (Field | undefined)[] = []
  for (const field of made) byNumber[field.number] = field
  const defaults: Values = {}
  for (const field of made) defaults[field.name] = field.repeated ? emptyList : defaultOf(field.type)
  return { name, fields: made, byNumber, defaults }
}

function defaultOf(type: Field['type']): unknown {
  switch (type) {
    case 'message':
      return undefined
    case 'bytes':
      return none
    case 'string':
    case 'key':
      return ''
    case 'bool':
      return false
    case 'uint64':
      return 0n
    default:
      return 0
  }
}

function decodeMessage(reader: Reader, message: Message, end: number, depth: number): Values {
  if (depth > depthMax) throw new WireFault('it is nested too deeply')
  const values: Values = { ...message.defaults }
  const outer = reader.end
  reader.end = end
  while (reader.at < end) {
    const tag = reader.uint32()
    const wire = tag & 7
    const field = message.byNumber[tag >>> 3]
    if (field === undefined) reader.skip(wire)
    else if (field.repeated) decodeItems(reader, field, wire, values, depth)
    else if (wire !== field.wire) throw new WireFault(`wire type ${wire} in field ${field.name}`)
    else values[field.name] = decodeValue(reader, field, depth)
  }
  reader.end = outer
  return values
}

function decodeItems(reader: Reader, field: Field, wire: number, values: Values, depth: number): void {
  let items = values[field.name] as unknown[]
  if (items === emptyList) {
    items = []
    values[field.name] = items
  }
  if (wire === field.wire) {
    items.push(decodeValue(reader, field, depth))
    return
  }
  if (!field.packable || wire !== 2) throw new WireFault(`wire type ${wire} in field ${field.name}`)
  const end = reader.delimited()
  while (reader.at < end) items.push(decodeValue(reader, field, depth))
}

function decodeValue(reader: Reader, field: Field, depth: number): unknown {
  switch (field.type) {
    case 'int64':
      return reader.int64()
    case 'bool':
      return reader.int64() !== 0
    case 'int32':
    case 'enum':
      return reader.int64() | 0
    case 'uint32':
      return reader.int64() >>> 0
    case 'uint64':
      return reader.uint64()
    case 'double':
      return reader.double()
    default:
      return decodeDelimited(reader, field, depth)
  }
}

function decodeDelimited(reader: Reader, field: Field, depth: number): unknown {
  const end = reader.delimited()
  if (field.type === 'message') return decodeMessage(reader, field.message as Message, end, depth + 1)
  const { bytes, at } = reader
  reader.at = end
  if (field.type === 'key') return binary(bytes, at, end)
  if (field.type === 'bytes') return bytes.subarray(at, end)
  try {
    return decoder.decode(bytes.subarray(at, end))
  } catch {
    throw new WireFault(`the string ${field.name} is not UTF-8`)
  }
}

const charactersPerCall = 4096

function binary(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at += charactersPerCall) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, Math.min(end, at + charactersPerCall)) as unknown as number[])
  }
  return text
}

/** Backwards: the last field first. */
function encodeMessage(writer: Writer, { fields }: Message, values: Values): void {
  for (let i = fields.length - 1; i >= 0; i--) {
    const field = fields[i] as Field
    const value = values[field.name]
    if (value === undefined) continue
    if (field.repeated) encodeItems(writer, field, value as readonly unknown[])
    else if (!isDefault(value, field)) encodeField(writer, field, value)
  }
}

function isDefault(value: unknown, { type }: Field): boolean {
  if (type === 'bytes') return (value as Uint8Array).length === 0
  return value === 0 || value === '' || value === false || value === 0n
}

function encodeItems(writer: Writer, field: Field, items: readonly unknown[]): void {
  if (items.length === 0) return
  const before = writer.length
  for (let i = items.length - 1; i >= 0; i--) {
    if (field.packable) encodeValue(writer, field, items[i])
    else encodeField(writer, field, items[i])
  }
  if (!field.packable) return
  writer.varint(writer.length - before)
  writer.varint(field.tag)
}

function encodeField(writer: Writer, field: Field, value: unknown): void {
  if (field.wire === 2) {
    const before = writer.length
    encodeDelimited(writer, field, value)
    writer.varint(writer.length - before)
  } else encodeValue(writer, field, value)
  writer.varint(field.tag)
}

function encodeDelimited(writer: Writer, { type, message }: Field, value: unknown): void {
  if (type === 'message') encodeMessage(writer, message as Message, value as Values)
  else if (type === 'key') writer.binary(value as string)
  else if (type === 'bytes') writer.raw(value as Uint8Array)
  else writer.text(value as string)
}

function encodeValue(writer: Writer, { type }: Field, value: unknown): void {
  if (type === 'bool') writer.varint(value === true ? 1 : 0)
  else if (type === 'double') writer.double(value as number)
  else if (typeof value === 'bigint') writer.bigint(value)
  else writer.varint(value as number)
}
