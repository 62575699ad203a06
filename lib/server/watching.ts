// Watching: one watch from its first event to its end.
//
// It sends the state or the history the client asked for at the client's pace, then joins an audience (broadcast.ts) in the same turn
// in which it has sent everything there is; so nothing is lost or told twice between the two.

import { ask, type Flow, sleep } from '../actor/index.js'
import { errors, type FieldError, field, StatusError } from '../object/index.js'
import { Audience, type Broadcast, concat, type Listener, watchLine } from './broadcast.js'
import { freshTimeoutMs } from './feed.js'
import { Presentation } from './presentation.js'
import { awaitRevision, parseRevision } from './reading.js'
import { flag, type Query } from './request.js'
import { type Selection, selectionOf, visitSelected } from './selection.js'
import type { Call, Serving } from './serving.js'

/** As upstream's --min-request-timeout: a watch without a limit ends after this to twice this, so that they spread. */
const watchTimeoutMs = 1_800_000
const timeoutSecondsMax = 2 ** 31
/** Sent at once before waiting for the client to take it. */
const pieceBytesMax = 256 << 10

/** Where the bytes of a watch go. */
export interface Channel {
  readonly listener: Listener
  /** From here on, errors are events. */
  begin(): void
  /** False: not taken, there is no room. */
  tell(bytes: Uint8Array): boolean
  /** Waits until it was taken. False: the client is gone. */
  send(bytes: Uint8Array): Flow<boolean>
}

interface WatchOptions {
  /** As given; '' without. */
  readonly version: string
  /** The current state comes first. */
  readonly initial: boolean
  /** A bookmark tells the end of the current state. */
  readonly marksEnd: boolean
  readonly bookmarks: boolean
  readonly timeoutMs: number
}

/** Throws a StatusError only before `begin`. */
export function* watch(serving: Serving, broadcast: Broadcast, call: Call, channel: Channel): Flow<void> {
  const { ctx } = serving
  const options = optionsOf(call.query, () => ctx.random())
  const selection = selectionOf(call)
  const presentation = new Presentation(call.resource, call.accepted)
  const endsMs = ctx.nowMs + options.timeoutMs
  yield* awaitRevision(serving, options.initial || options.version === '' ? options.version : '0')
  // Told to send no state, a watch without a revision starts at the most recent.
  const since = options.version === '' || options.version === '0' ? serving.cache.revision : parseRevision(options.version)
  channel.begin()
  let audience: Audience | undefined
  try {
    const position = options.initial ? yield* sendState(serving, call, selection, presentation, options, channel) : since
    if (position === undefined || !(yield* awaitPosition(serving, position, endsMs))) return
    audience = yield* join(serving, broadcast, call, selection, presentation, options, channel, position)
    if (audience === undefined) return
    yield* sleep('real', endsMs - ctx.nowMs)
    if (options.bookmarks) channel.tell(bookmark(presentation, serving.cache.revision))
  } catch (error) {
    const status = error instanceof StatusError ? error : errors.internalError(String(error))
    channel.tell(errorLine(status))
  } finally {
    if (audience !== undefined) broadcast.leave(audience, channel.listener)
  }
}

/** A watch from a revision the cache has not reached begins when it has. */
function* awaitPosition(serving: Serving, revision: number, endsMs: number): Flow<boolean> {
  while (revision > serving.cache.revision) {
    if (serving.ctx.nowMs >= endsMs) return false
    yield* ask(serving.ctx.self, freshTimeoutMs, 'reach', { revision })
  }
  return true
}

