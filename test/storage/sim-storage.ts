// The store in the simulator behind the face of the suite.

import { Packr, Unpackr } from 'msgpackr'
import type { AnyActor, Outcome, Ref } from '../../lib/actor/index.js'
import { World } from '../../lib/sim/index.js'
import type { StorageHarness } from './harness.js'
import { type ProbeProtocol, probe } from './probe.js'

const limitMs = 60_000
const pollMs = 5
const address = 'client-0/probe' as string as Ref<ProbeProtocol>
const packr = new Packr({ sequential: true })
const unpackr = new Unpackr({ sequential: true, structures: [] })

/** `to`: the member that is asked. */
export async function simStorage(seed: number, store: AnyActor, members: readonly string[], to: string): Promise<StorageHarness> {
  const world = new World({ seed, handover: { wireCopy: body => unpackr.unpack(packr.pack(body)), wireCopyShare: 0.5 } })
  for (const member of members) world.start(member, store, { clusterId: 'conformance', members })
  world.start(address, probe)
  const call = <T>(type: string, body: unknown): T => {
    const outcome = world.client.call(address, limitMs, type as 'ask', body as never) as Outcome<unknown>
    if (!outcome.ok) throw new Error(`the probe does not answer: ${JSON.stringify(outcome.error)}`)
    return outcome.value as T
  }
  // All who ask at once are under way together: none of them runs the world to its own end before the others began.
  const together = async <T>(type: string, body: unknown): Promise<T> => {
    const pending = world.client.ask(address, limitMs, type as 'ask', body as never)
    await Promise.resolve()
    if (!world.runUntil(() => pending.done, world.nowMs + limitMs)) throw new Error('the world stands still')
    const outcome = pending.value as Outcome<unknown>
    if (!outcome.ok) throw new Error(`the probe does not answer: ${JSON.stringify(outcome.error)}`)
    return outcome.value as T
  }
  return {
    ask: (type, body, timeoutMs = limitMs / 2) => together('ask', { to, type, body, timeoutMs }),
    watch: async (name, watch, { window = 256, held = false } = {}) => call('watch', { to, name, watch, window, held }),
    release: async name => call('release', { name }),
    closeWatch: async name => call('close', { name }),
    seen: async name => call('seen', { name }),
    async until(what, holds) {
      const untilMs = world.nowMs + limitMs
      while (!(await holds())) {
        if (world.nowMs > untilMs) throw new Error(`in vain: ${what}`)
        world.run(world.nowMs + pollMs)
      }
    },
    close: async () => undefined
  }
}
