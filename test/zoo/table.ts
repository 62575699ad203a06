// Table: an animal's line in docs/zoo.md.

import type { Animal } from './animal.js'

export const lineOf = ({ name, modelledOn, habitat, caught, seedsMax, caughtBy }: Animal): string =>
  `| ${[name, modelledOn, habitat, `${caught.seeds} of ${caught.of}`, String(seedsMax), caughtBy.join('; ')].join(' | ')} |`
