// Farewell: what the others are told when an actor ends, in the order they are told. Pure.

import type { Failure } from './contract.js'
import { downNotice, type Effect, type Envelope, failureFor, isPort } from './envelope.js'
import type { Member } from './member.js'

export function farewell(member: Member, reason: string): Envelope[] {
  const { cell, children, watchers } = member
  const detail = `${cell.address}: ${reason}`
  const stop = (child: string): Envelope => ({ ...downNotice(cell.address, child, `parent ended: ${reason}`), kind: 'stop' })
  return [
    ...(cell.epitaph(reason) as Envelope[]),
    ...(member.blocked ?? []).flatMap(effect => unsaid(effect, detail)),
    ...member.mailbox.drain().flatMap(envelope => unheard(envelope, detail)),
    ...[...children].filter(child => !isPort(child)).map(stop),
    ...[...watchers].map(watcher => downNotice(cell.address, watcher, reason))
  ]
}

/** Of a turn that waited for its save: an answer will not come; what it gave up stays given up. */
function unsaid(effect: Effect, detail: string): Envelope[] {
  switch (effect.kind) {
    case 'cancel':
      return [effect]
    case 'answer':
    case 'failure':
    case 'end':
      return [{ ...effect, kind: 'failure', body: { code: 'down', definite: false, detail }, count: 0 }]
    default:
      return []
  }
}

/** Of the mailbox: it was never begun. */
function unheard(envelope: Envelope, detail: string): Envelope[] {
  const error: Failure = { code: 'down', definite: true, detail }
  return envelope.kind === 'ask' || envelope.kind === 'open' ? [failureFor(envelope, error)] : []
}
