// Animals of the runtime.

import type { Animal } from '../animal.js'

export const actorAnimals: readonly Animal[] = [
  {
    name: 'an answer to an earlier life is taken',
    modelledOn:
      '[Erlang](https://www.erlang.org/doc/system/ref_man_processes.html): process identifiers and references of another incarnation',
    file: 'lib/actor/cell.ts',
    replace: [['if (envelope.life === this.life) this.#asks.resume(', 'if (envelope.life > 0) this.#asks.resume(']],
    habitat: 'apiservers',
    caught: { seeds: 0, of: 1 },
    seedsMax: 100,
    caughtBy: [],
    awaits: 'a workload of asks and restarts'
  }
]
