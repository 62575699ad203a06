// A storage on worker threads behind the face of the suite.

import type { Outcome, Ref } from '../../lib/actor/index.js'
import { Runtime } from '../../lib/host/index.js'
import type { StorageHarness } from './harness.js'
import type { ProbeProtocol } from './probe.js'

export interface StorageActor {
  readonly address: string
  readonly actor: string
  readonly args: unknown
}

const limitMs = 60_000
const probeAddress = 'client-0/probe' as string as Ref<ProbeProtocol>
/** As compiled, not bundled: the etcd's messages are found beside it, in `dist/resources`. */
const rosterUrl = new URL('./host-roster.js', import.meta.url).href

/** Starts the actors, each in a thread of its own; the suite speaks to the first, unless told to whom. */
export async function hostStorage(
  actors: readonly StorageActor[],
  to = actors[0]?.address as string
): Promise<StorageHarness & { readonly runtime: Runtime }> {
  const runtime = await Runtime.start({ rosterUrl })
  for (const { address, actor, args } of actors) await runtime.startActor(address, actor, args, address)
  await runtime.startActor(probeAddress, 'probe', undefined, probeAddress)
  const must = async <T>(outcome: Promise<Outcome<T>>): Promise<T> => {
    const settled = await outcome
    if (!settled.ok) throw new Error(`the probe does not answer: ${JSON.stringify(settled.error)}`)
    return settled.value
  }
  const harness = {
    runtime,
    ask: (type: string, body?: unknown, timeoutMs = limitMs / 2) =>
      must(runtime.call(probeAddress, limitMs, 'ask', { to, type, body, timeoutMs })),
    watch: (name, watch, { window = 256, held = false } = {}) =>
      must(runtime.call(probeAddress, limitMs, 'watch', { to, name, watch, window, held })),
    release: async name => void (await must(runtime.call(probeAddress, limitMs, 'release', { name }))),
    closeWatch: async name => void (await must(runtime.call(probeAddress, limitMs, 'close', { name }))),
    seen: name => must(runtime.call(probeAddress, limitMs, 'seen', { name })),
    async until(what, holds) {
      const untilMs = performance.now() + limitMs
      while (!(await holds())) {
        if (performance.now() > untilMs) throw new Error(`in vain: ${what}`)
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    },
    close: () => runtime.stop()
  } satisfies StorageHarness & { readonly runtime: Runtime }
  return harness
}
