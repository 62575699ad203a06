// JSON outcome: of a line of a history when it was asked and when it returned, and what came of it, read strictly.

import type { Failure, Outcome } from '../actor/index.js'
import type { Fields } from './json-fields.js'

export function timesOf(line: Fields): { invokedUs: number; returnedUs: number } {
  const invokedUs = line.number('from')
  const returnedUs = line.raw('until') == null ? Number.POSITIVE_INFINITY : line.number('until')
  if (returnedUs < invokedUs) line.refuse('until', `a time that is not before ${invokedUs}, or null`)
  return { invokedUs, returnedUs }
}

export function outcomeOf<V>(line: Fields, read: (answer: Fields) => V): Outcome<V> | undefined {
  if (line.has('answer')) {
    if (line.raw('until') == null) line.refuse('until', 'a time, of what was answered')
    return { ok: true, value: read(line.fields('answer')) }
  }
  return line.has('failure') ? { ok: false, error: failureOf(line.fields('failure')) } : undefined
}

export const failureOf = (of: Fields): Failure => ({
  code: of.string('code'),
  definite: of.boolean('definite'),
  detail: of.optionalString('detail') ?? ''
})
