// Flawed cluster seed: runs of a whole cluster with a mistake in it: the API answers who gets or writes a config map with
// one uid for all of them. Lists and watches show others.

import { cast } from '../../bin/cluster-seed.js'
import { perform, type SeedAnswer, type SeedOrder } from '../../lib/chaos/index.js'

const uid = '00000000-0000-4000-8000-000000000000'
const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** On its way to a user. */
function wireCopy(message: unknown): unknown {
  const { status, body } = (message ?? {}) as { status?: unknown; body?: unknown }
  if (status === undefined || !(body instanceof Uint8Array)) return message
  const text = decoder.decode(body)
  if (!text.startsWith('{"kind":"ConfigMap",')) return message
  return { ...(message as object), body: encoder.encode(text.replace(/"uid":"[^"]*"/, `"uid":"${uid}"`)) }
}

export const runSeed = (seed: number, order: SeedOrder): SeedAnswer =>
  perform({ cluster: { ...cast, wireCopy, wireCopyShare: 1 } }, seed, order)
