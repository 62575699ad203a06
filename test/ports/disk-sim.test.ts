import t from 'tap'
import type { Outcome, Ref } from '../../lib/actor/index.js'
import type { DiskProtocol } from '../../lib/ports/index.js'
import { Disk, diskDefaults } from '../../lib/sim/disk.js'
import { inflict, World } from '../../lib/sim/index.js'
import { seededRandom } from '../../lib/std/index.js'
import { type DiskHarness, diskConformance } from './disk-conformance.js'
import { type KeeperProtocol, keeper } from './keeper.js'

const address = 'm/keeper' as Ref<KeeperProtocol>

class SimDisk implements DiskHarness {
  readonly #world: World

  constructor(seed: number) {
    this.#world = new World({ seed })
    this.#world.start(address, keeper)
    this.#up()
  }

  async call<K extends keyof DiskProtocol>(type: K, body?: unknown): Promise<Outcome<ReturnType<DiskProtocol[K]>>> {
    const answer = this.#world.client.call(address, 30_000, 'call', { type, body })
    if (!answer.ok) throw new Error(answer.error.detail)
    return answer.value as Outcome<ReturnType<DiskProtocol[K]>>
  }

  async save(bytes: Uint8Array, segment = 0): Promise<void> {
    const answer = this.#world.client.call(address, 30_000, 'save', { bytes, segment })
    if (!answer.ok) throw new Error(answer.error.detail)
  }

  async crash(power: boolean): Promise<void> {
    const world = this.#world
    if (world.lives(address))
      inflict(world, power ? { fault: 'crashMachine', machine: 'm', power } : { fault: 'crashActor', actor: address })
    inflict(world, power ? { fault: 'restartMachine', machine: 'm' } : { fault: 'restartActor', actor: address })
    this.#up()
  }

  async fill(full: boolean): Promise<void> {
    inflict(this.#world, { fault: 'fullDisk', machine: 'm', full })
  }

  async close(): Promise<void> {}

  #up(): void {
    const thread = this.#world.machine('m').thread(address)
    this.#world.runUntil(() => thread.dispatcher?.lives(address) === true, this.#world.nowMs + 1000)
  }
}

let seed = 0
for (const round of [1, 2, 3, 4]) diskConformance(`the simulated disk, round ${round}`, async () => new SimDisk(++seed))

t.test('a file that decays is not the bytes that were sent', async t => {
  const disk = new Disk(diskDefaults, seededRandom(1))
  const sent = new Uint8Array(64)
  disk.volume('m/a').write('file', sent)()
  t.ok(disk.corrupt('m/a'))
  t.ok(sent.every(byte => byte === 0))
  t.notOk(
    disk
      .volume('m/a')
      .file('file')
      ?.every(byte => byte === 0)
  )
})
