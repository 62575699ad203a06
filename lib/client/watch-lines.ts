// Watch lines: what a piece of a watch says, as events. A piece is read once for all who are handed the same bytes, as many
// watchers of one apiserver are where threads share them: so its objects are frozen.

import type { ApiObject } from '../object/index.js'
import { deepFreeze } from './object-store.js'

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

const decoder = new TextDecoder()
const known = new WeakMap<Uint8Array, readonly WatchEvent<ApiObject>[]>() // Bytes that were sent are never changed.

export function watchEvents<T extends ApiObject>(piece: Uint8Array): readonly WatchEvent<T>[] {
  let events = known.get(piece)
  if (events === undefined) {
    events = decoder
      .decode(piece)
      .split('\n')
      .filter(line => line !== '')
      .map(line => deepFreeze(JSON.parse(line) as WatchEvent<ApiObject>))
    known.set(piece, events)
  }
  return events as readonly WatchEvent<T>[]
}
