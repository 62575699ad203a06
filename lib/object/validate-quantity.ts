// Quantity: the canonical text of a resource quantity, as upstream's resource.Quantity reads and writes it.
//
// Guarantee: equal amounts of one format have one text. Amounts below a nano are rounded away from zero, amounts beyond 2^63-1 are cut to it.
// Canonical text reads as itself, but for binary amounts that are no multiple of 1024: their text has no suffix, so upstream reads it as
// decimal next time (48928000, written of 47781.25Ki, becomes 48928k).

export type Canonical = { readonly text: string } | { readonly error: string }

const quantityCharsMax = 128
const wrongFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const wrongSuffix = "unable to parse quantity's suffix"
const form = /^([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[eEinumkKMGTP]*)(?:[-+]?[0-9]*))$/
const canonicalForm = /^(?:0|[1-9][0-9]{0,2}(?:[mkMG]|[KMGT]i)?)$/

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const nano = 1_000_000_000n
const amountMax = 2n ** 63n - 1n
const exponentMax = 60

export const isCanonicalQuantity = (text: string): boolean => canonicalForm.test(text)

export function canonicalQuantity(text: string): Canonical {
  if (canonicalForm.test(text)) return { text }
  if (text === '' || text.length > quantityCharsMax) return { error: wrongFormat }
  const match = form.exec(text)
  if (!match) return { error: wrongFormat }
  const [, sign, whole = '', fraction = '', suffix = ''] = match
  // A sign alone, a dot alone or a suffix alone is read as zero, as upstream does after stripping leading zeros.
  const unit = readSuffix(suffix)
  if (!unit) return { error: wrongSuffix }
  const amount = toNano(BigInt(`0${whole}${fraction}`), fraction.length, unit)
  return { text: (sign === '-' && amount !== 0n ? '-' : '') + write(amount, unit.format) }
}

interface Unit {
  readonly format: 'decimal' | 'binary' | 'exponent'
  readonly power: number
}

function readSuffix(suffix: string): Unit | undefined {
  const decimal = decimalSuffixes.indexOf(suffix)
  if (decimal >= 0) return { format: 'decimal', power: (decimal - 3) * 3 }
  const binary = binarySuffixes.indexOf(suffix)
  if (binary > 0) return { format: 'binary', power: binary }
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1]
  return exponent === undefined
    ? undefined
    : { format: 'exponent', power: Math.max(-exponentMax * 4, Math.min(exponentMax * 4, Number(exponent))) }
}

/** The amount in nanos, without sign. */
function toNano(digits: bigint, fractionDigits: number, { format, power }: Unit): bigint {
  const scaled = format === 'binary' ? digits * 1024n ** BigInt(power) : digits
  const exponent = 9 - fractionDigits + (format === 'binary' ? 0 : power)
  const amount = exponent >= 0 ? scaled * 10n ** BigInt(exponent) : divideUp(scaled, 10n ** BigInt(-exponent))
  return amount > amountMax * nano ? amountMax * nano : amount
}

const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

function write(amount: bigint, format: Unit['format']): string {
  if (amount === 0n) return '0'
  // Small or broken amounts read better, and lose nothing, in decimal.
  if (format === 'binary' && amount >= 1024n * nano && amount % nano === 0n) return writeBinary(amount / nano)
  let mantissa = amount
  let exponent = -9
  while (mantissa % 10n === 0n) {
    mantissa /= 10n
    exponent++
  }
  while (exponent % 3 !== 0) {
    mantissa *= 10n
    exponent--
  }
  if (format === 'exponent') return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`
  return `${mantissa}${decimalSuffixes[exponent / 3 + 3]}`
}

function writeBinary(amount: bigint): string {
  let mantissa = amount
  let power = 0
  while (mantissa % 1024n === 0n && power < binarySuffixes.length - 1) {
    mantissa /= 1024n
    power++
  }
  return `${mantissa}${binarySuffixes[power]}`
}
