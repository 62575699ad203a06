// Fault: one way of breaking a world, as a value. What lasts has a counterpart that ends it; `heal` ends everything.

import { machineOf } from '../actor/index.js'
import { unreachable } from '../std/index.js'
import type { Lane } from './link.js'
import { rootMachine, type World } from './world.js'

/** From one machine to another, one way. `*` stands for every machine but root. */
interface Way {
  readonly from: string
  readonly to: string
}

export type Fault =
  | { readonly fault: 'crashActor' | 'restartActor' | 'pauseActor' | 'resumeActor'; readonly actor: string }
  | { readonly fault: 'crashThread' | 'restartThread' | 'pauseThread' | 'resumeThread'; readonly thread: string }
  | { readonly fault: 'restartMachine' | 'pauseMachine' | 'resumeMachine'; readonly machine: string }
  /** With power lost, what was not synced is lost too, wholly or in part. */
  | { readonly fault: 'crashMachine'; readonly machine: string; readonly power: boolean }
  | ({ readonly fault: 'cut' | 'heal' } & Way)
  /** Times the delay; 1 ends it. */
  | ({ readonly fault: 'slow'; readonly factor: number } & Way)
  /** A share of the envelopes, of 1; 0 ends it. */
  | ({ readonly fault: 'lose' | 'duplicate' | 'reorder'; readonly share: number } & Way)
  /** How fast the machine's real clock runs; 1 ends it. */
  | { readonly fault: 'drift'; readonly machine: string; readonly rate: number }
  /** The machine's real clock leaps forward. */
  | { readonly fault: 'jump'; readonly machine: string; readonly byMs: number }
  /** How far the machine is off the cluster clock; 0 ends it. */
  | { readonly fault: 'skew'; readonly machine: string; readonly byMs: number }
  | { readonly fault: 'slowDisk'; readonly machine: string; readonly factor: number }
  | { readonly fault: 'fullDisk'; readonly machine: string; readonly full: boolean }
  /** A share of syncs that fail. */
  | { readonly fault: 'failDisk'; readonly machine: string; readonly share: number }
  /** The next power loss tears what is under way. */
  | { readonly fault: 'tearDisk'; readonly machine: string }
  /** Flips one bit of what a volume has synced: one machine's own, or the actor's. */
  | { readonly fault: 'corruptDisk'; readonly machine: string; readonly actor?: string }

export type FaultName = Fault['fault']

/** Does that to the world, now. Machine `root` and links to it are exempt: asking for it is an error. */
export function inflict(world: World, fault: Fault): void {
  world.trace.log(world.timeline.nowUs, 'nemesis', fault.fault, { ...fault })
  if ('actor' in fault && fault.actor !== undefined) refuseRoot(machineOf(fault.actor))
  if ('thread' in fault) refuseRoot(machineOf(fault.thread))
  if ('machine' in fault) refuseRoot(fault.machine)
  switch (fault.fault) {
    case 'crashActor':
      return world.killActor(fault.actor)
    case 'restartActor':
      return world.restart(root => root.address === fault.actor)
    case 'pauseActor':
      return void world.place(fault.actor)?.dispatcher?.pause(fault.actor)
    case 'resumeActor':
      return resumeActor(world, fault.actor)
    case 'crashThread':
      return world.killThread(fault.thread)
    case 'restartThread':
      return world.restart(root => root.thread === fault.thread)
    case 'pauseThread':
    case 'resumeThread':
      return holdThreads(world, fault.fault === 'pauseThread', machineOf(fault.thread), fault.thread)
    case 'crashMachine':
      return world.killMachine(fault.machine, fault.power)
    case 'restartMachine':
      return world.restartMachine(fault.machine)
    case 'pauseMachine':
    case 'resumeMachine':
      return holdThreads(world, fault.fault === 'pauseMachine', fault.machine)
    case 'cut':
    case 'heal':
    case 'slow':
    case 'lose':
    case 'duplicate':
    case 'reorder':
      for (const lane of lanesOf(world, fault)) disturb(world, lane, fault)
      return
    case 'drift':
    case 'jump':
    case 'skew':
      return shiftClock(world, fault)
    default:
      return breakDisk(world, fault)
  }
}

