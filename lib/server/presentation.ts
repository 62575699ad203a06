// Presentation: the form in which one client sees objects: as they are stored, converted to another version, as a table, as metadata.
//
// Objects go to clients as the bytes they are stored in wherever the form allows it.

import { stringify as toYaml } from 'yaml'
import { selectableFields } from '../kinds/index.js'
import {
  type ApiObject,
  type Json,
  type ListMeta,
  partialMetadata,
  type Status,
  type TableSource,
  table,
  tableRow
} from '../object/index.js'
import type { Entry, Selectable } from './entry.js'
import { type Accepted, jsonType, yamlType } from './negotiation.js'
import type { Resource } from './resource.js'
import type { Reply } from './serving.js'

const encoder = new TextEncoder()

export class Presentation {
  readonly resource: Resource
  readonly accepted: Accepted
  /** The stored bytes are what the client sees. */
  readonly isRaw: boolean

  constructor(resource: Resource, accepted: Accepted) {
    this.resource = resource
    this.accepted = accepted
    this.isRaw = accepted.shape === 'object' && resource.convert === undefined
  }

  /** Those with the same key show the same. */
  get key(): string {
    const { shape, include } = this.accepted
    return `${this.resource.apiVersion} ${shape} ${include}`
  }

  /** What selectors look at: fields are named as the version asked for names them. */
  selectable(entry: Entry): Selectable {
    if (this.resource.convert === undefined) return entry.selectable
    const object = this.#object(entry)
    return { labels: object.metadata.labels, fields: selectableFields(this.resource.kind, object) }
  }

  /** One object as JSON. */
  bytes(entry: Entry, nowMs: number): Uint8Array {
    return this.isRaw ? entry.bytes : encoder.encode(JSON.stringify(this.value(entry, nowMs)))
  }

  value(entry: Entry, nowMs: number): object {
    const object = this.#object(entry)
    const { resourceVersion } = object.metadata
    switch (this.accepted.shape) {
      case 'object':
        return object
      case 'partial':
        return partialMetadata(object)
      case 'table':
        return table(this.#source(), [object], resourceVersion === undefined ? {} : { resourceVersion }, this.accepted.include, nowMs)
    }
  }

  list(entries: readonly Entry[], metadata: ListMeta, nowMs: number): Uint8Array {
    switch (this.accepted.shape) {
      case 'object':
        return this.#objectList(entries, metadata, nowMs)
      case 'partial': {
        const items = entries.map(entry => partialMetadata(this.#object(entry)))
        return encoder.encode(JSON.stringify({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items }))
      }
      case 'table': {
        const source = this.#source()
        const rows = entries.map(entry => tableRow(source, this.#object(entry), this.accepted.include, nowMs))
        const head = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: source.columns, rows }
        return encoder.encode(JSON.stringify(head))
      }
    }
  }

  /** An object that is not stored: a dry run's, a Scale. */
  reply(status: number, json: Uint8Array): Reply {
    return formatted(status, json, this.accepted.yaml)
  }

  #object(entry: Entry): ApiObject {
    const object = entry.object()
    return this.resource.convert?.fromStored(object) ?? object
  }

  #source(): TableSource {
    return this.resource.kind
  }

  #objectList(entries: readonly Entry[], metadata: ListMeta, nowMs: number): Uint8Array {
    const { kind } = this.resource.kind
    const head = { kind: `${kind}List`, apiVersion: this.resource.apiVersion, metadata }
    return joined(
      encoder.encode(`${JSON.stringify(head).slice(0, -1)},"items":[`),
      entries.map(entry => this.bytes(entry, nowMs)),
      comma,
      listEnd
    )
  }
}

const comma = 0x2c
const listEnd = encoder.encode(']}')

export function formatted(status: number, json: Uint8Array, yaml: boolean): Reply {
  if (!yaml) return { status, contentType: jsonType, body: json }
  const value: unknown = JSON.parse(new TextDecoder().decode(json))
  return { status, contentType: yamlType, body: encoder.encode(toYaml(value)) }
}

export const statusReply = (status: Status, code = status.code ?? 200): Reply => ({
  status: code,
  contentType: jsonType,
  body: encoder.encode(JSON.stringify(status))
})

export const jsonReply = (value: Json | object, status = 200): Reply => ({
  status,
  contentType: jsonType,
  body: encoder.encode(JSON.stringify(value))
})

/** Parts one after the other, with a byte between them. */
function joined(head: Uint8Array, parts: readonly Uint8Array[], between: number, tail: Uint8Array): Uint8Array {
  let length = head.length + tail.length + Math.max(0, parts.length - 1)
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  bytes.set(head)
  let at = head.length
  for (let index = 0; index < parts.length; index++) {
    if (index > 0) bytes[at++] = between
    const part = parts[index] as Uint8Array
    bytes.set(part, at)
    at += part.length
  }
  bytes.set(tail, at)
  return bytes
}
