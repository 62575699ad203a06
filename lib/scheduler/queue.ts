// SchedulingQueue: pods that have no node yet (upstream's PriorityQueue). Pure; every call brings the time.
//
// Guarantee: a pod is in one place: ready (highest priority first, then longest waiting), backing off, unschedulable until an
// event that may help, gated until its gates are gone, or taken by `pop` and not given out again until it is handed back. A pod
// nothing helps is tried again after five minutes. As upstream 1.34, who backs off because no node fitted is taken early when
// nobody is ready (SchedulerPopFromBackoffQ); who backs off from an error is not.

import { Heap, type HeapMember } from '../std/index.js'
import type { PodInfo } from './pod-info.js'

export type QueuePlace = 'ready' | 'backOff' | 'errorBackOff' | 'unschedulable' | 'gated' | 'taken'

export interface QueuedPod {
  readonly pod: PodInfo
  readonly place: QueuePlace
  readonly attempts: number
  /** That turned it away last time; none: it failed otherwise, and any event is worth a try. */
  readonly plugins: ReadonlySet<string>
}

interface Entry extends HeapMember {
  pod: PodInfo
  place: QueuePlace
  attempts: number
  plugins: ReadonlySet<string>
  unschedulableCount: number
  errorCount: number
  sinceMs: number // It was put here or last failed.
  order: number // Of those of one millisecond.
  dueMs: number // Its back-off ends.
}

export const queueLimits = { backOffBaseMs: 1_000, backOffMaxMs: 10_000, unschedulableMaxMs: 300_000 } as const
const nobody: ReadonlySet<string> = new Set()

