// Entry: one object as the watch cache holds it: the bytes that go to clients.
//
// The store keeps `{"kind":…,"apiVersion":…,"metadata":{…` without a resource version, since the revision is not known before the write.
// It is spliced in as the first member of metadata, right after a head that is the same for every object of a kind; so it can be
// spliced anew for the last state of a deletion without looking at the rest.

import { apiVersionOf, type Kind, selectableFields } from '../kinds/index.js'
import type { ApiObject } from '../object/index.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface Selectable {
  readonly labels: Readonly<Record<string, string>> | undefined
  readonly fields: Readonly<Record<string, string>>
}

/** Turns stored bytes of one kind into entries, and objects into bytes to store. */
export class EntryFormat {
  readonly kind: Kind
  readonly #head: Uint8Array
  readonly #apiVersion: string

  constructor(kind: Kind) {
    this.kind = kind
    this.#apiVersion = apiVersionOf(kind)
    this.#head = encoder.encode(`{"kind":${JSON.stringify(kind.kind)},"apiVersion":${JSON.stringify(this.#apiVersion)},"metadata":{`)
  }

  /** The bytes to store. Whatever resource version the object has is left out. */
  encode(object: ApiObject): Uint8Array {
    const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = object
    const { resourceVersion: _revision, ...meta } = metadata
    return encoder.encode(JSON.stringify({ kind: this.kind.kind, apiVersion: this.#apiVersion, metadata: meta, ...rest }))
  }

  /** Undefined: what is stored is no object of this kind (somebody else wrote it). */
  decode(key: string, stored: Uint8Array, revision: number): Entry | undefined {
    const head = this.#head
    const own = startsWith(stored, head) ? stored : this.#normalized(stored)
    return own === undefined ? undefined : new Entry(this, key, spliced(own, head.length, head.length, revision), revision)
  }

  respliced(entry: Entry, revision: number): Uint8Array {
    const at = this.#head.length
    return spliced(entry.bytes, at, at + revisionText(entry.revision).length, revision)
  }

  #normalized(stored: Uint8Array): Uint8Array | undefined {
    try {
      const object = JSON.parse(decoder.decode(stored)) as ApiObject
      if (typeof object.metadata?.name !== 'string' || object.kind !== this.kind.kind) return undefined
      return this.encode(object)
    } catch {
      return undefined
    }
  }
}

export class Entry {
  readonly key: string
  readonly bytes: Uint8Array
  readonly revision: number
  readonly #format: EntryFormat
  #selectable: Selectable | undefined

  constructor(format: EntryFormat, key: string, bytes: Uint8Array, revision: number) {
    this.#format = format
    this.key = key
    this.bytes = bytes
    this.revision = revision
  }

  /** A fresh copy: the caller may change it. */
  object(): ApiObject {
    return JSON.parse(decoder.decode(this.bytes)) as ApiObject
  }

  /** What selectors look at; kept, since every list and watch asks again. */
  get selectable(): Selectable {
    if (this.#selectable === undefined) {
      const object = this.object()
      this.#selectable = { labels: object.metadata.labels, fields: selectableFields(this.#format.kind, object) }
    }
    return this.#selectable
  }

  /** The same object with another resource version: what a DELETED event shows. */
  at(revision: number): Entry {
    return new Entry(this.#format, this.key, this.#format.respliced(this, revision), revision)
  }
}

const revisionText = (revision: number): string => `"resourceVersion":"${revision}",`

/** `bytes` with what is between `from` and `to` replaced by the revision. */
function spliced(bytes: Uint8Array, from: number, to: number, revision: number): Uint8Array {
  const text = revisionText(revision)
  const result = new Uint8Array(bytes.length - (to - from) + text.length)
  result.set(bytes.subarray(0, from))
  for (let index = 0; index < text.length; index++) result[from + index] = text.charCodeAt(index)
  result.set(bytes.subarray(to), from + text.length)
  return result
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  if (bytes.length < head.length) return false
  for (let index = 0; index < head.length; index++) if (bytes[index] !== head[index]) return false
  return true
}
