// JSON lines, read: a history from its lines, one at a time. A line that is not as jsonl.ts says is refused with its number, and
// nothing is read after it.

import type { ApiHistory } from './api-history.js'
import { ApiHistoryDecoder } from './api-jsonl-decoder.js'
import type { AuthHistory } from './auth-history.js'
import { AuthHistoryDecoder } from './auth-jsonl.js'
import type { History, Operation, WatchedBatch, WatchRecord } from './history.js'
import { BadField, Fields } from './json-fields.js'
import { failureOf, outcomeOf, timesOf } from './json-outcome.js'
import { type HistoryHeader, historyFormat, historyVersion } from './jsonl.js'
import { batchOf, compactAnswerOf, rangeAnswerOf, rangeOf, txnAnswerOf, txnOf, watchOf } from './jsonl-store.js'
import type { LeaseHistory } from './lease.js'
import { LeaseHistoryDecoder } from './lease-jsonl.js'
import type { RegisterHistory, RegisterOperation, RegisterValue } from './register.js'

export const historyLinesMax = 20_000_000
export const historyLineCharactersMax = 16 << 20

export type Decoded = { readonly header: HistoryHeader } & (
  | { readonly kind: 'store'; readonly history: History }
  | { readonly kind: 'register'; readonly history: RegisterHistory }
  | { readonly kind: 'api'; readonly history: ApiHistory }
  | { readonly kind: 'lease'; readonly history: LeaseHistory }
  | { readonly kind: 'auth'; readonly history: AuthHistory }
)

interface OpenWatch extends WatchRecord {
  readonly batches: WatchedBatch[]
}

export class HistoryDecoder {
  readonly #operations: Operation[] = []
  readonly #registers: RegisterOperation[] = []
  readonly #watches = new Map<number, OpenWatch>()
  readonly #words = new Map<string, string>() // One copy of each name, however many lines have it.
  #kind: Decoded['kind'] | undefined
  #api: ApiHistoryDecoder | undefined
  #leases: LeaseHistoryDecoder | undefined
  #auth: AuthHistoryDecoder | undefined
  #header: HistoryHeader = {}
  #partial = false
  #initial: RegisterValue = null
  #lines = 0

