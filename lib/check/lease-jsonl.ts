// JSON lines of leases: what clients asked of leases and were told, written and read. The whole of it is in docs/checking.md.

import type { Fields } from './json-fields.js'
import { outcomeOf, timesOf } from './json-outcome.js'
import { type HistoryHeader, historyFormat, historyVersion, outcomeData, untilOf } from './jsonl.js'
import type { LeaseClocks, LeaseHistory, LeaseLook, LeaseOperation } from './lease.js'

const perMillion = 1_000_000
const noLease = -1 // Of what is left of one that is not there; in a line it is left out.

/** The lines of a history, without line ends. */
export function* encodeLeaseHistory({ operations, clocks, steadyUs }: LeaseHistory, header: HistoryHeader = {}): Generator<string> {
  const { rateMax, jumps } = clocks
  yield JSON.stringify({
    format: historyFormat,
    version: historyVersion,
    kind: 'lease',
    ...header,
    ...(rateMax === 1 ? {} : { clockFasterPpm: Math.round((rateMax - 1) * perMillion) }),
    ...(jumps.length === 0 ? {} : { clockJumps: jumps.map(({ atUs, byUs }) => ({ at: atUs, by: byUs })) }),
    ...(steadyUs === undefined ? {} : { steady: steadyUs })
  })
  for (const operation of operations) yield JSON.stringify(lineOf(operation))
}

function lineOf(operation: LeaseOperation): object {
  const { client, to, id, kind, invokedUs, returnedUs } = operation
  const line = { op: kind, client, to, lease: id, from: invokedUs, until: untilOf(returnedUs) }
  switch (operation.kind) {
    case 'grant':
      return { ...line, ttlSeconds: operation.ttlSeconds, ...outcomeData(operation.outcome, ttlData) }
    case 'keepAlive':
      return { ...line, ...outcomeData(operation.outcome, ttlData) }
    case 'revoke':
      return { ...line, ...outcomeData(operation.outcome, () => ({})) }
    case 'look':
      return { ...line, ...outcomeData(operation.outcome, lookData) }
    case 'attach':
      return { ...line, key: operation.key, ...outcomeData(operation.outcome, () => ({})) }
    case 'read':
      return { ...line, ...outcomeData(operation.outcome, ({ keys }) => ({ keys })) }
  }
}

const ttlData = ({ ttlSeconds }: { readonly ttlSeconds: number }): object => ({ ttlSeconds })

const lookData = ({ grantedTtlSeconds, remainingTtlSeconds, keys }: LeaseLook): object => ({
  grantedTtlSeconds,
  ...(remainingTtlSeconds === noLease ? {} : { remainingTtlSeconds }),
  keys
})

export class LeaseHistoryDecoder {
  readonly #operations: LeaseOperation[] = []
  readonly #clocks: LeaseClocks
  readonly #steadyUs: number | undefined

  constructor(header: Fields) {
    const jumps = header.has('clockJumps') ? header.list('clockJumps', one => ({ atUs: one.number('at'), byUs: one.number('by') })) : []
    this.#clocks = { rateMax: 1 + (header.optionalNumber('clockFasterPpm') ?? 0) / perMillion, jumps }
    this.#steadyUs = header.optionalNumber('steady')
  }

  take(line: Fields): void {
    this.#operations.push(operationOf(line))
  }

  finish(): LeaseHistory {
    return { operations: this.#operations, clocks: this.#clocks, ...(this.#steadyUs === undefined ? {} : { steadyUs: this.#steadyUs }) }
  }
}

function operationOf(line: Fields): LeaseOperation {
  const kind = line.oneOf('op', ['grant', 'keepAlive', 'revoke', 'look', 'attach', 'read'])
  const asked = { client: line.string('client'), to: line.optionalString('to') ?? '', id: line.number('lease'), ...timesOf(line) }
  switch (kind) {
    case 'grant':
      return { ...asked, kind, ttlSeconds: line.number('ttlSeconds'), outcome: outcomeOf(line, ttlOf) }
    case 'keepAlive':
      return { ...asked, kind, outcome: outcomeOf(line, ttlOf) }
    case 'revoke':
      return { ...asked, kind, outcome: outcomeOf(line, () => ({})) }
    case 'look':
      return { ...asked, kind, outcome: outcomeOf(line, lookOf) }
    case 'attach':
      return { ...asked, kind, key: line.string('key'), outcome: outcomeOf(line, () => ({})) }
    case 'read':
      return { ...asked, kind, outcome: outcomeOf(line, answer => ({ keys: answer.strings('keys') })) }
  }
}

const ttlOf = (answer: Fields): { ttlSeconds: number } => ({ ttlSeconds: answer.number('ttlSeconds') })

const lookOf = (answer: Fields): LeaseLook => ({
  grantedTtlSeconds: answer.number('grantedTtlSeconds'),
  remainingTtlSeconds: answer.optionalNumber('remainingTtlSeconds') ?? noLease,
  keys: answer.has('keys') ? answer.strings('keys') : []
})
