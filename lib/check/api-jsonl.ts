// API JSON lines: a history of the Kubernetes API as text, one line a record: the header, then operations in the order they were
// asked for, what each client watched, and what the store did where that was read. The whole of it is in docs/checking.md.

import type { ApiEvent, ApiHistory, ApiOperation, ApiOutcome, ApiState, ApiWatch } from './api-history.js'
import { type HistoryHeader, historyFormat, historyVersion } from './jsonl.js'

/** The lines of a history, without line ends. */
export function* encodeApiHistory(history: ApiHistory, header: HistoryHeader = {}): Generator<string> {
  const { operations, sessions, written, lived, store } = history
  const stored = store === undefined ? {} : { stored: [...store.resources] }
  yield JSON.stringify({ format: historyFormat, version: historyVersion, kind: 'api', ...header, written, lived, ...stored })
  for (const operation of operations) yield JSON.stringify(operationLine(operation))
  let watches = 0
  for (const [id, { client, prefix, selector, known, revision, watches: own }] of sessions.entries()) {
    yield JSON.stringify({ op: 'session', id, client, prefix, selector, revision, known: known.map(stateData) })
    for (const watch of own) yield* watchLines(watch, id, watches++)
  }
  for (const { key, revision, state } of store?.changes ?? [])
    yield JSON.stringify({ op: 'stored', key, revision, ...(state === undefined ? {} : { state: stateData(state) }) })
}

function operationLine({ verb, invokedUs, returnedUs, outcome, id, client, key, ...asked }: ApiOperation): object {
  const until = returnedUs === Number.POSITIVE_INFINITY ? null : returnedUs
  return { op: verb, id, client, key, from: invokedUs, until, ...asked, ...(outcome === undefined ? {} : outcomeData(outcome)) }
}

function outcomeData(outcome: ApiOutcome): object {
  switch (outcome.kind) {
    case 'failed': {
      const { code, reason, definite } = outcome
      return { failure: { code, reason, definite } }
    }
    case 'list':
      return { answer: { ...outcome, states: outcome.states.map(stateData) } }
    case 'object':
      return { answer: { ...outcome, state: stateData(outcome.state) } }
    default:
      return { answer: outcome }
  }
}

/** What is as it is of most objects is left out. */
function stateData({ key, uid, revision, content, ...rest }: ApiState): object {
  const { generation, desired, besides, labels, created, deleting, mark, tally } = rest
  return {
    key,
    uid,
    revision,
    content,
    ...(generation === 0 ? {} : { generation }),
    ...(desired === '' ? {} : { desired }),
    ...(besides === '' ? {} : { besides }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(created === '' ? {} : { created }),
    ...(deleting ? { deleting } : {}),
    ...(mark === '' ? {} : { mark }),
    ...(tally === undefined ? {} : { tally })
  }
}

function* watchLines({ from, openedUs, events, ended }: ApiWatch, session: number, id: number): Generator<string> {
  yield JSON.stringify({ op: 'watch', id, session, from: openedUs, revision: from })
  for (const event of events) yield JSON.stringify({ op: 'event', id, ...eventData(event) })
  if (ended !== undefined) yield JSON.stringify({ op: 'ended', id, reason: ended })
}

const eventData = (event: ApiEvent): object =>
  event.type === 'BOOKMARK'
    ? { at: event.atUs, type: event.type, revision: event.revision }
    : { at: event.atUs, type: event.type, state: stateData(event.state) }
