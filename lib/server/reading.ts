// Reading: GET of one object, and lists, as of the revision the client may ask for.
//
// Unset: everything acknowledged before the request is in the answer. "0": whatever the cache has. N: at least N, or exactly N if
// resourceVersionMatch says so, or if a page of a list is asked for. Pages after the first are as of the first's revision.

import { ask, type Flow } from '../actor/index.js'
import { errors, type FieldError, field, type ListMeta } from '../object/index.js'
import { type Continuation, continueToken, parseContinue } from './continuation.js'
import type { Entry } from './entry.js'
import { freshTimeoutMs } from './feed.js'
import { jsonType } from './negotiation.js'
import { formatted, Presentation } from './presentation.js'
import { keyOf } from './resource.js'
import { isSelected, type Selection, selectionOf, visitSelected } from './selection.js'
import type { Call, Reply, Serving } from './serving.js'
import { failureText } from './store-client.js'
import { prefixEnd } from './watch-cache.js'

const storePageMax = 1000 // Keys read at once where the cache cannot answer.

export function* get(serving: Serving, call: Call): Flow<Reply> {
  const { resource, target, query } = call
  yield* awaitRevision(serving, query.get('resourceVersion'))
  const entry = call.shelf.get(keyOf(resource, target.namespace, target.name))
  if (entry === undefined) throw errors.notFound(resource.groupResource, target.name)
  const shown = new Presentation(resource, call.accepted)
  if (shown.isRaw && !call.accepted.yaml) return { status: 200, contentType: jsonType, body: entry.bytes }
  return shown.reply(200, shown.bytes(entry, serving.ctx.clusterMs))
}

export function* list(serving: Serving, call: Call): Flow<Reply> {
  const { query } = call
  const selection = selectionOf(call)
  const shown = new Presentation(call.resource, call.accepted)
  const limit = limitOf(query.get('limit'))
  const continued = query.get('continue')
  const version = query.get('resourceVersion') ?? ''
  const match = query.get('resourceVersionMatch') ?? ''
  checkMatch(version, match, continued)
  if (continued) return yield* nextPage(serving, call, shown, selection, limit, parseContinue(continued, call.resource.prefix))
  const exact = match === 'Exact' || (match === '' && limit > 0 && version !== '' && version !== '0')
  if (exact)
    return yield* pageAt(serving, call, shown, selection, { revision: parseRevision(version), start: selection.prefix }, limit, false)
  yield* awaitRevision(serving, version)
  // As upstream: "any version" is answered whole.
  return fromCache(serving, call, shown, selection, selection.prefix, version === '0' && match === '' ? 0 : limit, serving.cache.revision)
}

/** Waits until the cache may answer a read of that resource version. */
export function* awaitRevision(serving: Serving, version: string | undefined): Flow<void> {
  const { ctx, cache } = serving
  if (version === undefined || version === '') {
    const fresh = yield* ask(ctx.self, freshTimeoutMs, 'fresh')
    if (!fresh.ok) throw errors.timeout(`the store does not answer: ${failureText(fresh.error)}`)
    return
  }
  const revision = parseRevision(version)
  const reached = yield* ask(ctx.self, freshTimeoutMs, 'reach', { revision })
  if (!reached.ok) throw errors.tooLargeResourceVersion(revision, cache.revision)
}

export function parseRevision(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw errors.badRequest(
      `invalid resource version ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`
    )
  return Number(text)
}

function* nextPage(
  serving: Serving,
  call: Call,
  shown: Presentation,
  selection: Selection,
  limit: number,
  continuation: Continuation
): Flow<Reply> {
  // A token without a revision goes on with what there is now: what `Expired` offered.
  if (continuation.revision > 0) return yield* pageAt(serving, call, shown, selection, continuation, limit, true)
  yield* awaitRevision(serving, '')
  return fromCache(serving, call, shown, selection, continuation.start, limit, serving.cache.revision)
}

