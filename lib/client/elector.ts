// Elector: at most one of several candidates leads, through a coordination.k8s.io Lease. client-go's leader election.
//
// Guarantee: as long as real clocks run at nearly the same rate, two electors never lead at once: a candidate takes over only
// when it has seen no renewal for the whole lease duration, timed on its own real clock since it OBSERVED the last one; a leader
// stops leading `renewDeadlineMs` after it began its last renewal that succeeded, before others may take over.
// It says nothing about requests of a former leader that are still on their way: like upstream, this is no fence.

import type { Flow, Running, Source } from '../actor/index.js'
import type { Lease, LeaseSpec } from '../kinds/index.js'
import { formatMicroTime } from '../object/index.js'
import { assert } from '../std/index.js'
import type { ApiClient, ClientContext } from './api-client.js'
import { BackOff } from './back-off.js'
import { resourcePath, resources } from './resource.js'

export interface ElectorOptions {
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly leaseDurationMs?: number // Whole seconds.
  readonly renewDeadlineMs?: number
  readonly retryPeriodMs?: number
  readonly started: () => void
  /** No longer leading. Leads again only after `start`: upstream's components exit here. */
  readonly stopped: (reason: string) => void
  readonly observed?: (leader: string) => void
}

export const electionDefaults = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 } as const

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const failureMs = 20
const jitterFactor = 1.2 // As client-go: retries of candidates are stretched by up to this much of the period.

export class Elector {
  readonly #ctx: ClientContext
  readonly #client: ApiClient
  readonly #options: ElectorOptions & typeof electionDefaults
  #running: Running | undefined
  #leading = false
  #leadsUntilMs = 0
  #seen: { readonly lease: Lease; readonly atMs: number } | undefined // On the real clock.
  #leaderSeen = ''

  constructor(ctx: ClientContext, client: ApiClient, options: ElectorOptions) {
    const all = { ...electionDefaults, ...options } as ElectorOptions & typeof electionDefaults
    assert(all.leaseDurationMs > all.renewDeadlineMs, 'leaseDuration must be greater than renewDeadline')
    assert(all.renewDeadlineMs > jitterFactor * all.retryPeriodMs, 'renewDeadline must be greater than retryPeriod*JitterFactor')
    assert(all.leaseDurationMs % 1000 === 0, 'a Lease counts whole seconds', { leaseDurationMs: all.leaseDurationMs })
    this.#ctx = ctx
    this.#client = client
    this.#options = all
  }

  /** True only while it is safe to act as the leader. */
  get leading(): boolean {
    return this.#leading && this.#ctx.nowMs < this.#leadsUntilMs
  }

  get leader(): string {
    return this.#seen?.lease.spec?.holderIdentity ?? ''
  }

