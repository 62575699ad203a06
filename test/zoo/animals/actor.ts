// Animals of the runtime.

import type { Animal } from '../animal.js'

export const actorAnimals: readonly Animal[] = [
  {
    name: 'an answer to an earlier life is taken',
    modelledOn:
      '[RFC 9293](https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1) §3.4.1: segments of an earlier incarnation of a connection',
    file: 'lib/actor/cell.ts',
    replace: [['if (envelope.life === this.life) this.#asks.resume(', 'if (envelope.life > 0) this.#asks.resume(']],
    habitat: 'talk',
    caught: { seeds: 10, of: 30 },
    seedsMax: 30,
    caughtBy: ['an answer is to the question that this life asked']
  }
]
