// PodWorkers: all pods of one node: a worker each, by uid, and the times at which they want to be looked at.

import { type ClientContext, WorkQueue } from '../client/index.js'
import type { Pod } from '../kinds/index.js'
import type { PodHost } from './pod-host.js'
import { PodWorker } from './pod-worker.js'
import type { ContainerReport } from './runtime.js'

export class PodWorkers {
  readonly #ctx: ClientContext
  readonly #workers = new Map<string, PodWorker>()
  readonly #queue: WorkQueue
  readonly #host: PodHost
  readonly #arm: (delayMs: number) => void
  #armedForMs = Number.POSITIVE_INFINITY

  /** `arm`: has `wake` called after that much time of the cluster's clock, in place of what was armed before. */
  constructor(ctx: ClientContext, host: Omit<PodHost, 'wakeAt' | 'released'>, arm: (delayMs: number) => void) {
    this.#ctx = ctx
    this.#queue = new WorkQueue(ctx)
    this.#arm = arm
    this.#host = {
      ...host,
      wakeAt: (uid, atMs) => this.#wakeAt(uid, atMs),
      released: uid => void this.#workers.delete(uid)
    }
  }

  get size(): number {
    return this.#workers.size
  }

  uids(): ReadonlySet<string> {
    return new Set(this.#workers.keys())
  }

  values(): IterableIterator<PodWorker> {
    return this.#workers.values()
  }

  /** By namespace and name; of two, the one whose object is in the API. */
  find(namespace: string, name: string): PodWorker | undefined {
    let found: PodWorker | undefined
    for (const worker of this.#workers.values()) {
      if (worker.pod.metadata.name === name && worker.pod.metadata.namespace === namespace) found = worker
    }
    return found
  }

  /** The pods that were here before this life: what any of them has is taken over before another is given anything new. */
  takeOver(pods: readonly Pod[]): void {
    const workers = pods.map(pod => this.#newWorker(pod))
    for (const worker of workers) worker.sync()
  }

  add(pod: Pod): void {
    const known = this.#workers.get(pod.metadata.uid ?? '')
    if (known !== undefined) return known.update(pod)
    this.#newWorker(pod).sync()
  }

  #newWorker(pod: Pod): PodWorker {
    const worker = new PodWorker(this.#host, pod, this.#host.runtime.reports(pod))
    this.#workers.set(worker.uid, worker)
    return worker
  }

  delete(pod: Pod): void {
    this.#workers.get(pod.metadata.uid ?? '')?.deleted(pod)
  }

  exited(report: ContainerReport): void {
    this.#workers.get(report.config.pod.uid)?.exited(report)
  }

  /** Every container of the node is over. */
  lost(reason: string): void {
    for (const worker of [...this.#workers.values()]) worker.lost(reason)
  }

  reconcile(asOfMs: number): void {
    for (const worker of [...this.#workers.values()]) worker.reconcile(this.#host.runtime.reports(worker.pod), asOfMs)
  }

  wake(): void {
    this.#armedForMs = Number.POSITIVE_INFINITY
    for (let uid = this.#queue.take(); uid !== undefined; uid = this.#queue.take()) {
      this.#queue.done(uid)
      this.#workers.get(uid)?.sync()
    }
    this.#rearm()
  }

  #wakeAt(uid: string, atMs: number): void {
    // Never at once: a pod that always has something due must not keep the thread from everything else.
    this.#queue.addAfter(uid, Math.max(1, atMs - this.#ctx.clusterMs), 'cluster')
    this.#rearm()
  }

  #rearm(): void {
    const dueMs = this.#queue.dueMs('cluster')
    if (dueMs >= this.#armedForMs) return
    this.#armedForMs = dueMs
    this.#arm(Math.max(0, dueMs - this.#ctx.clusterMs))
  }
}
