// Table: an animal's line in docs/zoo.md.

import type { Animal } from './animal.js'

export function lineOf({ name, modelledOn, habitat, caught, seedsMax, caughtBy, awaits }: Animal): string {
  const needs = `${caught.seeds} of ${caught.of}`
  const cells = awaits === undefined ? [needs, String(seedsMax), caughtBy.join('; ')] : ['–', '–', `awaits ${awaits}`]
  return `| ${[name, modelledOn, habitat, ...cells].join(' | ')} |`
}