  start(): void {
    if (this.#running === undefined || this.#running.done) this.#running = this.#ctx.run(this.#campaign())
  }

  /**
   * Stops taking part. A leader gives the lease back without waiting for the answer, so that the next candidate need not wait
   * for it to expire; call it only once nothing acts for this leader any more (client-go's ReleaseOnCancel).
   */
  stop(): void {
    this.#running?.cancel()
    this.#running = undefined
    const led = this.leading
    this.#leading = false
    if (led) this.#release()
  }

  *#campaign(): Flow<void> {
    const { retryPeriodMs, renewDeadlineMs, started, stopped } = this.#options
    const backOff = new BackOff({ baseMs: failureMs, maxMs: retryPeriodMs }, this.#ctx.random)
    while (!(yield* this.#acquireOrRenew(renewDeadlineMs))) {
      const expiryMs = this.#expiresInMs()
      if (expiryMs <= 0) {
        // Nobody holds it, and it could not be taken: at the start of a cluster its namespace is about to come.
        yield { step: 'sleep', clock: 'real', delayMs: backOff.nextMs() }
        continue
      }
      backOff.reset()
      yield* this.#await(Math.min(expiryMs, retryPeriodMs * (1 + jitterFactor * this.#ctx.random())))
    }
    this.#leading = true
    started()
    let reason = 'the lease was not renewed in time'
    for (;;) {
      yield { step: 'sleep', clock: 'real', delayMs: Math.min(retryPeriodMs, this.#leadsUntilMs - this.#ctx.nowMs) }
      const leftMs = this.#leadsUntilMs - this.#ctx.nowMs
      if (leftMs <= 0) break
      yield* this.#acquireOrRenew(leftMs)
      if (this.leader !== this.#options.identity) {
        reason = `${this.leader} holds the lease`
        break
      }
    }
    this.#leading = false
    // This flow ends here: `stopped` may start the next campaign.
    this.#running = undefined
    stopped(reason)
  }

  /** One try. True: the lease is ours, for `renewDeadlineMs` from the moment the try began. */
  *#acquireOrRenew(timeoutMs: number): Flow<boolean> {
    const { identity, renewDeadlineMs, namespace, name } = this.#options
    const beganMs = this.#ctx.nowMs
    const read = yield* this.#client.get(resources.leases, { namespace, name }, { timeoutMs })
    const leftMs = beganMs + timeoutMs - this.#ctx.nowMs
    if (leftMs <= 0) return false
    let lease: Lease
    if (read.ok) {
      this.#observe(read.value)
      const old = read.value.spec ?? {}
      if (old.holderIdentity !== identity && this.#heldByOther(old)) return false
      // Renewing a lease that bears our name from an earlier life would be a takeover without its transition; client-go does so too.
      lease = { ...read.value, spec: { ...old, ...this.#record(old) } }
    } else if (read.error.reason === 'NotFound') {
      lease = { apiVersion: '', kind: '', metadata: { namespace, name }, spec: this.#record(undefined) }
    } else {
      this.#ctx.log('lease not read', { name, reason: read.error.reason, message: read.error.message })
      return false
    }
    const written = read.ok
      ? yield* this.#client.update(resources.leases, lease, { timeoutMs: leftMs })
      : yield* this.#client.create(resources.leases, lease, { timeoutMs: leftMs })
    if (!written.ok) {
      this.#ctx.log('lease not written', { name, reason: written.error.reason, message: written.error.message })
      return false
    }
    this.#observe(written.value)
    this.#leadsUntilMs = beganMs + renewDeadlineMs
    return this.#leadsUntilMs > this.#ctx.nowMs
  }

  #heldByOther(spec: LeaseSpec): boolean {
    return spec.holderIdentity !== undefined && spec.holderIdentity !== '' && this.#expiresInMs() > 0
  }

  #expiresInMs(): number {
    if (this.#seen === undefined) return 0
    return this.#seen.atMs + (this.#seen.lease.spec?.leaseDurationSeconds ?? 0) * 1000 - this.#ctx.nowMs
  }

  #record(old: LeaseSpec | undefined): LeaseSpec {
    const { identity, leaseDurationMs } = this.#options
    const now = formatMicroTime(this.#ctx.clusterMs)
    const mine = old?.holderIdentity === identity
    return {
      holderIdentity: identity,
      leaseDurationSeconds: leaseDurationMs / 1000,
      acquireTime: mine ? (old.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: old === undefined ? 0 : (old.leaseTransitions ?? 0) + (mine ? 0 : 1)
    }
  }

  #observe(lease: Lease): void {
    if (this.#seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) this.#seen = { lease, atMs: this.#ctx.nowMs }
    const leader = lease.spec?.holderIdentity ?? ''
    if (leader === this.#leaderSeen) return
    this.#leaderSeen = leader
    this.#options.observed?.(leader)
  }

  /** Waits, but not longer than until the lease is given back or deleted: client-go would only poll. */
  *#await(delayMs: number): Flow<void> {
    const { name } = this.#options
    const untilMs = this.#ctx.nowMs + delayMs
    const revision = this.#seen?.lease.metadata.resourceVersion
    const source = revision === undefined ? undefined : yield* this.#openWatch(revision, delayMs)
    try {
      for (let leftMs = untilMs - this.#ctx.nowMs; leftMs > 0; leftMs = untilMs - this.#ctx.nowMs) {
        const batch: { kind: string; items?: readonly Uint8Array[] } =
          source === undefined ? yield { step: 'sleep', clock: 'real', delayMs: leftMs } : yield* source.next(leftMs)
        if (source === undefined) return
        if (batch.kind === 'items') {
          if (batch.items?.some(item => releases(item, name)) === true) return
        } else if (batch.kind !== 'idle') {
          yield { step: 'sleep', clock: 'real', delayMs: Math.max(0, untilMs - this.#ctx.nowMs) }
        }
      }
    } finally {
      source?.close()
    }
  }

  *#openWatch(resourceVersion: string, timeoutMs: number): Flow<Source<Uint8Array> | undefined> {
    const { namespace, name } = this.#options
    const fieldSelector = `metadata.name=${name}`
    const opened = yield* this.#client.watch(resources.leases, { namespace, fieldSelector, resourceVersion, timeoutMs })
    return opened.ok ? opened.value.source : undefined
  }

  // Told, not asked: an actor that is stopping does not live to hear the answer, and a cancelled request might not be carried out.
  #release(): void {
    const lease = this.#seen?.lease
    if (lease === undefined) return
    const now = formatMicroTime(this.#ctx.clusterMs)
    // As client-go: nobody holds it, and what remains of it is over in a second.
    const leaseTransitions = lease.spec?.leaseTransitions ?? 0
    const spec: LeaseSpec = { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions }
    const body = encoder.encode(JSON.stringify({ ...lease, spec }))
    this.#ctx.tell(this.#client.apiserver, 'request', { method: 'PUT', path: resourcePath(resources.leases, lease.metadata), body })
  }
}

/** Whether one of these watch events says that nobody holds the lease. */
function releases(item: Uint8Array, name: string): boolean {
  return decoder
    .decode(item)
    .split('\n')
    .some(line => {
      if (line === '') return false
      const { type, object } = JSON.parse(line) as { type: string; object: Lease }
      return object.metadata?.name === name && (type === 'DELETED' || (object.spec?.holderIdentity ?? '') === '')
    })
}
