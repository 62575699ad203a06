// Timestamps: milliseconds since 1970 to and from RFC 3339, without Date, which pure code has not.
//
// metav1.Time has whole seconds, metav1.MicroTime microseconds; both are written in UTC.

const dayMs = 86_400_000

/** metav1.Time: `2025-01-31T12:00:00Z`; parts of a second are cut off. */
export function formatTime(ms: number): string {
  return `${formatSeconds(ms)}Z`
}

/** metav1.MicroTime: `2025-01-31T12:00:00.123000Z`. */
export function formatMicroTime(ms: number): string {
  const micros = Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1000)
  return `${formatSeconds(ms)}.${String(micros).padStart(6, '0')}Z`
}

const pattern = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/

/** Milliseconds of an RFC 3339 time; undefined if it is none. Finer than a microsecond is cut off. */
export function parseTime(text: string): number | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) return undefined
  const fractionMs = Number((match[7] ?? '').slice(0, 6).padEnd(6, '0')) / 1000
  const ms = daysSinceEpoch(year, month, day) * dayMs + ((hour * 60 + minute) * 60 + second) * 1000 + fractionMs
  const zone = match[8] as string
  if (zone === 'Z' || zone === 'z') return ms
  const offsetMs = (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))) * 60_000
  return zone.startsWith('-') ? ms + offsetMs : ms - offsetMs
}

// Most times written are the present: that second is written down once.
let formattedLast = { second: Number.NaN, text: '' }

function formatSeconds(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (formattedLast.second !== second) formattedLast = { second, text: formatAnew(ms) }
  return formattedLast.text
}

function formatAnew(ms: number): string {
  const days = Math.floor(ms / dayMs)
  const seconds = Math.floor((ms - days * dayMs) / 1000)
  const { year, month, day } = civil(days)
  const two = (part: number): string => String(part).padStart(2, '0')
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
  return `${date}T${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

// Years counted from March make the leap day the last of its year (H. Hinnant, "chrono-compatible low-level date algorithms").
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146097 + dayOfEra - 719468
}

function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719468
  const era = Math.floor(shifted / 146097)
  const dayOfEra = shifted - era * 146097
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36524) + Math.floor(dayOfEra / 146096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1
  }
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
