// What messages between two actors in two worker threads cost, beside bare messages between two bare threads.
//
// node dist/bench/wire.js [--append] [--rounds N]

import type { Ref } from '../lib/actor/index.js'
import { Runtime } from '../lib/host/index.js'
import { type Comparison, measure, type Result } from './measure.js'
import { report } from './report.js'
import { creditEvery, type DriverProtocol } from './wire-actors.js'
import { Bare, type BareRun } from './wire-bare.js'

const driver = 'm1/driver' as Ref<DriverProtocol>
const peer = 'm2/peer'
const timeoutMs = 120_000
const asks = 40_000
const tells = 16 * creditEvery
const loneAsks = 3_000

const numberAfter = (flag: string, otherwise: number): number => {
  const at = process.argv.indexOf(flag)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

export async function wire(rounds: number): Promise<Result[]> {
  const runtime = await Runtime.start({ rosterUrl: new URL('./wire-actors.js', import.meta.url).href })
  await runtime.startActor(driver, 'driver', undefined, driver)
  await runtime.startActor(peer, 'peer', undefined, peer)
  const bare = new Bare()
  const tookMs = async <K extends 'asks' | 'tells'>(type: K, body: Parameters<DriverProtocol[K]>[0]): Promise<number> => {
    const took = await runtime.call(driver, timeoutMs, type as 'asks', body as Parameters<DriverProtocol['asks']>[0])
    if (!took.ok) throw new Error(took.error.detail)
    return took.value
  }
  const bareRate = async (run: BareRun): Promise<number> => (run.count / (await bare.run(run))) * 1e3
  const bareUs = async (run: BareRun): Promise<number> => ((await bare.run(run)) / run.count) * 1e3
  const told = (as: 'bytes' | 'object'): Comparison => ({
    ours: {
      name: `pod-sized messages one way, as ${as}`,
      unit: 'per s',
      run: async () => (tells / (await tookMs('tells', { to: peer, count: tells, as }))) * 1e3
    },
    peer: { name: 'msgpackr batches', unit: 'per s', run: () => bareRate({ mode: 'tells', count: tells, as }) },
    target: as === 'bytes' ? { least: 800_000 } : { leastRatio: 0.75 }
  })
  const comparisons: Comparison[] = [
    {
      ours: {
        name: 'small asks, 64 in flight',
        unit: 'per s',
        run: async () => (asks / (await tookMs('asks', { to: peer, count: asks, inFlight: 64 }))) * 1e3
      },
      peer: { name: 'msgpackr batches', unit: 'per s', run: () => bareRate({ mode: 'asks', count: asks, inFlight: 64 }) },
      target: { least: 400_000 }
    },
    told('bytes'),
    told('object'),
    {
      ours: {
        name: 'a lone ask',
        unit: 'µs',
        run: async () => ((await tookMs('asks', { to: peer, count: loneAsks, inFlight: 1 })) / loneAsks) * 1e3
      },
      peer: { name: 'ping-pong', unit: 'µs', run: () => bareUs({ mode: 'pingPong', count: loneAsks }) },
      target: { overPeer: 15 }
    }
  ]
  try {
    return await measure(comparisons, rounds)
  } finally {
    await bare.close()
    await runtime.stop()
  }
}

report('wire', await wire(numberAfter('--rounds', 9)), process.argv.includes('--append'))
