// Keeper: an actor that does with its disk what it is told, for the conformance suite.

import { type Actor, ask, type Outcome } from '../../lib/actor/index.js'
import { type DiskProtocol, disk } from '../../lib/ports/index.js'

export interface KeeperProtocol {
  /** Asks the disk and answers with what came of it. */
  call(request: { readonly type: string; readonly body?: unknown }): Outcome<unknown>
  /** Answers once the bytes are durable. */
  save(record: { readonly bytes: Uint8Array; readonly segment?: number }): void
}

const diskTimeoutMs = 20_000

export const keeper: Actor<KeeperProtocol, void, null> = {
  name: 'keeper',
  ports: [disk],
  init: () => null,
  on: {
    *call(ctx, _state, { type, body }) {
      const port = ctx.port(disk)
      // Any message of the protocol: the types are the suite's business.
      return yield* ask(port, diskTimeoutMs, type as keyof DiskProtocol & 'rotate', ...([body] as unknown as []))
    },
    save: (ctx, _state, { bytes, segment }) => ctx.save(bytes, segment)
  }
}
