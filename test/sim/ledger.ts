// Ledger: keeps numbers in a journal and says so only once they are durable: the least that a store does.

import { type Actor, ask, type Context, type Flow, refuse } from '../../lib/actor/index.js'
import { disk } from '../../lib/ports/index.js'

export interface LedgerProtocol {
  add(number: number): void
  read(): readonly number[]
}

interface State {
  ready: boolean
  numbers: readonly number[]
}

const recordBytes = 700 // More than a sector, so that half of one can be lost.
const diskTimeoutMs = 30_000

function record(number: number): Uint8Array {
  const bytes = new Uint8Array(recordBytes).fill(1 + (number % 255))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, number)
  view.setUint32(recordBytes - 4, ~number >>> 0)
  return bytes
}

/** The records up to the first that is not whole. */
export function parse(bytes: Uint8Array): { numbers: number[]; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numbers: number[] = []
  let length = 0
  while (length + recordBytes <= bytes.length) {
    const number = view.getUint32(length)
    const filled = bytes.subarray(length + 4, length + recordBytes - 4).every(byte => byte === 1 + (number % 255))
    if (!filled || view.getUint32(length + recordBytes - 4) !== ~number >>> 0) break
    numbers.push(number)
    length += recordBytes
  }
  return { numbers, length }
}

function* recover(ctx: Context<LedgerProtocol>, state: State): Flow<void> {
  const port = ctx.port(disk)
  const found = yield* ask(port, diskTimeoutMs, 'recover')
  if (!found.ok) return ctx.stop(`recover: ${found.error.detail}`)
  const last = found.value.segments.at(-1)
  const read = last === undefined ? undefined : yield* ask(port, diskTimeoutMs, 'readSegment', last)
  if (read?.ok === false) return ctx.stop(`read: ${read.error.detail}`)
  const bytes = read?.value ?? new Uint8Array(0)
  const { numbers, length } = parse(bytes)
  if (last !== undefined) {
    const repaired = yield* ask(port, diskTimeoutMs, 'repair', { sequence: last.sequence, length })
    if (!repaired.ok) return ctx.stop(`repair: ${repaired.error.detail}`)
  }
  ctx.log('recovered', { count: numbers.length, bytes: bytes.length, length })
  state.numbers = numbers
  state.ready = true
}

export const ledger: Actor<LedgerProtocol, void, State> = {
  name: 'ledger',
  ports: [disk],
  init(ctx) {
    const state: State = { ready: false, numbers: [] }
    ctx.run(recover(ctx, state))
    return state
  },
  on: {
    add(ctx, state, number) {
      if (!state.ready) return refuse('starting', 'the journal is being read')
      state.numbers = [...state.numbers, number]
      ctx.save(record(number))
    },
    read: (_ctx, state) => (state.ready ? state.numbers : refuse('starting', 'the journal is being read'))
  }
}