/** Sends what there is. The revision it is as of; undefined: the client is gone. */
function* sendState(
  serving: Serving,
  call: Call,
  selection: Selection,
  presentation: Presentation,
  options: WatchOptions,
  channel: Channel
): Flow<number | undefined> {
  const { revision } = serving.cache
  const nowMs = serving.ctx.clusterMs
  let piece: Uint8Array[] = []
  let bytes = 0
  const pieces: Uint8Array[] = []
  visitSelected(call.shelf, selection, presentation, '', entry => {
    const line = watchLine('ADDED', presentation.bytes(entry, nowMs))
    piece.push(line)
    bytes += line.length
    if (bytes < pieceBytesMax) return
    pieces.push(concat(piece))
    piece = []
    bytes = 0
  })
  if (options.marksEnd) piece.push(bookmark(presentation, revision, true))
  if (piece.length > 0) pieces.push(concat(piece))
  for (const one of pieces) if (!(yield* channel.send(one))) return undefined
  return revision
}

/** Sends the history since that position and joins in the same turn. Undefined: the client is gone. */
function* join(
  serving: Serving,
  broadcast: Broadcast,
  call: Call,
  selection: Selection,
  presentation: Presentation,
  options: WatchOptions,
  channel: Channel,
  from: number
): Flow<Audience | undefined> {
  const { cache } = serving
  const alone = new Audience('', call.shelf, selection, presentation)
  for (let position = from; ; ) {
    const events = call.shelf.eventsSince(position)
    if (events === undefined) throw errors.tooOldForCache(String(position), String(call.shelf.since))
    const bytes = alone.lines(events, serving.ctx.clusterMs)
    position = cache.revision
    if (bytes === undefined || (bytes.length <= pieceBytesMax && channel.tell(bytes))) {
      return broadcast.join(call.shelf, selection, presentation, channel.listener, options.bookmarks)
    }
    if (!(yield* channel.send(bytes))) return undefined
  }
}

const encoder = new TextEncoder()

export const errorLine = (error: StatusError): Uint8Array => watchLine('ERROR', encoder.encode(JSON.stringify(error.status)))

/** Everything up to that revision has been sent. */
export function bookmark({ resource, accepted }: Presentation, revision: number, endsState = false): Uint8Array {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(endsState ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {})
  }
  const object = { kind: resource.kind.kind, apiVersion: resource.apiVersion, metadata }
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  const table = {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: String(revision) },
    columnDefinitions: resource.kind.columns,
    rows: [{ cells: resource.kind.columns.map(() => null), object: partial }]
  }
  const shown = accepted.shape === 'object' ? object : accepted.shape === 'partial' ? partial : table
  return watchLine('BOOKMARK', encoder.encode(JSON.stringify(shown)))
}

function optionsOf(query: Query, random: () => number): WatchOptions {
  const version = query.get('resourceVersion') ?? ''
  const match = query.get('resourceVersionMatch') ?? ''
  const sends = query.get('sendInitialEvents')
  const sendsState = sends !== undefined && flag(query, 'sendInitialEvents')
  const bookmarks = flag(query, 'allowWatchBookmarks')
  checkOptions(match, sends, sendsState, bookmarks)
  if (version !== '') parseRevision(version)
  const seconds = query.get('timeoutSeconds')
  if (seconds !== undefined && !/^\d{1,10}$/.test(seconds)) throw errors.badRequest(`invalid timeoutSeconds ${JSON.stringify(seconds)}`)
  const limited = seconds === undefined ? 0 : Math.min(Number(seconds), timeoutSecondsMax)
  return {
    version,
    // As upstream: without a revision to start from, the state comes first, as events.
    initial: sends === undefined ? version === '' || version === '0' : sendsState,
    marksEnd: sendsState && bookmarks,
    bookmarks,
    timeoutMs: limited > 0 ? limited * 1000 : watchTimeoutMs * (1 + random())
  }
}

function checkOptions(match: string, sends: string | undefined, sendsState: boolean, bookmarks: boolean): void {
  const faults: FieldError[] = []
  if (match !== '' && sends === undefined) {
    faults.push(field.forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'))
  }
  if (sends !== undefined && match !== 'NotOlderThan') {
    faults.push(field.forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'))
  }
  if (sendsState && !bookmarks) {
    faults.push(field.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for watch unless allowWatchBookmarks is true'))
  }
  if (faults.length > 0) throw errors.invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', faults)
}
