// Directory: what threads and the main thread ask of each other. The main thread alone creates workers, knows
// which actor runs in which thread, and introduces threads to each other; envelopes never pass through it.
//
// Both sides are plain asynchronous calls: by comlink between a worker and the main thread, directly within it.

import type { ActorMetrics, Counters, Facts } from '../actor/index.js'
import type { LinkSide } from './wire.js'

/** What the main thread does for a thread. */
export interface Directory {
  /** The thread of that actor, after a link to it was introduced; null if no such actor runs. */
  route(from: number, address: string): Promise<number | null>
  /** Starts an actor in a thread. Rejects if it never began; an end after that is told to its parent. */
  spawn(request: SpawnRequest): Promise<void>
  /** An actor of that thread started another in the same thread. */
  started(thread: number, address: string, actor: string, parent: string): Promise<void>
  /** What an actor shows of itself changed. */
  shown(address: string, facts: Facts): Promise<void>
  ended(thread: number, address: string, reason: string): Promise<void>
  /** Where that actor's journal is, and the shared state that says how much of it is synced. */
  journalOpened(address: string, directory: string, synced: SharedArrayBuffer): Promise<void>
  /** Why that thread ended, once it has, and which actors died with it. */
  epitaph(thread: number): Promise<Epitaph>
}

export interface Epitaph {
  readonly reason: string
  readonly addresses: readonly string[]
}

export interface SpawnRequest {
  readonly address: string
  readonly actor: string // Its name in the roster.
  readonly args: unknown
  readonly thread: string
  readonly parent: string
}

/** What a thread does for the main thread. */
export interface ThreadControl {
  /** Resolves when `init` has run: undefined, or why the actor is over already. Rejects if it never began. */
  start(request: SpawnRequest): Promise<string | undefined>
  link(peer: number, side: LinkSide): Promise<void>
  stop(address: string, reason: string): Promise<void>
  kill(address: string, reason: string): Promise<boolean>
  pause(address: string): Promise<boolean>
  resume(address: string): Promise<boolean>
  /** An actor died with a thread to which this one has no link; its parent is here. */
  down(address: string, reason: string): Promise<void>
  inspect(): Promise<ThreadReport>
  setFaults(faults: NetworkFaults): Promise<void>
  /** Parks the thread if its pause flag is set: a busy thread sees the flag itself, an idle one needs the call. */
  hold(): Promise<void>
  /** Resolves when everything that fell due by a change of the cluster clock has run. */
  clockMoved(): Promise<void>
}

export interface ThreadReport {
  readonly actors: readonly ActorMetrics[]
  readonly counters: Counters
  readonly heapUsedBytes: number
  readonly externalBytes: number
}

/** Between machines, by `from>to`. A cut drops what is sent, silently; a slow link delays it by that many milliseconds. */
export interface NetworkFaults {
  readonly cut: readonly string[]
  readonly slowMs: Readonly<Record<string, number>>
}

export const noFaults: NetworkFaults = { cut: [], slowMs: {} }

/** Shared with the main thread: 32-bit words. */
export const controlBytes = 32
export const pauseAt = 0 // 1: hold still before the next turn. 2: end before it.
export const parkedAt = 1 // 1: it does.
export const turnsAt = 2 // Turns begun, modulo 2^32.
export const busyAt = 3 // 1: between the start of a batch of turns and its end.
export const endingAt = 4 // Why the thread ended itself: a place in `endings`.

export const endings = ['', 'empty', 'memory', 'killed'] as const
export type Ending = Exclude<(typeof endings)[number], ''>