  /** What is wrong with that line; undefined: nothing. */
  take(text: string): string | undefined {
    this.#lines++
    if (text.trim() === '') return undefined
    try {
      if (text.length > historyLineCharactersMax) throw new BadField(`a line has ${historyLineCharactersMax} characters at most`)
      if (this.#lines > historyLinesMax) throw new BadField(`a history has ${historyLinesMax} lines at most`)
      const line = new Fields(parsed(text))
      if (this.#kind === undefined) this.#readHeader(line)
      else if (this.#api !== undefined) this.#api.take(line)
      else if (this.#leases !== undefined) this.#leases.take(line)
      else if (this.#auth !== undefined) this.#auth.take(line)
      else if (this.#kind === 'register') this.#registers.push(this.#register(line))
      else this.#storeLine(line)
      return undefined
    } catch (error) {
      if (error instanceof BadField) return `line ${this.#lines}: ${error.message}`
      throw error
    }
  }

  /** After the last line. A string says what is missing. */
  finish(): Decoded | string {
    const header = this.#header
    if (this.#kind === undefined) return `there is no header: line 1 is to be {"format":"${historyFormat}","version":${historyVersion},...}`
    if (this.#api !== undefined) return { kind: 'api', header, history: this.#api.finish() }
    if (this.#leases !== undefined) return { kind: 'lease', header, history: this.#leases.finish() }
    if (this.#auth !== undefined) return { kind: 'auth', header, history: this.#auth.finish() }
    if (this.#kind === 'register')
      return { kind: 'register', header, history: { kind: 'register', initial: this.#initial, operations: this.#registers } }
    const history = { operations: this.#operations, watches: [...this.#watches.values()], ...(this.#partial ? { partial: true } : {}) }
    return { kind: 'store', header, history }
  }

  #readHeader(line: Fields): void {
    if (line.raw('format') !== historyFormat) line.refuse('format', `"${historyFormat}": the first line is the header`)
    if (line.number('version') !== historyVersion) line.refuse('version', `${historyVersion}`)
    const kind = line.oneOf('kind', ['store', 'register', 'api', 'lease', 'auth'])
    const about = line.optionalString('about')
    const quiet = line.optionalBoolean('quiet')
    const compactsByItself = line.optionalBoolean('compactsByItself')
    this.#header = {
      ...(about === undefined ? {} : { about }),
      ...(quiet === undefined ? {} : { quiet }),
      ...(compactsByItself === undefined ? {} : { compactsByItself }),
      ...(line.has('expect') ? { expect: expectOf(line.fields('expect')) } : {})
    }
    this.#partial = line.optionalBoolean('partial') ?? false
    if (kind === 'register') this.#initial = registerValueOf(line, 'initial', null)
    if (kind === 'api') this.#api = new ApiHistoryDecoder(line)
    if (kind === 'lease') this.#leases = new LeaseHistoryDecoder(line)
    if (kind === 'auth') this.#auth = new AuthHistoryDecoder(line)
    this.#kind = kind
  }

  #word(text: string): string {
    const there = this.#words.get(text)
    if (there !== undefined) return there
    this.#words.set(text, text)
    return text
  }

  #storeLine(line: Fields): void {
    const op = line.oneOf('op', ['txn', 'range', 'revision', 'compact', 'watch', 'batch', 'ended'])
    switch (op) {
      case 'watch':
        return this.#opened(line)
      case 'batch':
        this.#watch(line).batches.push(batchOf(line))
        return
      case 'ended': {
        const watch = this.#watch(line)
        watch.ended = line.has('failure') ? failureOf(line.fields('failure')) : 'closed'
        return
      }
      default:
        this.#operations.push(this.#operation(line, op))
    }
  }

  #opened(line: Fields): void {
    const id = line.number('id')
    if (this.#watches.has(id)) line.refuse('id', 'a number of its own for each watch')
    const to = this.#word(line.optionalString('to') ?? '')
    const client = this.#word(line.string('client'))
    const request = watchOf(line.fields('watch'))
    this.#watches.set(id, { client, to, openedUs: line.number('from'), request, batches: [], ended: undefined })
  }

  #watch(line: Fields): OpenWatch {
    const watch = this.#watches.get(line.number('id'))
    if (watch === undefined) return line.refuse('id', 'the number of a watch that was opened in a line before')
    if (watch.ended !== undefined) line.refuse('id', 'the number of a watch that has not ended')
    return watch
  }

  #asked(line: Fields): { client: string; to: string; invokedUs: number; returnedUs: number } {
    const to = this.#word(line.optionalString('to') ?? '')
    return { client: this.#word(line.string('client')), to, ...timesOf(line) }
  }

  #operation(line: Fields, kind: Operation['kind']): Operation {
    const asked = this.#asked(line)
    switch (kind) {
      case 'txn': {
        const txn = txnOf(line.fields('txn'))
        return { ...asked, kind, txn, outcome: outcomeOf(line, answer => txnAnswerOf(answer, txn)) }
      }
      case 'range':
        return { ...asked, kind, query: rangeOf(line.fields('range')), outcome: outcomeOf(line, rangeAnswerOf) }
      case 'compact':
        return { ...asked, kind, revision: line.number('revision'), outcome: outcomeOf(line, compactAnswerOf) }
      default:
        return { ...asked, kind, outcome: outcomeOf(line, compactAnswerOf) }
    }
  }

  #register(line: Fields): RegisterOperation {
    const kind = line.oneOf('op', ['read', 'write', 'cas'])
    const client = this.#word(line.string('client'))
    const key = this.#word(line.optionalString('key') ?? '')
    const times = timesOf(line)
    const never = times.returnedUs === Number.POSITIVE_INFINITY
    const outcome = line.has('outcome') ? line.oneOf('outcome', ['ok', 'differed', 'failed', 'unknown']) : never ? 'unknown' : 'ok'
    if (outcome === 'differed' && kind !== 'cas')
      line.refuse('outcome', 'ok, failed or unknown: only a cas can find that something differs')
    if (never && outcome === 'ok') line.refuse('until', 'a time, of what was done')
    const value = registerValueOf(line, 'value', kind === 'read' && outcome !== 'ok' ? null : undefined)
    const expected = kind === 'cas' ? registerValueOf(line, 'expected', undefined) : null
    // What is in doubt may happen at any time to come, whenever its client gave up.
    const returnedUs = outcome === 'unknown' ? Number.POSITIVE_INFINITY : times.returnedUs
    return { client, key, invokedUs: times.invokedUs, returnedUs, kind, value, expected, outcome }
  }
}

export function decodeHistory(lines: Iterable<string>): Decoded | string {
  const decoder = new HistoryDecoder()
  for (const line of lines) {
    const wrong = decoder.take(line)
    if (wrong !== undefined) return wrong
  }
  return decoder.finish()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BadField('is no JSON')
  }
}

function expectOf(line: Fields): NonNullable<HistoryHeader['expect']> {
  const verdict = line.oneOf('verdict', ['passed', 'violated', 'unknown'])
  const guarantee = line.optionalString('guarantee')
  return { verdict, ...(guarantee === undefined ? {} : { guarantee }) }
}

/** Numbers and truth values are names of values too. */
function registerValueOf(line: Fields, name: string, absent: RegisterValue | undefined): RegisterValue {
  const value = line.raw(name)
  if (value === undefined) return absent === undefined ? line.refuse(name, 'a value, or null') : absent
  if (value === null || typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : line.refuse(name, 'a string, a number or null')
}
