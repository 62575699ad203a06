// Validation: the checks several kinds share, in upstream's words (pkg/apis/core/validation).

import ipaddr from 'ipaddr.js'
import {
  type FieldError,
  field,
  type IntOrString,
  immutableFault,
  percentFaults,
  portFaults,
  portNameFaults,
  rangeFault,
  semanticEqual
} from '../object/index.js'

export const int32Max = 2 ** 31 - 1
const negativeFault = 'must be greater than or equal to 0'

export const protocols = ['SCTP', 'TCP', 'UDP']

export const nonNegative = (value: number | undefined, path: string): FieldError[] =>
  value !== undefined && value < 0 ? [field.invalid(path, value, negativeFault)] : []

export const inRange = (value: number, low: number, high: number, path: string): FieldError[] =>
  value >= low && value <= high ? [] : [field.invalid(path, value, rangeFault(low, high))]

export const validPort = (port: number, path: string): FieldError[] => portFaults(port).map(fault => field.invalid(path, port, fault))

export function validPortOrName(port: IntOrString, path: string): FieldError[] {
  const faults = typeof port === 'number' ? portFaults(port) : portNameFaults(port)
  return faults.map(fault => field.invalid(path, port, fault))
}

/** An absent value is required, any other must be one of those. */
export function oneOf(value: string | undefined, supported: readonly string[], path: string): FieldError[] {
  if (value === undefined || value === '') return [field.required(path)]
  return supported.includes(value) ? [] : [field.notSupported(path, value, supported)]
}

export const matches = (value: string, faultsOf: (text: string) => string[], path: string): FieldError[] =>
  faultsOf(value).map(fault => field.invalid(path, value, fault))

/** Absent is required, else it must match. */
export const requiredMatch = (value: string | undefined, faultsOf: (text: string) => string[], path: string): FieldError[] =>
  value === undefined || value === '' ? [field.required(path)] : matches(value, faultsOf, path)

export function duplicates(values: readonly (string | number | undefined)[], path: (index: number) => string): FieldError[] {
  const seen = new Set<string | number>()
  return values.flatMap((value, index) => {
    if (value === undefined || value === '') return []
    if (seen.has(value)) return [field.duplicate(path(index), value)]
    seen.add(value)
    return []
  })
}

export const immutable = (value: unknown, old: unknown, path: string): FieldError[] =>
  semanticEqual(value, old) ? [] : [field.invalid(path, value, immutableFault)]

export function countOrPercent(value: IntOrString | undefined, path: string): FieldError[] {
  if (typeof value === 'number') return nonNegative(value, path)
  if (typeof value !== 'string') return []
  return percentFaults(value).length === 0 ? [] : [field.invalid(path, value, "must be an integer or percentage (e.g '5%')")]
}

export const isIPv4 = (text: string): boolean => ipaddr.IPv4.isValidFourPartDecimal(text)
export const isIPv6 = (text: string): boolean => text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)

export const ipFaults = (text: string): string[] =>
  isIPv4(text) || isIPv6(text) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']

export const cidrFaults = (text: string): string[] =>
  ipaddr.isValidCIDR(text) ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']

/** How many bytes a base64 text stands for. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.max(0, Math.floor((text.length * 3) / 4) - padding)
}

export const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
