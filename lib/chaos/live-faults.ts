// Live faults: what befalls a running cluster, drawn by chance from what its control can do. Pure: the state of the cluster in, requests out.
//
// Targets are drawn by what they are first, so that the one apiserver is hit as often as the many controllers together.

import { machineOf } from '../actor/index.js'
import { integerBelow, type Random, unreachable } from '../std/index.js'

export const liveFaultKinds = [
  'kill', // An actor; its supervisor brings it back.
  'kill-thread',
  'kill-machine',
  'power-off', // A machine, with what its disks had not synced; back after a while.
  'hold', // An actor stays dead for a while.
  'pause',
  'pause-thread',
  'pause-machine',
  'cut', // Between two machines.
  'isolate', // A machine from all others.
  'slow', // A machine's links.
  'clock-jump',
  'clock-drift'
] as const
export type LiveFaultKind = (typeof liveFaultKinds)[number]

export interface ControlCall {
  readonly method: 'chaos' | 'clock'
  readonly params: Readonly<Record<string, unknown>>
}

export interface LiveFault {
  readonly kind: LiveFaultKind
  readonly text: string
  readonly begin: ControlCall
  /** What ends it, after so long. */
  readonly end: ControlCall | undefined
  readonly lastsMs: number
}

export interface LiveTargets {
  readonly actors: readonly { readonly address: string; readonly actor: string; readonly thread: string }[]
  readonly machines: readonly string[]
  /** Addresses of those who lead: the store, the scheduler, the controller-manager. */
  readonly leaders: readonly string[]
}

/** Who leads is hit that often rather than somebody else of the kind: it is where most can go wrong. */
const leaderShare = 0.4
const lastsMs = { min: 200, max: 6_000 }
/** Longer than an own cluster's node grace and its pods' toleration together, then pods are evicted; or than a lease, then another leads. */
const longMs = { min: 11_000, max: 24_000 }
const longShare = 0.2
const slowMs = { min: 5, max: 150 }
const jumpMs = { min: 500, max: 20_000 }
const scales = [0.2, 0.5, 2, 4]
const sparedMachine = 'root' // Supervisors and the wire: the main thread's own.

export function drawLiveFault(random: Random, kinds: readonly LiveFaultKind[], targets: LiveTargets, scale: number): LiveFault {
  const kind = pick(random, kinds)
  const lasts = between(random, random() < longShare ? longMs : lastsMs)
  const machine = drawMachine(random, targets)
  const actor = drawActor(random, targets)
  const chaos = (action: string, names: readonly string[], more: object = {}): ControlCall => ({
    method: 'chaos',
    params: { action, targets: names, ...more }
  })
  const fault = (target: string, begin: ControlCall, end?: ControlCall): LiveFault => {
    const text = `${kind} ${target}${end === undefined ? '' : ` for ${lasts} ms`}`
    return { kind, text, begin, end, lastsMs: end === undefined ? 0 : lasts }
  }
  switch (kind) {
    case 'kill':
      return fault(actor.address, chaos('kill', [actor.address]))
    case 'kill-thread':
      return fault(actor.thread, chaos('kill', [actor.thread]))
    case 'kill-machine':
      return fault(machine, chaos('kill', [machine], { stayDown: true }), chaos('resume', [machine]))
    case 'power-off':
      return fault(machine, chaos('kill', [machine], { stayDown: true, power: true }), chaos('resume', [machine]))
    case 'hold':
      return fault(actor.address, chaos('kill', [actor.address], { stayDown: true }), chaos('resume', [actor.address]))
    case 'pause':
      return fault(actor.address, chaos('pause', [actor.address]), chaos('resume', [actor.address]))
    case 'pause-thread':
      return fault(actor.thread, chaos('pause', [actor.thread]), chaos('resume', [actor.thread]))
    case 'pause-machine':
      return fault(machine, chaos('pause', [machine]), chaos('resume', [machine]))
    case 'cut': {
      const others = targets.machines.filter(name => name !== machine)
      const pair = others.length === 0 ? [machine] : [machine, pick(random, others)]
      return fault(pair.join(' and '), chaos('cut', pair), chaos('heal', pair))
    }
    case 'isolate':
      return fault(machine, chaos('cut', [machine]), chaos('heal', [machine]))
    case 'slow':
      return fault(machine, chaos('slow', [machine], { delayMs: between(random, slowMs) }), chaos('heal', [machine]))
    case 'clock-jump': {
      const advanceMs = between(random, jumpMs)
      return fault(`by ${advanceMs} ms`, { method: 'clock', params: { advanceMs } })
    }
    case 'clock-drift': {
      const factor = pick(random, scales)
      return fault(`${factor} times`, { method: 'clock', params: { scale: factor * scale } }, { method: 'clock', params: { scale } })
    }
    default:
      return unreachable(kind)
  }
}

function drawActor(random: Random, { actors, leaders }: LiveTargets): LiveTargets['actors'][number] {
  const within = actors.filter(({ address }) => machineOf(address) !== sparedMachine)
  const what = pick(random, [...new Set(within.map(({ actor }) => actor))])
  const alike = within.filter(({ actor }) => actor === what)
  const leader = alike.find(({ address }) => leaders.includes(address))
  return leader !== undefined && random() < leaderShare ? leader : pick(random, alike)
}

function drawMachine(random: Random, { machines, leaders }: LiveTargets): string {
  const leading = machines.filter(machine => leaders.some(address => machineOf(address) === machine))
  return leading.length > 0 && random() < leaderShare ? pick(random, leading) : pick(random, machines)
}

const pick = <V>(random: Random, of: readonly V[]): V => of[integerBelow(random, of.length)] as V

const between = (random: Random, { min, max }: { readonly min: number; readonly max: number }): number =>
  Math.round(min + (max - min) * random())
