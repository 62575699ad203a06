// Base64: the canonical text of bytes in JSON, as Go's encoding/base64 reads and writes them (padded, standard alphabet, line breaks ignored).

import type { Canonical } from './validate-quantity.js'

const canonicalForm = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/
const alphabet = /[A-Za-z0-9+/]/

export const isCanonicalBase64 = (text: string): boolean => canonicalForm.test(text)

export function canonicalBase64(text: string): Canonical {
  if (canonicalForm.test(text)) return { text }
  const corrupt = findCorruption(text)
  if (corrupt !== undefined) return { error: `illegal base64 data at input byte ${corrupt}` }
  // What is left over in the last digit is dropped by decoding.
  return { text: btoa(atob(text.replace(/[\r\n]/g, ''))) }
}

/** Where Go's decoder stops: the byte of the input its error names. All before it is ASCII, so bytes are characters. */
function findCorruption(text: string): number | undefined {
  let digits = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === '\n' || character === '\r') continue
    if (alphabet.test(character)) {
      digits = (digits + 1) % 4
      continue
    }
    if (character !== '=' || digits < 2) return at
    return findPaddingCorruption(text, at, digits)
  }
  return digits === 0 ? undefined : text.length - digits
}

function findPaddingCorruption(text: string, at: number, digits: number): number | undefined {
  let next = skipLineBreaks(text, at + 1)
  if (digits === 2) {
    if (next === text.length) return text.length
    if (text.charAt(next) !== '=') return next - 1
    next = skipLineBreaks(text, next + 1)
  }
  return next < text.length ? next : undefined
}

function skipLineBreaks(text: string, start: number): number {
  let at = start
  while (text.charAt(at) === '\n' || text.charAt(at) === '\r') at++
  return at
}
