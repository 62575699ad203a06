import type { Outcome, Ref } from '../../lib/actor/index.js'
import { Runtime } from '../../lib/host/index.js'
import type { DiskProtocol } from '../../lib/ports/index.js'
import { bundle } from '../host/bundle.js'
import { SmallDisk } from '../host/small-disk.js'
import { type DiskHarness, diskConformance } from './disk-conformance.js'
import type { KeeperProtocol } from './keeper.js'

const address = 'm/keeper' as Ref<KeeperProtocol>
const timeoutMs = 10_000

/** A keeper in a worker thread, with a directory of a real disk. */
class HostDisk implements DiskHarness {
  readonly #runtime: Runtime
  readonly #small: SmallDisk | undefined
  readonly fill?: (full: boolean) => Promise<void>

  constructor(runtime: Runtime, small: SmallDisk | undefined) {
    this.#runtime = runtime
    this.#small = small
    if (small !== undefined) this.fill = async full => small.fill(full)
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

  async close(): Promise<void> {
    await this.#runtime.stop()
    this.#small?.unmount()
  }
}

const bundled = bundle('../ports/host-roster.js')

diskConformance('the real disk', async () => {
  const small = SmallDisk.mount(16)
  const dataDir = small === undefined ? {} : { dataDir: small.directory }
  const disk = new HostDisk(await Runtime.start({ ...(await bundled), ...dataDir }), small)
  await disk.start()
  return disk
})
