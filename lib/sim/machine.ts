// Machine: a failure domain: threads that start and stop together, their clocks and their disk.

import { integerBelow, type Random } from '../std/index.js'
import type { ClusterClock } from './clock.js'
import { RealClock, WallClock } from './clock.js'
import { Disk, type DiskOptions } from './disk.js'
import { SimThread } from './thread.js'
import type { World } from './world.js'

const originMsMax = 1_000_000 // A monotonic clock starts anywhere; actors must not compare those of two machines.
const driftMax = 50e-6 // What quartz does.

export class Machine {
  readonly name: string
  readonly real: RealClock
  readonly wall: WallClock
  readonly disk: Disk
  readonly threads = new Map<string, SimThread>()
  /** Answers for what does not run here. */
  readonly kernel: SimThread
  up = true
  readonly #world: World

  constructor(world: World, name: string, random: Random, cluster: ClusterClock, disk: DiskOptions, exempt: boolean) {
    this.#world = world
    this.name = name
    const drift = exempt ? 0 : (2 * random() - 1) * driftMax
    this.real = new RealClock(integerBelow(random, originMsMax), 1 + drift)
    this.wall = new WallClock(cluster)
    this.disk = new Disk(disk, random)
    this.kernel = new SimThread(world, this, `${name}/`)
  }

  /** The thread of that name, running or not. */
  thread(name: string): SimThread {
    let thread = this.threads.get(name)
    if (thread === undefined) {
      thread = new SimThread(this.#world, this, name)
      this.threads.set(name, thread)
    }
    return thread
  }
}