/** Ends every fault: all machines run, all that was started runs again, nothing is held, cut, slow or full; but for machines left behind and their lanes. */
export function heal(world: World, behind: readonly string[] = []): void {
  world.trace.log(world.timeline.nowUs, 'nemesis', 'healed', { behind: behind.join(' ') })
  const left = new Set(behind)
  for (const lane of world.network.lanes()) {
    if (left.has(lane.from) || left.has(lane.to)) continue
    world.network.heal(lane)
    lane.mend()
  }
  for (const machine of world.machines.values()) {
    if (left.has(machine.name)) continue
    machine.real.run(1, world.timeline.nowUs)
    machine.wall.skew(0)
    machine.disk.mend()
    world.restartMachine(machine.name)
    holdThreads(world, false, machine.name)
    for (const thread of machine.threads.values())
      for (const address of [...(thread.dispatcher?.addresses() ?? [])]) resumeActor(world, address)
  }
  world.clocksChanged()
  world.restart(({ address }) => !left.has(machineOf(address)))
}

type NetworkFault = Extract<Fault, Way>
type ClockFault = Extract<Fault, { readonly fault: 'drift' | 'jump' | 'skew' }>
type DiskFault = Extract<Fault, { readonly fault: 'slowDisk' | 'fullDisk' | 'failDisk' | 'tearDisk' | 'corruptDisk' }>

function refuseRoot(machine: string): void {
  if (machine === rootMachine) throw new Error(`machine ${rootMachine} is exempt from faults`)
}

function resumeActor(world: World, address: string): void {
  const thread = world.place(address)
  if (thread?.dispatcher?.resume(address) === true) thread.job(() => {})
}

function holdThreads(world: World, hold: boolean, machine: string, name?: string): void {
  for (const thread of world.machine(machine).threads.values()) {
    if (name !== undefined && thread.name !== name) continue
    if (hold) thread.pause()
    else thread.resume()
  }
}

function lanesOf(world: World, { from, to }: Way): Lane[] {
  const others = [...world.machines.keys()].filter(name => name !== rootMachine)
  const named = (name: string): string[] => {
    refuseRoot(name)
    return name === '*' ? others : [name]
  }
  return named(from).flatMap(a => named(to).flatMap(b => (a === b ? [] : [world.network.lane(a, b)])))
}

function disturb(world: World, lane: Lane, fault: NetworkFault): void {
  switch (fault.fault) {
    case 'cut':
      lane.cut = true
      return
    case 'heal':
      return world.network.heal(lane)
    case 'slow':
      lane.slow = fault.factor
      return
    case 'lose':
      lane.loss = fault.share
      return
    case 'duplicate':
      lane.duplicate = fault.share
      return
    case 'reorder':
      lane.reorder = fault.share
      return
    default:
      return unreachable(fault)
  }
}

function shiftClock(world: World, fault: ClockFault): void {
  const machine = world.machine(fault.machine)
  if (fault.fault === 'drift') machine.real.run(fault.rate, world.timeline.nowUs)
  else if (fault.fault === 'jump') machine.real.jump(fault.byMs)
  else machine.wall.skew(fault.byMs)
  for (const thread of machine.threads.values()) thread.clocksChanged()
}

function breakDisk(world: World, fault: DiskFault): void {
  const { disk } = world.machine(fault.machine)
  switch (fault.fault) {
    case 'slowDisk':
      disk.slow = fault.factor
      return
    case 'fullDisk':
      disk.full = fault.full
      return
    case 'failDisk':
      disk.failing = fault.share
      return
    case 'tearDisk':
      disk.torn = true
      return
    case 'corruptDisk':
      return void disk.corrupt(fault.actor)
    default:
      return unreachable(fault)
  }
}