/** A page as of one revision: from the cache if nothing has changed since, else from the store's history. */
function* pageAt(
  serving: Serving,
  call: Call,
  shown: Presentation,
  selection: Selection,
  { revision, start }: Continuation,
  limit: number,
  continued: boolean
): Flow<Reply> {
  const { cache, store } = serving
  const { shelf } = call
  if (revision <= cache.revision && revision >= shelf.lastRevision) {
    return fromCache(serving, call, shown, selection, start, limit, revision)
  }
  const entries: Entry[] = []
  const end = prefixEnd(selection.prefix)
  let more = true
  let next = start
  let remaining = 0
  while (more && (limit === 0 || entries.length < limit)) {
    const wanted = limit === 0 ? storePageMax : Math.min(storePageMax, Math.max(limit - entries.length, 1))
    const page = yield* store.range({ key: next, end, revision, limit: wanted }, call.deadlineMs)
    if (!page.ok) throw historyError(serving, call, page.error.code, revision, continued ? start : undefined)
    for (const kv of page.value.kvs) {
      const entry = shelf.format.decode(kv.key, kv.value, kv.modRevision)
      if (entry !== undefined && isSelected(selection, shown, entry)) entries.push(entry)
    }
    const last = page.value.kvs.at(-1)
    more = page.value.more && last !== undefined
    remaining = page.value.count - page.value.kvs.length
    if (last !== undefined) next = `${last.key}\0`
  }
  return listReply(serving, call, shown, selection, entries, revision, more ? { next, remaining } : undefined)
}

function historyError(serving: Serving, call: Call, code: string, revision: number, start: string | undefined) {
  if (code === 'future revision') return errors.tooLargeResourceVersion(revision, serving.cache.revision)
  if (code !== 'compacted') return errors.timeout(`the store does not answer: ${code}`)
  return start === undefined ? errors.listTooOld() : errors.continueTooOld(continueToken({ revision: -1, start }, call.resource.prefix))
}

function fromCache(
  serving: Serving,
  call: Call,
  shown: Presentation,
  selection: Selection,
  start: string,
  limit: number,
  revision: number
): Reply {
  const entries: Entry[] = []
  let next: string | undefined
  visitSelected(call.shelf, selection, shown, start, entry => {
    if (limit > 0 && entries.length === limit) {
      next = entry.key
      return false
    }
    entries.push(entry)
    return undefined
  })
  const rest = next === undefined ? undefined : { next, remaining: call.shelf.count(selection.prefix, next) }
  return listReply(serving, call, shown, selection, entries, revision, rest)
}

function listReply(
  serving: Serving,
  call: Call,
  shown: Presentation,
  selection: Selection,
  entries: readonly Entry[],
  revision: number,
  rest: { readonly next: string; readonly remaining: number } | undefined
): Reply {
  const metadata: ListMeta = { resourceVersion: String(revision) }
  if (rest !== undefined) {
    metadata.continue = continueToken({ revision, start: rest.next }, call.resource.prefix)
    // With a selector nobody knows how many of the rest are selected.
    if (selection.labels === undefined && selection.fields === undefined) metadata.remainingItemCount = rest.remaining
  }
  const json = shown.list(entries, metadata, serving.ctx.clusterMs)
  return call.accepted.yaml ? formatted(200, json, true) : { status: 200, contentType: jsonType, body: json }
}

function limitOf(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (!/^-?\d{1,15}$/.test(text)) throw errors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Math.max(0, Number(text))
}

/** Which combinations of version, match and continue mean something (validateListOptions). */
function checkMatch(version: string, match: string, continued: string | undefined): void {
  const faults: FieldError[] = []
  const at = 'resourceVersionMatch'
  if (match !== '') {
    if (version === '') faults.push(field.forbidden(at, 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
    if (continued) faults.push(field.forbidden(at, 'resourceVersionMatch is forbidden when continue is provided'))
    if (match !== 'Exact' && match !== 'NotOlderThan') faults.push(field.notSupported(at, match, ['Exact', 'NotOlderThan', '']))
    if (match === 'Exact' && version === '0') {
      faults.push(field.forbidden(at, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    }
  }
  if (faults.length > 0) throw errors.invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', faults)
  if (continued && version !== '' && version !== '0')
    throw errors.badRequest('specifying resource version is not allowed when using continue')
}
