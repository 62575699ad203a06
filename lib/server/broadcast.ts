// Broadcast: hands changes to those who watch. Watchers that see the same are one audience: an event is selected and written down
// once for all of them, and what one turn brought goes to them as one buffer, in one write.

import type { Sink } from '../actor/index.js'
import { refuse } from '../actor/index.js'
import { exactField } from '../object/index.js'
import type { Entry } from './entry.js'
import type { Presentation } from './presentation.js'
import { isSelected, type Selection } from './selection.js'
import type { CacheEvent, Shelf } from './watch-cache.js'

export interface Outlet {
  /** The same bytes to every HTTP stream. */
  write(ids: readonly number[], bytes: Uint8Array): void
  readonly nowMs: number
}

/** One who watches: an HTTP stream or a stream of the actor runtime. */
export type Listener = { readonly id: number } | { readonly sink: Sink<Uint8Array> }

export class Audience {
  readonly key: string
  readonly shelf: Shelf
  readonly selection: Selection
  readonly presentation: Presentation
  /** Never changed in place: a write under way holds it. */
  ids: readonly number[] = []
  readonly sinks = new Set<Sink<Uint8Array>>()
  readonly #bookmarked = new Set<Listener>()

  constructor(key: string, shelf: Shelf, selection: Selection, presentation: Presentation) {
    this.key = key
    this.shelf = shelf
    this.selection = selection
    this.presentation = presentation
  }

  get size(): number {
    return this.ids.length + this.sinks.size
  }

  add(listener: Listener, bookmarks: boolean): void {
    if ('id' in listener) this.ids = [...this.ids, listener.id]
    else this.sinks.add(listener.sink)
    if (bookmarks) this.#bookmarked.add(listener)
  }

  remove(listener: Listener): void {
    if ('id' in listener) this.ids = this.ids.filter(id => id !== listener.id)
    else this.sinks.delete(listener.sink)
    this.#bookmarked.delete(listener)
  }

  /** Those of it that want bookmarks. */
  get bookmarked(): Pick<Audience, 'ids' | 'sinks'> {
    const ids: number[] = []
    const sinks = new Set<Sink<Uint8Array>>()
    for (const listener of this.#bookmarked) {
      if ('id' in listener) ids.push(listener.id)
      else sinks.add(listener.sink)
    }
    return { ids, sinks }
  }

  /** The lines of these events as this audience sees them; undefined if it sees nothing of them. */
  lines(events: readonly CacheEvent[], nowMs: number, written: Lines = new Map()): Uint8Array | undefined {
    const lines: Uint8Array[] = []
    for (const event of events) {
      const line = this.#line(event, nowMs, written)
      if (line !== undefined) lines.push(line)
    }
    return lines.length === 0 ? undefined : concat(lines)
  }

  #line(event: CacheEvent, nowMs: number, written: Lines): Uint8Array | undefined {
    const { selection, presentation } = this
    const { entry, prev } = event
    if (!entry.key.startsWith(selection.prefix)) return undefined
    const wholePrefix = selection.labels === undefined && selection.fields === undefined
    if (wholePrefix && presentation.isRaw) return lineOf(written, event.type, entry)
    const now = event.type !== 'DELETED' && isSelected(selection, presentation, entry)
    const before = prev !== undefined && isSelected(selection, presentation, prev)
    if (!now && !before) return undefined
    const type = now ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED'
    // Who is no longer selected is told as deleted, in the last state that was, at the revision of the change.
    const shown = now || event.type === 'DELETED' ? entry : (prev as Entry).at(event.revision)
    return presentation.isRaw ? lineOf(written, type, shown) : watchLine(type, presentation.bytes(shown, nowMs))
  }
}

export class Broadcast {
  readonly #audiences = new Map<Shelf, Map<string, Audience>>()
  /** Of a shelf: audiences of one node's pods or one object's events, found without asking all the others. */
  readonly #indexed = new Map<Shelf, Map<string, Set<Audience>>>()

