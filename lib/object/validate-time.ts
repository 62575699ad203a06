// Time: timestamps as upstream's metav1.Time (whole seconds) and metav1.MicroTime (microseconds) read and write them: RFC 3339, written in UTC.
//
// Error texts are those of Go's time.Parse, which name the layout and what did not fit it.

import type { Canonical } from './validate-quantity.js'

export type Precision = 'seconds' | 'micros'

const layouts: Readonly<Record<Precision, string>> = {
  seconds: '2006-01-02T15:04:05Z07:00',
  micros: '2006-01-02T15:04:05.000000Z07:00'
}
const canonicalForms: Readonly<Record<Precision, RegExp>> = {
  seconds: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  micros: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/
}

/** True for almost every canonical text, and for no other. */
export function isCanonicalTime(text: string, precision: Precision): boolean {
  if (!canonicalForms[precision].test(text)) return false
  return rangeError(number(text, 0, 4), fieldsOf(text)) === undefined
}

export function canonicalTime(text: string, precision: Precision): Canonical {
  const layout = layouts[precision]
  let rest = text
  for (const [element, pattern] of elements[precision]) {
    const match = pattern.exec(rest)
    if (!match) return { error: `parsing time ${quote(text)} as "${layout}": cannot parse ${quote(rest)} as "${element}"` }
    rest = rest.slice(match[0].length)
  }
  if (rest !== '') return { error: `parsing time ${quote(text)}: extra text: ${quote(rest)}` }
  const year = number(text, 0, 4)
  const range = rangeError(year, fieldsOf(text))
  if (range !== undefined) return { error: `parsing time ${quote(text)}: ${range} out of range` }
  return { text: inUtc(text, year, precision) }
}

type Element = readonly [element: string, pattern: RegExp]

const date: readonly Element[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/]
]
const zone: Element = ['Z07:00', /^(?:Z|[-+]\d\d:\d\d)/]
// Go takes a fraction after the seconds even where the layout has none.
const elements: Readonly<Record<Precision, readonly Element[]>> = {
  seconds: [...date, ['05', /^\d\d(?:[.,]\d+)?/], zone],
  micros: [...date, ['05', /^\d\d/], ['.000000', /^\.\d{6}/], zone]
}

interface Fields {
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

const number = (text: string, start: number, end: number): number => Number(text.slice(start, end))

const fieldsOf = (text: string): Fields => ({
  month: number(text, 5, 7),
  day: number(text, 8, 10),
  hour: number(text, 11, 13),
  minute: number(text, 14, 16),
  second: number(text, 17, 19)
})

function rangeError(year: number, { month, day, hour, minute, second }: Fields): string | undefined {
  if (month < 1 || month > 12) return 'month'
  if (hour > 23) return 'hour'
  if (minute > 59) return 'minute'
  if (second > 59) return 'second'
  return day < 1 || day > daysIn(year, month) ? 'day' : undefined
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

const daysIn = (year: number, month: number): number => (month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)

function inUtc(text: string, year: number, precision: Precision): string {
  const suffix = precision === 'micros' ? `${text.slice(19, 26)}Z` : 'Z'
  const offset = /([-+])(\d\d):(\d\d)$/.exec(text)
  if (!offset) return text.slice(0, 19) + suffix
  const { month, day, hour, minute, second } = fieldsOf(text)
  const shiftMinutes = (Number(offset[2]) * 60 + Number(offset[3])) * (offset[1] === '-' ? 1 : -1)
  // Minutes may run over the day's ends, by more than a day if the offset is absurd; months and years follow.
  let minutes = hour * 60 + minute + shiftMinutes
  let at = { year, month, day }
  for (; minutes < 0; minutes += 1440) at = dayBefore(at)
  for (; minutes >= 1440; minutes -= 1440) at = dayAfter(at)
  const clock = `${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}:${pad(second, 2)}`
  return `${pad(at.year, 4)}-${pad(at.month, 2)}-${pad(at.day, 2)}T${clock}${suffix}`
}

interface Day {
  readonly year: number
  readonly month: number
  readonly day: number
}

function dayBefore({ year, month, day }: Day): Day {
  if (day > 1) return { year, month, day: day - 1 }
  if (month > 1) return { year, month: month - 1, day: daysIn(year, month - 1) }
  return { year: year - 1, month: 12, day: 31 }
}

function dayAfter({ year, month, day }: Day): Day {
  if (day < daysIn(year, month)) return { year, month, day: day + 1 }
  return month < 12 ? { year, month: month + 1, day: 1 } : { year: year + 1, month: 1, day: 1 }
}

const pad = (value: number, digits: number): string => String(value).padStart(digits, '0')

const quote = (text: string): string => JSON.stringify(text)
