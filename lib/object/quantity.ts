// Quantity: an exact amount with a unit's prefix (`250m`, `1.5Gi`, `1e3`), as k8s.io/apimachinery/pkg/api/resource.
//
// Amounts are whole billionths; what is finer is rounded away from zero, as upstream does. Guarantee: `format(parse(text))`
// is upstream's canonical form, and equal amounts of one format have one form.

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

export interface Quantity {
  readonly nano: bigint // The amount in billionths.
  readonly format: QuantityFormat
}

export type QuantityResult = { readonly ok: true; readonly quantity: Quantity } | { readonly ok: false; readonly fault: string }

export const quantityTextMax = 256 // Characters; upstream names no limit, but no honest amount is longer.
const exponentMax = 64 // |e| beyond it saturates or vanishes for every amount a quantity can hold.

const formatFault = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const suffixFault = "unable to parse quantity's suffix"

const nanoPerUnit = 1_000_000_000n
// Upstream's internal amounts saturate at the largest int64 when they leave the fast path (binary, or over 18 digits).
const unitsMax = (1n << 63n) - 1n

const decimalExponents: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]))
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

const pattern = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*)([+-]?[0-9]*)$/

export function parseQuantity(text: string): QuantityResult {
  if (text === '' || text.length > quantityTextMax) return { ok: false, fault: formatFault }
  if (text === '0') return { ok: true, quantity: { nano: 0n, format: 'DecimalSI' } }
  const match = pattern.exec(text)
  if (match === null) return { ok: false, fault: formatFault }
  const [, sign = '', whole = '', fraction = '', letters = '', exponentText = ''] = match
  const unit = unitOf(letters, exponentText)
  if (unit === undefined) return { ok: false, fault: suffixFault }
  const digits = BigInt(`0${whole}${fraction}`) // As upstream: no digits are zero.
  const exact = unit.binary
    ? scaled(digits << BigInt(10 * unit.exponent), 9 - fraction.length)
    : scaled(digits, 9 + unit.exponent - fraction.length)
  const significant = (whole + fraction).replace(/^0+/, '').length
  const cap = unitsMax * nanoPerUnit
  const nano = (unit.binary || significant > 18) && exact > cap ? cap : exact
  return { ok: true, quantity: { nano: sign === '-' ? -nano : nano, format: unit.format } }
}

/** Parses what validation has let through; a fault is a bug of the caller's. */
export function quantity(text: string): Quantity {
  const result = parseQuantity(text)
  if (!result.ok) throw new Error(`quantity ${JSON.stringify(text)}: ${result.fault}`)
  return result.quantity
}

/** The canonical form. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0'
  const sign = nano < 0n ? '-' : ''
  const amount = nano < 0n ? -nano : nano
  // As upstream: small or fractional binary amounts are printed decimally, for nothing is lost then.
  const binary = format === 'BinarySI' && amount >= 1024n * nanoPerUnit && amount % nanoPerUnit === 0n
  return sign + (binary ? formatBinary(amount / nanoPerUnit) : formatDecimal(amount, format === 'DecimalExponent'))
}

/** The text in canonical form, or as it is if it does not parse. */
export function canonicalQuantity(text: string): string {
  const result = parseQuantity(text)
  return result.ok ? formatQuantity(result.quantity) : text
}

export const compareQuantities = (a: Quantity, b: Quantity): number => (a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0)

/** The sum, in the format of `a`, or of `b` where `a` is zero (upstream's Add). */
export const addQuantities = (a: Quantity, b: Quantity): Quantity => ({
  nano: a.nano + b.nano,
  format: a.nano === 0n ? b.format : a.format
})

export const subtractQuantities = (a: Quantity, b: Quantity): Quantity => ({
  nano: a.nano - b.nano,
  format: a.nano === 0n ? b.format : a.format
})

/** Rounded up to thousandths: what API objects store of resources. */
export const roundUpToMilli = (q: Quantity): Quantity => ({ ...q, nano: divideUp(q.nano, 1_000_000n) * 1_000_000n })

/** Whole thousandths, rounded up: the scheduler's unit of CPU. */
export const milliValue = (q: Quantity): number => Number(divideUp(q.nano, 1_000_000n))

/** Whole units, rounded up: the scheduler's unit of everything else. Above 2^53 it is approximate. */
export const unitValue = (q: Quantity): number => Number(divideUp(q.nano, nanoPerUnit))

export const fromMilli = (milli: number, format: QuantityFormat = 'DecimalSI'): Quantity => ({ nano: BigInt(milli) * 1_000_000n, format })

export const fromUnits = (units: number, format: QuantityFormat = 'DecimalSI'): Quantity => ({ nano: BigInt(units) * nanoPerUnit, format })

interface Unit {
  readonly binary: boolean
  readonly exponent: number // Of 10, or of 1024 where binary.
  readonly format: QuantityFormat
}

function unitOf(letters: string, exponentText: string): Unit | undefined {
  if ((letters === 'e' || letters === 'E') && exponentText !== '') {
    const exponent = Number(exponentText)
    if (!Number.isInteger(exponent)) return undefined
    return { binary: false, exponent: Math.max(-exponentMax, Math.min(exponentMax, exponent)), format: 'DecimalExponent' }
  }
  if (exponentText !== '') return undefined
  const binary = binarySuffixes.indexOf(letters)
  if (binary > 0) return { binary: true, exponent: binary, format: 'BinarySI' }
  const exponent = Object.hasOwn(decimalExponents, letters) ? decimalExponents[letters] : undefined
  return exponent === undefined ? undefined : { binary: false, exponent, format: 'DecimalSI' }
}

/** value × 10^power, rounded up. */
function scaled(value: bigint, power: number): bigint {
  return power >= 0 ? value * 10n ** BigInt(power) : divideUp(value, 10n ** BigInt(-power))
}

/** Away from zero. */
function divideUp(value: bigint, by: bigint): bigint {
  const quotient = value / by
  if (value % by === 0n) return quotient
  return value > 0n ? quotient + 1n : quotient - 1n
}

function formatDecimal(nano: bigint, exponential: boolean): string {
  let mantissa = nano
  let exponent = -9
  while (mantissa % 1000n === 0n && (exponential || exponent < 18)) {
    mantissa /= 1000n
    exponent += 3
  }
  if (exponential) return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`
  return `${mantissa}${decimalSuffixes.get(exponent) ?? ''}`
}

function formatBinary(units: bigint): string {
  let mantissa = units
  let power = 0
  while (mantissa % 1024n === 0n && power < binarySuffixes.length - 1) {
    mantissa /= 1024n
    power++
  }
  return `${mantissa}${binarySuffixes[power]}`
}