export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>()
  readonly #ready = new Heap<Entry>(goesBefore)
  readonly #backOff = new Heap<Entry>(isDueBefore)
  readonly #errorBackOff = new Heap<Entry>(isDueBefore)
  readonly #unschedulable = new Set<Entry>() // The longest there first.
  #orderLast = 0

  get size(): number {
    return this.#entries.size
  }

  get ready(): number {
    return this.#ready.size
  }

  get(uid: string): QueuedPod | undefined {
    return this.#entries.get(uid)
  }

  /** A pod that is new to the queue, or a newer state of one that is not. */
  set(pod: PodInfo, nowMs: number): void {
    const entry = this.#entries.get(pod.uid)
    if (entry === undefined) return this.#add(pod, nowMs)
    const before = entry.pod
    entry.pod = pod
    switch (entry.place) {
      case 'ready':
        return this.#ready.moved(entry)
      case 'gated':
        return isGated(pod) ? undefined : this.#move(entry, 'ready', nowMs)
      case 'unschedulable':
        // What was changed of it may be what kept it from a node.
        if (mayFitBetter(pod, before)) this.#retry(entry, nowMs)
        return
      default:
        return
    }
  }

  delete(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    this.#leave(entry)
    this.#entries.delete(uid)
  }

  /** Takes the next pod; it is handed back by `unschedulable`, `failed` or, once it has a node, `delete`. */
  pop(nowMs: number): QueuedPod | undefined {
    this.#wake(nowMs)
    const entry = this.#ready.peek() ?? this.#backOff.peek()
    if (entry === undefined) return undefined
    this.#move(entry, 'taken', nowMs)
    entry.attempts++
    return entry
  }

  /** No node fitted: it waits for an event that helps one of these plugins. */
  unschedulable(uid: string, plugins: ReadonlySet<string>, nowMs: number): void {
    const entry = this.#entries.get(uid)
    if (entry?.place !== 'taken') return
    entry.unschedulableCount++
    entry.errorCount = 0
    entry.plugins = plugins
    this.#move(entry, 'unschedulable', nowMs)
  }

  /** Something else went wrong: it is tried again after its back-off. */
  failed(uid: string, nowMs: number): void {
    const entry = this.#entries.get(uid)
    if (entry?.place !== 'taken') return
    entry.errorCount++
    entry.plugins = nobody
    entry.sinceMs = nowMs
    this.#move(entry, 'errorBackOff', nowMs)
  }

  /** Something happened: those that it may help are tried again once their back-off is over. */
  wake(helps: (queued: QueuedPod) => boolean, nowMs: number): void {
    if (this.#unschedulable.size === 0) return
    for (const entry of [...this.#unschedulable]) if (entry.plugins.size === 0 || helps(entry)) this.#retry(entry, nowMs)
  }

  /** Whether `pop` has a pod to give now. */
  hasNext(nowMs: number): boolean {
    return this.#ready.size > 0 || this.#backOff.size > 0 || this.dueMs() <= nowMs
  }

  /** When a pod that cannot be taken now can be, if nothing happens before; Infinity: there is none. */
  dueMs(): number {
    let dueMs = this.#errorBackOff.peek()?.dueMs ?? Number.POSITIVE_INFINITY
    for (const entry of this.#unschedulable) {
      dueMs = Math.min(dueMs, entry.sinceMs + queueLimits.unschedulableMaxMs)
      break
    }
    return dueMs
  }

  counts(): Record<QueuePlace, number> {
    const counts = { ready: 0, backOff: 0, errorBackOff: 0, unschedulable: 0, gated: 0, taken: 0 }
    for (const { place } of this.#entries.values()) counts[place]++
    return counts
  }

  #add(pod: PodInfo, nowMs: number): void {
    const entry: Entry = {
      pod,
      place: 'gated',
      attempts: 0,
      plugins: nobody,
      unschedulableCount: 0,
      errorCount: 0,
      sinceMs: nowMs,
      order: ++this.#orderLast,
      dueMs: 0,
      heapIndex: -1
    }
    this.#entries.set(pod.uid, entry)
    if (!isGated(pod)) this.#move(entry, 'ready', nowMs)
  }

  #wake(nowMs: number): void {
    for (const heap of [this.#backOff, this.#errorBackOff]) {
      for (let first = heap.peek(); first !== undefined && first.dueMs <= nowMs; first = heap.peek()) this.#move(first, 'ready', nowMs)
    }
    for (const entry of this.#unschedulable) {
      if (entry.sinceMs + queueLimits.unschedulableMaxMs > nowMs) break
      this.#retry(entry, nowMs)
    }
  }

  #retry(entry: Entry, nowMs: number): void {
    this.#move(entry, backOffEndMs(entry) > nowMs ? 'backOff' : 'ready', nowMs)
  }

  #move(entry: Entry, place: QueuePlace, nowMs: number): void {
    this.#leave(entry)
    entry.place = place
    switch (place) {
      case 'ready':
        return this.#ready.push(entry)
      case 'unschedulable':
        entry.sinceMs = nowMs
        this.#unschedulable.add(entry)
        return
      case 'backOff':
        entry.dueMs = backOffEndMs(entry)
        return this.#backOff.push(entry)
      case 'errorBackOff':
        entry.dueMs = backOffEndMs(entry)
        return this.#errorBackOff.push(entry)
      case 'gated':
      case 'taken':
        return
    }
  }

  #leave(entry: Entry): void {
    if (entry.place === 'ready') this.#ready.remove(entry)
    else if (entry.place === 'backOff') this.#backOff.remove(entry)
    else if (entry.place === 'errorBackOff') this.#errorBackOff.remove(entry)
    else if (entry.place === 'unschedulable') this.#unschedulable.delete(entry)
  }
}

/** Doubles with every failure of its kind, from 1 s to 10 s. */
function backOffEndMs({ sinceMs, errorCount, unschedulableCount }: Entry): number {
  const failures = errorCount > 0 ? errorCount : unschedulableCount
  if (failures === 0) return sinceMs
  return sinceMs + Math.min(queueLimits.backOffMaxMs, queueLimits.backOffBaseMs * 2 ** Math.min(failures - 1, 30))
}

function goesBefore(a: Entry, b: Entry): boolean {
  if (a.pod.priority !== b.pod.priority) return a.pod.priority > b.pod.priority
  return a.sinceMs < b.sinceMs || (a.sinceMs === b.sinceMs && a.order < b.order)
}

const isDueBefore = (a: Entry, b: Entry): boolean => a.dueMs < b.dueMs

export const isGated = ({ pod }: PodInfo): boolean => (pod.spec.schedulingGates?.length ?? 0) > 0

/** Upstream's events of the pod itself: labels, tolerations, requests scaled down. Nominations and conditions are the scheduler's own. */
function mayFitBetter({ pod, labels, requests }: PodInfo, before: PodInfo): boolean {
  return (
    !isSame(labels, before.labels) ||
    !isSame(pod.spec.tolerations, before.pod.spec.tolerations) ||
    !isSame(resourceList(requests), resourceList(before.requests))
  )
}

const resourceList = ({ scalars, ...amounts }: PodInfo['requests']): unknown => [amounts, [...scalars]]
const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
