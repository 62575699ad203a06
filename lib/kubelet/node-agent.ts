// NodeAgent: keeps the Node object and its Lease: registers, renews, reports. Flows on the cluster's clock, as a Lease is cluster
// time: a node that stops renewing is seen to be gone after the same cluster time at any speed.
//
// As upstream's kubelet: it registers once in its life and does not come back if somebody deletes the Node.

import { type Flow, type Running, sleep } from '../actor/index.js'
import { type ApiClient, type ClientContext, isAlreadyExists, isNotFound, type Recorder, resources } from '../client/index.js'
import type { Node } from '../kinds/index.js'
import { formatMicroTime } from '../object/index.js'
import {
  leaseDurationSeconds,
  leaseNamespace,
  type NodeFacts,
  newNode,
  nodeLabels,
  nodeLease,
  nodeStatus,
  nodeStatusChanged
} from './node-status.js'

export interface NodeAgentOptions {
  readonly facts: NodeFacts
  readonly leaseRenewMs: number
  readonly statusCheckMs: number // How often the status is looked at;
  readonly statusReportMs: number // and how often it is written though nothing changed.
  /** The Node is there and says Ready. */
  readonly registered?: () => void
}

export const nodeAgentDefaults = { leaseRenewMs: 10_000, statusCheckMs: 10_000, statusReportMs: 300_000 } as const
export const simulatedStatusCheckMs = 60_000 // By the thousand, looking is what costs.

const retryMs = 200 // Real: between attempts to register.
const leaseTimeoutMs = 10_000

export class NodeAgent {
  readonly #ctx: ClientContext
  readonly #client: ApiClient
  readonly #recorder: Recorder
  readonly #options: NodeAgentOptions
  #node: Node | undefined
  #reportedAtMs = 0
  #renewedAtMs = 0
  #runs: Running[] = []

  constructor(ctx: ClientContext, client: ApiClient, recorder: Recorder, options: NodeAgentOptions) {
    this.#ctx = ctx
    this.#client = client
    this.#recorder = recorder
    this.#options = options
  }

  get registered(): boolean {
    return this.#node !== undefined
  }

  start(): void {
    this.#runs = [this.#ctx.run(this.#keepNode())]
  }

  stop(): void {
    for (const run of this.#runs) run.cancel()
  }

  *#keepNode(): Flow<void> {
    while (!(yield* this.#register())) yield* sleep('real', retryMs)
    this.#options.registered?.()
    this.#recorder.event(
      { kind: 'Node', name: this.#options.facts.name, uid: this.#options.facts.name },
      'Normal',
      'Starting',
      'Starting kubelet.'
    )
    this.#runs.push(this.#ctx.run(this.#keepLease()))
    for (;;) {
      yield* sleep('cluster', this.#options.statusCheckMs)
      yield* this.#report()
    }
  }

  *#register(): Flow<boolean> {
    const { facts } = this.#options
    const nowMs = this.#ctx.clusterMs
    const created = yield* this.#client.create(resources.nodes, newNode(facts, nowMs))
    if (created.ok) {
      this.#node = created.value
      this.#reportedAtMs = nowMs
      return true
    }
    if (!isAlreadyExists(created)) {
      this.#ctx.log('cannot register', { node: facts.name, reason: created.error.reason, message: created.error.message })
      return false
    }
    const { podCidr } = facts
    const patch = { metadata: { labels: nodeLabels(facts) }, spec: { podCIDR: podCidr, podCIDRs: [podCidr] } }
    const found = yield* this.#client.get(resources.nodes, { name: facts.name })
    if (!found.ok) return false
    // A podCIDR, once set, does not change.
    const mine = found.value.spec?.podCIDR === undefined ? patch : { metadata: patch.metadata }
    const patched = yield* this.#client.patch(resources.nodes, { name: facts.name }, mine)
    if (!patched.ok) return false
    this.#node = patched.value
    return yield* this.#report(true)
  }

  *#report(always = false): Flow<boolean> {
    const { facts, statusReportMs } = this.#options
    const nowMs = this.#ctx.clusterMs
    const found = yield* this.#client.get(resources.nodes, { name: facts.name })
    if (!found.ok) return false
    this.#node = found.value
    const status = nodeStatus(facts, found.value.status, nowMs)
    if (!always && nowMs - this.#reportedAtMs < statusReportMs && !nodeStatusChanged(found.value.status, status)) return true
    const result = yield* this.#client.patch(
      resources.nodes,
      { name: facts.name },
      { status },
      { type: 'strategic', subresource: 'status' }
    )
    if (result.ok) this.#reportedAtMs = nowMs
    else this.#ctx.log('node status refused', { node: facts.name, reason: result.error.reason, message: result.error.message })
    return result.ok
  }

  *#keepLease(): Flow<void> {
    for (;;) {
      if (yield* this.#renew()) {
        const nowMs = this.#ctx.clusterMs
        // A renewal failed: others may have taken the node for dead, and said so in its conditions.
        const late = nowMs - this.#renewedAtMs > 1.5 * this.#options.leaseRenewMs
        if (late && this.#renewedAtMs > 0) this.#ctx.run(this.#check())
        this.#renewedAtMs = nowMs
      }
      // Jitter as upstream's, so that nodes started together do not renew together.
      yield* sleep('cluster', this.#options.leaseRenewMs * (1 + 0.04 * this.#ctx.random()))
    }
  }

  *#check(): Flow<void> {
    yield* this.#report()
  }

  *#renew(): Flow<boolean> {
    const { name } = this.#options.facts
    const spec = { holderIdentity: name, leaseDurationSeconds, renewTime: formatMicroTime(this.#ctx.clusterMs) }
    const at = { namespace: leaseNamespace, name }
    // As upstream, no longer than a period: another apiserver may answer the next one.
    const timeoutMs = Math.min(leaseTimeoutMs, this.#options.leaseRenewMs)
    const renewed = yield* this.#client.patch(resources.leases, at, { spec }, { timeoutMs })
    if (renewed.ok || !isNotFound(renewed)) return renewed.ok
    const lease = nodeLease(name, this.#node?.metadata.uid ?? '', this.#ctx.clusterMs)
    const created = yield* this.#client.create(resources.leases, lease, { timeoutMs })
    if (!created.ok) this.#ctx.log('no lease', { node: name, reason: created.error.reason, message: created.error.message })
    return created.ok
  }
}
