import type { Outcome, Ref } from '../../lib/actor/index.js'
import { Runtime } from '../../lib/host/index.js'
import type { DiskProtocol } from '../../lib/ports/index.js'
import { bundle } from '../host/bundle.js'
import { type DiskHarness, diskConformance } from './disk-conformance.js'
import type { KeeperProtocol } from './keeper.js'

const address = 'm/keeper' as Ref<KeeperProtocol>
const timeoutMs = 10_000

/** A keeper in a worker thread, with a directory of a real disk. */
class HostDisk implements DiskHarness {
  readonly #runtime: Runtime

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  async call<K extends keyof DiskProtocol>(type: K, body?: unknown): Promise<Outcome<ReturnType<DiskProtocol[K]>>> {
    const answer = await this.#runtime.call(address, timeoutMs, 'call', { type, body })
    if (!answer.ok) throw new Error(answer.error.detail)
    return answer.value as Outcome<ReturnType<DiskProtocol[K]>>
  }

  async save(bytes: Uint8Array, segment = 0): Promise<void> {
    const answer = await this.#runtime.call(address, timeoutMs, 'save', { bytes, segment })
    if (!answer.ok) throw new Error(answer.error.detail)
  }

  async crash(power: boolean): Promise<void> {
    if (power) {
      await this.#runtime.killThread(address, 'power lost')
      await this.#runtime.cutPower([address])
    } else await this.#runtime.killActor(address, 'killed')
    await this.start()
  }

  start(): Promise<void> {
    return this.#runtime.startActor(address, 'keeper', undefined, address)
  }

  close(): Promise<void> {
    return this.#runtime.stop()
  }
}

const bundled = bundle('../ports/host-roster.js')

diskConformance('the real disk', async () => {
  const disk = new HostDisk(await Runtime.start(await bundled))
  await disk.start()
  return disk
})
