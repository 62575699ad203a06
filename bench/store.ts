// store: writes, reads and watches by message and over gRPC, in turns with a real etcd of three members on the same disk and
// with a bare gRPC server, which is what the client can do at most.
//
// By message: three members in threads of their own, with real logs, and a loader in a fourth. Over gRPC: a whole cluster by
// the real command. Every round has all of them, one after the other; figures are medians of the rounds.

import { Worker } from 'node:worker_threads'
import { ClusterProcess } from './cluster-process.js'
import { GrpcLoad } from './grpc-load.js'
import { median } from './measure.js'
import { RealEtcd } from './real-etcd.js'
import type { Figure, Mark, Scenario } from './scenario.js'
import type { Phase, PhaseRate, WatchedRate } from './store-load.js'
import { loader, members, startStore } from './store-runtime.js'

const rounds = 3
const forMs = 1500
const timeoutMs = 60_000
const etcdPort = 23_790
/** Code is compiled and files grow at first; a server's life is longer. */
const warmUps: readonly Phase[] = (['put', 'read', 'serializable'] as const).map(op => ({ op, inFlight: 64, forMs: 3000 }))
const watching = { watchers: 100, puts: 500, inFlight: 8 }
const names = { put: 'put', read: 'linearizable read', serializable: 'serializable read' } as const
const phases: readonly Phase[] = [1, 64, 256].flatMap(inFlight =>
  (['put', 'read', 'serializable'] as const).map(op => ({ op, inFlight, forMs }))
)

const nameOf = ({ op, inFlight }: Phase, way: string): string => `${names[op]} ${way}, ${inFlight} in flight`
const byMessage = 'by message'
const overGrpc = 'over gRPC'
const bare = 'of a bare gRPC server'
const deliveries = `deliveries to ${watching.watchers} watchers`

function marksOf(): Mark[] {
  const ratio = (op: Phase['op'], way: string, least: readonly number[]): Mark[] =>
    [1, 64, 256].map((inFlight, at) => ({
      figure: nameOf({ op, inFlight, forMs }, way),
      at: 'least',
      value: least[at] as number,
      of: 'ratio'
    }))
  return [
    ...ratio('put', byMessage, [3, 8, 8]),
    ...ratio('read', byMessage, [5, 15, 15]),
    ...ratio('put', overGrpc, [1, 1, 0.6]),
    ...ratio('read', overGrpc, [1, 1, 0.4]),
    { figure: `${deliveries} ${overGrpc}`, at: 'least', value: 2, of: 'ratio' }
  ]
}

/** Someone that is measured: each phase, and watches if it has them. */
interface Contender {
  readonly measure: (phase: Phase) => Promise<PhaseRate & { readonly cpuUs?: number }>
  readonly watched?: () => Promise<WatchedRate>
  readonly stop: () => Promise<void>
}

export const store: Scenario = {
  name: 'store',
  what: `three members, real logs, ${rounds} rounds in turns with a real etcd (peer); puts of 256 bytes`,
  marks: marksOf(),
  async run() {
    const contenders = new Map<string, Contender>()
    try {
      contenders.set(byMessage, await messages())
      contenders.set(overGrpc, await cluster())
      contenders.set(bare, await floor())
      const etcd = await RealEtcd.start()
      if (etcd === undefined) console.log('no etcd on the PATH: nothing to compare with (Debian: apt-get install etcd-server)')
      else
        contenders.set(
          'etcd',
          grpc(etcd.endpoints, () => etcd.stop())
        )
      return await figuresOf(contenders)
    } finally {
      for (const { stop } of contenders.values()) await stop()
    }
  }
}

async function figuresOf(contenders: ReadonlyMap<string, Contender>): Promise<Figure[]> {
  const rates = new Map<string, (PhaseRate & { readonly cpuUs?: number })[]>()
  const delivered = new Map<string, number[]>()
  const note = <V>(into: Map<string, V[]>, name: string, value: V): void => void into.set(name, [...(into.get(name) ?? []), value])
  for (const { measure } of contenders.values()) for (const phase of warmUps) await measure(phase)
  for (let round = 0; round < rounds; round++) {
    for (const phase of phases) for (const [way, { measure }] of contenders) note(rates, nameOf(phase, way), await measure(phase))
    for (const [way, { watched }] of contenders) if (watched !== undefined) note(delivered, way, (await watched()).deliveriesPerSecond)
  }
  const middle = (name: string, of: (rate: PhaseRate & { readonly cpuUs?: number }) => number | undefined): number =>
    median((rates.get(name) ?? []).map(rate => of(rate) ?? Number.NaN))
  const rateOf = (name: string): number => middle(name, ({ perSecond }) => perSecond)
  const peerOf = (value: number): { peer?: number } => (Number.isNaN(value) ? {} : { peer: value })
  const figures = [byMessage, overGrpc, bare].flatMap(way =>
    phases.map((phase): Figure => {
      const name = nameOf(phase, way)
      const failed = middle(name, rate => rate.failed)
      const cpuUs = middle(name, rate => rate.cpuUs)
      const also = { p50Ms: middle(name, rate => rate.p50Ms), p99Ms: middle(name, rate => rate.p99Ms) }
      return {
        name,
        unit: 'per s',
        value: rateOf(name),
        ...peerOf(rateOf(nameOf(phase, 'etcd'))),
        also: { ...also, ...(failed > 0 ? { failed } : {}), ...(Number.isNaN(cpuUs) ? {} : { cpuUs }) }
      }
    })
  )
  const watches = [byMessage, overGrpc, bare].map(
    (way): Figure => ({
      name: `${deliveries} ${way}`,
      unit: 'per s',
      value: median(delivered.get(way) ?? []),
      ...peerOf(median(delivered.get('etcd') ?? []))
    })
  )
  return [...figures, ...watches]
}

/** With the processor time of the whole process an operation: the figure that a busy machine disturbs least. */
async function messages(): Promise<Contender> {
  const { runtime, stop } = await startStore()
  return {
    async measure(phase) {
      const before = process.cpuUsage()
      const rate = await runtime.call(loader, timeoutMs, 'measure', phase)
      if (!rate.ok) throw new Error(rate.error.detail)
      const { user, system } = process.cpuUsage(before)
      return { ...rate.value, cpuUs: (user + system) / rate.value.answered }
    },
    async watched() {
      const rate = await runtime.call(loader, timeoutMs, 'watched', watching)
      if (!rate.ok) throw new Error(rate.error.detail)
      return rate.value
    },
    stop
  }
}

async function cluster(): Promise<Contender> {
  const process = await ClusterProcess.start('--etcd-port', String(etcdPort), '--etcd-insecure')
  return grpc(
    members.map((_, at) => `127.0.0.1:${etcdPort + at}`),
    () => process.stop()
  )
}

function grpc(endpoints: readonly string[], stop: () => Promise<void>): Contender {
  const load = new GrpcLoad(endpoints)
  return {
    measure: phase => load.measure(phase),
    watched: () => load.watched(watching),
    async stop() {
      load.close()
      await stop()
    }
  }
}

async function floor(): Promise<Contender> {
  const worker = new Worker(new URL('./grpc-floor.js', import.meta.url))
  const port = await new Promise<number | string>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  if (typeof port === 'string') throw new Error(port)
  return grpc([`127.0.0.1:${port}`], async () => void (await worker.terminate()))
}
