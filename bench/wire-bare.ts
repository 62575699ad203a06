// The bare counterparts of the wire benchmark, in two worker threads: ping-pong, and msgpackr batches without actors.

import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import { Packr, Unpackr } from 'msgpackr'
import { pod } from './pod.js'
import { creditEvery } from './wire-actors.js'

export type BareRun =
  | { readonly mode: 'pingPong'; readonly count: number }
  | { readonly mode: 'asks'; readonly count: number; readonly inFlight: number }
  | { readonly mode: 'tells'; readonly count: number; readonly as: 'bytes' | 'object' }

const perBatch = 16
const ahead = 4 * creditEvery

interface Envelope {
  readonly from: string
  readonly to: string
  readonly type: string
  readonly body: unknown
  readonly id: number
}

const envelope = (type: string, body: unknown, id: number): Envelope => ({ from: 'm1/a', to: 'm2/b', type, body, id })

/** Batches of at most 16, flushed at the end of the port's event. */
class BareLink {
  readonly #port: MessagePort
  readonly #packr = new Packr({ sequential: true })
  readonly #unpackr = new Unpackr({ sequential: true, structures: [] })
  #out: Envelope[] = []
  receive: (envelope: Envelope) => void = () => undefined

  constructor(port: MessagePort) {
    this.#port = port
  }

  take(bytes: Uint8Array): void {
    for (const envelope of this.#unpackr.unpack(bytes) as Envelope[]) this.receive(envelope)
    this.flush()
  }

  send(envelope: Envelope): void {
    this.#out.push(envelope)
    if (this.#out.length >= perBatch) this.flush()
  }

  flush(): void {
    if (this.#out.length === 0) return
    const packed = this.#packr.pack(this.#out)
    this.#out = []
    const own = new Uint8Array(packed.length)
    own.set(packed)
    this.#port.postMessage(own, [own.buffer])
  }
}

function answering(port: MessagePort): void {
  const link = new BareLink(port)
  let received = 0
  link.receive = ({ type, body, id }) => {
    if (type === 'range') link.send(envelope('answer', { ok: 1, n: (body as { n: number }).n + 1 }, id))
    else if (++received % creditEvery === 0) link.send(envelope('credit', creditEvery, 0))
  }
  port.on('message', message => (message === 1 ? port.postMessage(1) : link.take(message)))
}

function driving(port: MessagePort, commands: MessagePort): void {
  const link = new BareLink(port)
  const bytes = new TextEncoder().encode(JSON.stringify(pod(0)))
  const pods = Array.from({ length: 1024 }, (_, i) => pod(i))
  let ponged = (): void => undefined
  port.on('message', message => (message === 1 ? ponged() : link.take(message)))
  commands.on('message', (run: BareRun) => {
    const startMs = performance.now()
    const done = (): void => commands.postMessage(performance.now() - startMs)
    if (run.mode === 'pingPong') {
      let left = run.count
      ponged = () => (--left === 0 ? done() : port.postMessage(1))
      port.postMessage(1)
    } else if (run.mode === 'asks') {
      let begun = 0
      let ended = 0
      const next = (): void => link.send(envelope('range', { n: begun }, ++begun))
      link.receive = () => {
        if (++ended === run.count) done()
        else if (begun < run.count) next()
      }
      for (let i = 0; i < run.inFlight; i++) next()
      link.flush()
    } else {
      let sent = 0
      let credit = ahead
      let acknowledged = 0
      const step = (): void => {
        for (let i = 0; i < 256 && sent < run.count && credit > 0; i++, credit--, sent++) {
          link.send(envelope('event', run.as === 'bytes' ? bytes : pods[sent % pods.length], 0))
        }
        link.flush()
        if (sent < run.count && credit > 0) setImmediate(step)
      }
      link.receive = () => {
        const waits = credit === 0
        credit += creditEvery
        acknowledged += creditEvery
        if (acknowledged === run.count) done()
        else if (waits) setImmediate(step)
      }
      step()
    }
  })
}

export class Bare {
  readonly #driver: Worker
  readonly #peer: Worker

  constructor() {
    const { port1, port2 } = new MessageChannel()
    this.#peer = new Worker(new URL(import.meta.url), { workerData: { role: 'peer', port: port2 }, transferList: [port2] })
    this.#driver = new Worker(new URL(import.meta.url), { workerData: { role: 'driver', port: port1 }, transferList: [port1] })
  }

  /** How many milliseconds it took. */
  run(run: BareRun): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#driver.removeAllListeners('error')
      this.#driver.once('message', resolve)
      this.#driver.once('error', reject)
      this.#driver.postMessage(run)
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#driver.terminate(), this.#peer.terminate()])
  }
}

if (!isMainThread && workerData?.role === 'peer') answering(workerData.port)
if (!isMainThread && workerData?.role === 'driver') driving(workerData.port, parentPort as MessagePort)
