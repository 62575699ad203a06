// Outside ports: the simulated http and resources ports. In a world, clients are actors and speak by message, so
// nobody comes in over HTTP; what was generated at build time is handed to the world as data.

import type { Actor, Refusal } from '../actor/index.js'
import { refuse } from '../actor/index.js'
import type { HttpProtocol, ResourcesProtocol } from '../ports/index.js'

/** Listens wherever it is asked to, and never has a request to hand over. */
export function httpPortOf(): Actor<HttpProtocol, void, null> {
  const nobody = (): void => undefined
  return {
    name: 'http',
    init: () => null,
    on: {
      listen: (_ctx, _state, { port }) => ({ port: port === 0 ? 1 : port }),
      closeListener: nobody,
      respond: nobody,
      begin: nobody,
      write: nobody,
      end: nobody,
      abort: nobody
    }
  }
}

export function resourcesPortOf(files: ReadonlyMap<string, Uint8Array>): Actor<ResourcesProtocol, void, null> {
  const read = (name: string): Uint8Array | Refusal => files.get(name) ?? refuse('not found', `no resource ${name}`)
  return { name: 'resources', init: () => null, on: { read: (_ctx, _state, { name }) => read(name) } }
}
