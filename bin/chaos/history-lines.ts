// History lines: an API history as JSON lines: operations in the order they were asked for, then what each client watched.

import type { ApiHistory } from '../../lib/check/index.js'

export function historyLines({ operations, sessions, written, lived }: ApiHistory): string {
  const lines: object[] = [{ type: 'history', written, lived }]
  // Infinity is no JSON: what has not returned has no such time.
  for (const operation of operations) {
    const { returnedUs, ...rest } = operation
    lines.push({ type: 'operation', ...rest, ...(returnedUs === Number.POSITIVE_INFINITY ? {} : { returnedUs }) })
  }
  for (const session of sessions) lines.push({ type: 'session', ...session })
  return `${lines.map(line => JSON.stringify(line)).join('\n')}\n`
}
