// Protobuf: request bodies in Kubernetes' protobuf form (`k8s\0` and a runtime.Unknown), turned into the JSON that all else works on.
//
// Messages are known by the numbers of their fields, generated from upstream's Go types. Unknown fields are passed over, as protobuf
// wants it; what is damaged is refused. Answers are never written in this form: clients that send it accept JSON as well.

import { errors, formatMicroTime, formatTime, type Json, setOwn } from '../object/index.js'

export const protobufType = 'application/vnd.kubernetes.protobuf'

/** As build/protobuf.ts writes them. */
export type WireField = readonly [number: number, json: string, type: string, omitZero: 0 | 1]
export type WireMessages = Readonly<Record<string, readonly WireField[]>>

const magic = [0x6b, 0x38, 0x73, 0x00]
const depthMax = 64
const dateMsMax = 8.64e15 // What a Date can hold.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class WireFault extends Error {}

function text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new WireFault('a string is not UTF-8')
  }
}

/** Fields that upstream keeps as JSON: FieldsV1, RawExtension. */
function jsonOf(json: string): Json {
  try {
    return JSON.parse(json || 'null') as Json
  } catch {
    throw new WireFault('what should be JSON is not')
  }
}

/** The JSON of a body. Throws a BadRequest if it is no object of a kind we know. */
export function jsonOfProtobuf(body: Uint8Array, messages: WireMessages): Json {
  if (!magic.every((byte, index) => body[index] === byte))
    throw errors.badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  try {
    const { apiVersion, kind, raw } = envelope(new Reader(body.subarray(magic.length)))
    const model = modelOf(apiVersion, kind)
    if (messages[model] === undefined)
      throw errors.badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
    const object = new Decoder(messages).message(raw, model, 0)
    return { apiVersion, kind, ...object }
  } catch (error) {
    if (error instanceof WireFault) throw errors.badRequest(`the body is not a valid protobuf message: ${error.message}`)
    throw error
  }
}

/** Kinds of the machinery belong to every group. */
function modelOf(apiVersion: string, kind: string): string {
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['core', apiVersion]
  if (kind === 'DeleteOptions') return 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
  return `io.k8s.api.${group.split('.')[0]}.${version}.${kind}`
}

function envelope(reader: Reader): { apiVersion: string; kind: string; raw: Uint8Array } {
  let apiVersion = ''
  let kind = ''
  let raw: Uint8Array = new Uint8Array(0)
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag.number === 2) raw = reader.bytes(tag)
    else if (tag.number === 1) {
      const typeMeta = new Reader(reader.bytes(tag))
      for (let inner = typeMeta.tag(); inner !== undefined; inner = typeMeta.tag()) {
        if (inner.number === 1) apiVersion = text(typeMeta.bytes(inner))
        else if (inner.number === 2) kind = text(typeMeta.bytes(inner))
        else typeMeta.skip(inner)
      }
    } else reader.skip(tag)
  }
  return { apiVersion, kind, raw }
}

type JsonObject = { [name: string]: Json }

class Decoder {
  readonly #messages: WireMessages

  constructor(messages: WireMessages) {
    this.#messages = messages
  }

