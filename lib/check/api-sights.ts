// API sights: what anybody had been told before each operation was asked for: the measure of consistent reads and of the order of writes.

import type { ApiHistory, ApiOperation } from './api-history.js'

/** The newest that was seen, and by whom, in which order of time. */
export interface Sight {
  readonly revision: number
  readonly client: string
  readonly atUs: number
}

/** What had been seen when an operation was asked for. */
export interface Known {
  /** Of anything at all. */
  readonly newest: Sight | undefined
  /** Of anything, by the client that asks. */
  readonly own: Sight | undefined
  /** Of the object in question. */
  readonly ofKey: Sight | undefined
  /** The uid of the answer was known to be gone. */
  readonly gone: Sight | undefined
}

interface Moment {
  readonly us: number
  readonly asks: ApiOperation | undefined
  readonly key: string
  readonly revision: number
  readonly gone: string // A uid.
  readonly client: string
}

/** Calls `visit` for each operation, in the order in which they were asked for. */
export function visitKnown(history: ApiHistory, visit: (operation: ApiOperation, known: Known) => void): void {
  const moments = momentsOf(history)
  // What is seen in the very moment in which another asks was not seen before.
  moments.sort((a, b) => a.us - b.us || (a.asks === undefined ? 1 : 0) - (b.asks === undefined ? 1 : 0))
  let newest: Sight | undefined
  const own = new Map<string, Sight>()
  const ofKey = new Map<string, Sight>()
  const gone = new Map<string, Sight>()
  for (const { us, asks, key, revision, gone: uid, client } of moments) {
    if (asks !== undefined) {
      visit(asks, { newest, own: own.get(client), ofKey: ofKey.get(key), gone: gone.get(uid) })
      continue
    }
    const sight = { revision, client, atUs: us }
    if (uid !== '') gone.set(uid, sight)
    if (newest === undefined || revision > newest.revision) newest = sight
    if (revision > (own.get(client)?.revision ?? 0)) own.set(client, sight)
    if (key !== '' && revision > (ofKey.get(key)?.revision ?? 0)) ofKey.set(key, sight)
  }
}

const seenAt = (us: number, client: string, key: string, revision: number, gone = ''): Moment => ({
  us,
  asks: undefined,
  key,
  revision,
  gone,
  client
})

function momentsOf({ operations, sessions }: ApiHistory): Moment[] {
  const moments: Moment[] = []
  for (const operation of operations) {
    const { client, key, outcome, invokedUs: us, returnedUs } = operation
    const uid = outcome?.kind === 'object' ? outcome.state.uid : ''
    moments.push({ us, asks: operation, key, revision: 0, gone: uid, client })
    if (outcome === undefined || outcome.kind === 'failed') continue
    if (outcome.kind === 'object') moments.push(seenAt(returnedUs, client, key, outcome.state.revision))
    else if (outcome.kind === 'gone') moments.push(seenAt(returnedUs, client, '', 0, outcome.uid))
    else if (outcome.kind === 'list') {
      moments.push(seenAt(returnedUs, client, '', outcome.revision))
      for (const state of outcome.states) moments.push(seenAt(returnedUs, client, state.key, state.revision))
    }
  }
  for (const { client, watches } of sessions) {
    for (const event of watches.flatMap(({ events }) => events)) {
      if (event.type === 'BOOKMARK') moments.push(seenAt(event.atUs, client, '', event.revision))
      else moments.push(seenAt(event.atUs, client, event.state.key, event.state.revision))
    }
  }
  return moments
}
