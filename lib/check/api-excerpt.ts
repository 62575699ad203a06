// API excerpt: operations, states and events as short lines of text, for a reader of a violation.

import type { ApiEvent, ApiOperation, ApiOutcome, ApiState, ApiWatchSession } from './api-history.js'
import type { Version } from './api-reference.js'
import { timeOf } from './excerpt.js'

const uidLength = 8

export function describeApiOperation(operation: ApiOperation): string {
  const { client, verb, key, invokedUs, returnedUs, sentRevision, sentUid, version, exact, limit, firstPage, mark, selector } = operation
  const asked = [
    ...(sentRevision === undefined ? [] : [`if at ${sentRevision}`]),
    ...(sentUid === undefined ? [] : [`if ${sentUid.slice(0, uidLength)}`]),
    ...(version === undefined || version === '' ? [] : [`${exact === true ? 'exactly' : 'from'} ${version}`]),
    ...(selector === undefined ? [] : [`where ${selectorText(selector)}`]),
    ...(limit === undefined || limit === 0 ? [] : [`limit ${limit}`]),
    ...(firstPage === undefined ? [] : [`after ${firstPage}`]),
    ...(mark === undefined || mark === '' ? [] : [`mark ${mark}`])
  ]
  const times = `[${timeOf(invokedUs)}, ${timeOf(returnedUs)}]`
  return [`${operation.id} ${client} ${times} ${verb} ${key}`, ...asked, '=', describeOutcome(operation.outcome)].join(' ')
}

function describeOutcome(outcome: ApiOutcome | undefined): string {
  if (outcome === undefined) return 'no answer'
  switch (outcome.kind) {
    case 'object':
      return describeState(outcome.state)
    case 'list':
      return `${outcome.states.length} objects at ${outcome.revision}${outcome.more ? ', and more' : ''}`
    case 'gone':
    case 'marked':
      return `${outcome.kind} ${outcome.uid.slice(0, uidLength)}`
    case 'failed':
      return `${outcome.definite ? 'refused' : 'in doubt'}: ${outcome.code} ${outcome.reason}`
  }
}

export function describeState({ key, revision, uid, generation, mark, tally, deleting }: ApiState): string {
  const also = [
    ...(generation === 0 ? [] : [`generation ${generation}`]),
    ...(mark === '' ? [] : [`mark ${mark}`]),
    ...(tally === undefined ? [] : [`tally ${tally}`]),
    ...(deleting ? ['deleting'] : [])
  ]
  return `${key} at ${revision} (${[uid.slice(0, uidLength), ...also].join(', ')})`
}

export const describeVersion = ({ key, revision, state, seen }: Version): string =>
  `${state === undefined ? `${key} gone at ${revision}` : describeState(state)}, seen by ${seen}`

export const describeEvent = (event: ApiEvent): string =>
  event.type === 'BOOKMARK'
    ? `BOOKMARK ${event.revision} at ${timeOf(event.atUs)}`
    : `${event.type} ${describeState(event.state)} at ${timeOf(event.atUs)}`

export const describeSession = ({ client, prefix, selector, revision }: ApiWatchSession): string =>
  `${client} watches ${prefix}${selector === undefined ? '' : ` where ${selectorText(selector)}`} from ${revision} on`

const selectorText = (selector: Readonly<Record<string, string>>): string =>
  Object.entries(selector)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