  message(bytes: Uint8Array, model: string, depth: number, into: JsonObject = {}): JsonObject {
    if (depth > depthMax) throw new WireFault('it is nested too deeply')
    const fields = this.#messages[model] ?? []
    const reader = new Reader(bytes)
    for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
      const { number } = tag
      const field = fields.find(one => one[0] === number)
      if (field === undefined) reader.skip(tag)
      else this.#field(into, field, reader, tag, depth)
    }
    return into
  }

  #field(into: JsonObject, [, name, type, omitZero]: WireField, reader: Reader, tag: Tag, depth: number): void {
    if (name === '') {
      this.message(reader.bytes(tag), type.slice(2), depth + 1, into)
      return
    }
    if (type.startsWith('[]')) {
      const list = (Object.hasOwn(into, name) ? into[name] : undefined) ?? []
      if (!Array.isArray(list)) return
      const item = this.#value(type.slice(2), reader, tag, depth)
      if (item !== undefined) list.push(item)
      setOwn(into, name, list)
    } else if (type.startsWith('{}')) {
      const map = (Object.hasOwn(into, name) ? into[name] : undefined) ?? {}
      this.#entry(map as JsonObject, type.slice(2), new Reader(reader.bytes(tag)), depth)
      setOwn(into, name, map)
    } else {
      const value = this.#value(type, reader, tag, depth)
      if (value === undefined || (omitZero === 1 && (value === '' || value === 0 || value === false))) return
      setOwn(into, name, value)
    }
  }

  #entry(map: JsonObject, type: string, reader: Reader, depth: number): void {
    let key = ''
    let value: Json | undefined
    for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
      if (tag.number === 1) key = text(reader.bytes(tag))
      else if (tag.number === 2) value = this.#value(type, reader, tag, depth + 1)
      else reader.skip(tag)
    }
    setOwn(map, key, value ?? zeroOf(type))
  }

  #value(type: string, reader: Reader, tag: Tag, depth: number): Json | undefined {
    switch (type) {
      case 's':
        return text(reader.bytes(tag))
      case 'i':
        return reader.integer(tag)
      case 'b':
        return reader.integer(tag) !== 0
      case 'd':
        return reader.double(tag)
      case 'y':
        return base64(reader.bytes(tag))
      case 'q':
        return textOf(parts(reader.bytes(tag))[1])
      case 'x': {
        const found = parts(reader.bytes(tag))
        return found[1] === 1 ? textOf(found[3]) : ((found[2] as number | undefined) ?? 0)
      }
      case 't':
      case 'u':
        return timeOf(parts(reader.bytes(tag)), type)
      case 'D':
        return durationOf((parts(reader.bytes(tag))[1] as number | undefined) ?? 0)
      case 'f':
      case 'r':
        return jsonOf(textOf(parts(reader.bytes(tag))[1]))
      default:
        return this.message(reader.bytes(tag), type.slice(2), depth + 1)
    }
  }
}

const zeroOf = (type: string): Json =>
  type === 's' || type === 'y' ? '' : type === 'q' ? '0' : type === 'b' ? false : type === 'i' || type === 'd' ? 0 : {}

/** A small message by the numbers of its fields. */
function parts(bytes: Uint8Array): Record<number, number | Uint8Array | undefined> {
  const reader = new Reader(bytes)
  const found: Record<number, number | Uint8Array> = {}
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag.wire === 0) found[tag.number] = reader.integer(tag)
    else if (tag.wire === 2) found[tag.number] = reader.bytes(tag)
    else reader.skip(tag)
  }
  return found
}

const textOf = (part: number | Uint8Array | undefined): string => (part instanceof Uint8Array ? text(part) : '')

// An empty message is the zero time, which JSON leaves out.
function timeOf(found: Record<number, number | Uint8Array | undefined>, type: 't' | 'u'): string | undefined {
  if (found[1] === undefined && found[2] === undefined) return undefined
  const ms = Number(found[1] ?? 0) * 1000 + Number(found[2] ?? 0) / 1e6
  if (!(Math.abs(ms) <= dateMsMax)) throw new WireFault('a time lies outside the calendar')
  return type === 't' ? formatTime(ms) : formatMicroTime(ms)
}

const durationOf = (nanoseconds: number): string => `${nanoseconds / 1e9}s`

function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

interface Tag {
  readonly number: number
  readonly wire: number
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  tag(): Tag | undefined {
    if (this.#at >= this.#bytes.length) return undefined
    const key = Number(this.#varint())
    return { number: Math.floor(key / 8), wire: key % 8 }
  }

  bytes({ wire }: Tag): Uint8Array {
    if (wire !== 2) throw new WireFault(`wire type ${wire} where 2 was expected`)
    const length = Number(this.#varint())
    if (length > this.#bytes.length - this.#at) throw new WireFault('it ends early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** Signed: negative numbers are ten bytes of two's complement. */
  integer({ wire }: Tag): number {
    if (wire !== 0) throw new WireFault(`wire type ${wire} where 0 was expected`)
    return Number(BigInt.asIntN(64, this.#varint()))
  }

  double({ wire }: Tag): number {
    if (wire !== 1) throw new WireFault(`wire type ${wire} where 1 was expected`)
    const at = this.#advance(8)
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getFloat64(0, true)
  }

  skip({ wire }: Tag): void {
    if (wire === 0) this.#varint()
    else if (wire === 1) this.#advance(8)
    else if (wire === 2) this.bytes({ number: 0, wire })
    else if (wire === 5) this.#advance(4)
    else throw new WireFault(`wire type ${wire}`)
  }

  #advance(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) throw new WireFault('it ends early')
    this.#at += count
    return at
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new WireFault('it ends early')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new WireFault('a number is too long')
  }
}