  get size(): number {
    let size = 0
    for (const audiences of this.#audiences.values()) for (const audience of audiences.values()) size += audience.size
    return size
  }

  join(shelf: Shelf, selection: Selection, presentation: Presentation, listener: Listener, bookmarks: boolean): Audience {
    const key = `${presentation.key}\n${selection.key}`
    const audiences = this.#audiences.get(shelf) ?? new Map<string, Audience>()
    this.#audiences.set(shelf, audiences)
    const audience = audiences.get(key) ?? new Audience(key, shelf, selection, presentation)
    audiences.set(key, audience)
    audience.add(listener, bookmarks)
    this.#index(shelf, indexOf(audience)).add(audience)
    return audience
  }

  leave(audience: Audience, listener: Listener): void {
    audience.remove(listener)
    if (audience.size > 0) return
    this.#audiences.get(audience.shelf)?.delete(audience.key)
    const index = indexOf(audience)
    const set = this.#index(audience.shelf, index)
    set.delete(audience)
    if (set.size === 0) this.#indexed.get(audience.shelf)?.delete(index)
  }

  audiences(): Audience[] {
    return [...this.#audiences.values()].flatMap(audiences => [...audiences.values()])
  }

  publish(shelf: Shelf, events: readonly CacheEvent[], outlet: Outlet): void {
    const written: Lines = new Map()
    for (const audience of this.#concerned(shelf, events)) {
      const bytes = audience.lines(events, outlet.nowMs, written)
      if (bytes !== undefined) deliver(audience, bytes, outlet)
    }
  }

  #concerned(shelf: Shelf, events: readonly CacheEvent[]): Iterable<Audience> {
    const indexed = this.#indexed.get(shelf)
    if (indexed === undefined) return []
    const found = new Set(indexed.get(unindexed))
    if (indexed.size === (found.size > 0 ? 1 : 0)) return found
    for (const { entry, prev } of events) {
      for (const state of prev === undefined ? [entry] : [entry, prev]) {
        for (const name of indexedFields) {
          const value = state.selectable.fields[name]
          if (value !== undefined) for (const audience of indexed.get(`${name}=${value}`) ?? []) found.add(audience)
        }
      }
    }
    return found
  }

  #index(shelf: Shelf, key: string): Set<Audience> {
    const indexed = this.#indexed.get(shelf) ?? new Map<string, Set<Audience>>()
    this.#indexed.set(shelf, indexed)
    const set = indexed.get(key) ?? new Set<Audience>()
    indexed.set(key, set)
    return set
  }
}

// As upstream's triggers: kubelets watch the pods of their node, and single objects by name.
const indexedFields = ['spec.nodeName', 'metadata.name']

const unindexed = ''

function indexOf({ selection, presentation }: Audience): string {
  if (selection.fields === undefined || presentation.resource.convert !== undefined) return unindexed
  for (const name of indexedFields) {
    const value = exactField(selection.fields, name)
    if (value !== undefined) return `${name}=${value}`
  }
  return unindexed
}

export function deliver(audience: Pick<Audience, 'ids' | 'sinks'>, bytes: Uint8Array, outlet: Outlet): void {
  if (audience.ids.length > 0) outlet.write(audience.ids, bytes)
  for (const sink of audience.sinks) {
    // It comes back with the last revision it has seen, as a slow HTTP client does.
    if (!sink.push(bytes)) sink.end(refuse('slow', 'the watcher does not read'))
  }
}

const encoder = new TextEncoder()
const heads = {
  ADDED: encoder.encode('{"type":"ADDED","object":'),
  MODIFIED: encoder.encode('{"type":"MODIFIED","object":'),
  DELETED: encoder.encode('{"type":"DELETED","object":'),
  BOOKMARK: encoder.encode('{"type":"BOOKMARK","object":'),
  ERROR: encoder.encode('{"type":"ERROR","object":')
}
const tail = encoder.encode('}\n')

export const watchLine = (type: keyof typeof heads, object: Uint8Array): Uint8Array => concat([heads[type], object, tail])

/** Lines already written down, for the audiences that follow. */
type Lines = Map<Entry, { readonly type: keyof typeof heads; readonly line: Uint8Array }>

function lineOf(written: Lines, type: keyof typeof heads, entry: Entry): Uint8Array {
  const known = written.get(entry)
  if (known?.type === type) return known.line
  const line = watchLine(type, entry.bytes)
  written.set(entry, { type, line })
  return line
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
