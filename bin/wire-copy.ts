// Wire copy: what arrives of a body that is sent from thread to thread: not all values survive packing as they were.

import { Codec } from '../lib/host/codec.js'

let codec = new Codec()

export function wireCopy(body: unknown): unknown {
  try {
    const [arrived] = codec.unpack(codec.pack([{ kind: 'tell', from: '', to: '', life: 0, id: 0, type: '', body, count: 0 }]))
    return arrived?.body
  } catch (error) {
    codec = new Codec() // Its records are in an unknown state.
    throw error
  }
}
