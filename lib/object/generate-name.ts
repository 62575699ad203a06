// Generated names: generateName plus five random characters, as upstream's SimpleNameGenerator.

import { integerBelow, type Random } from '../std/index.js'

/** No vowels and no look-alikes, so that no word is made by chance and none is misread. */
export const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789'
export const generatedLength = 5
export const generatedNameMax = 63

export function randomSuffix(random: Random, length: number = generatedLength): string {
  let suffix = ''
  for (let index = 0; index < length; index++) suffix += nameAlphabet[integerBelow(random, nameAlphabet.length)]
  return suffix
}

/** The base is cut so that the name fits 63 characters. */
export function generateName(base: string, random: Random): string {
  return base.slice(0, generatedNameMax - generatedLength) + randomSuffix(random)
}

/**
 * A hash made of the same alphabet (upstream's SafeEncodeString), for names that must not form words: `pod-template-hash`.
 * Each character is mapped by its code modulo the alphabet's size.
 */
export function safeEncode(text: string): string {
  let encoded = ''
  for (let index = 0; index < text.length; index++) encoded += nameAlphabet[text.charCodeAt(index) % nameAlphabet.length]
  return encoded
}
