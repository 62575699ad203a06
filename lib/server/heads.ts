// Heads: the header fields of answers, and the form in which a stream is refused.

import { type Refusal, refuse } from '../actor/index.js'
import type { Reply } from './serving.js'

export const baseHeaders = { 'cache-control': 'no-cache, private' }
const warningsMax = 32
const warningMax = 256 // Characters, as upstream truncates them.

export function headersOf(reply: Reply, warnings: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': reply.contentType, ...baseHeaders, ...reply.headers }
  if (warnings.length > 0) {
    headers.warning = warnings
      .slice(0, warningsMax)
      .map(text => `299 - ${JSON.stringify(text.slice(0, warningMax))}`)
      .join(', ')
  }
  return headers
}

/** A client of messages finds the Status in the detail. */
export const statusRefusal = (reply: Reply): Refusal => refuse('status', new TextDecoder().decode(reply.body))
