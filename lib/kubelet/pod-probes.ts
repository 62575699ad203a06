// PodProbes: the probes of one pod's containers: run when they are due, and what they have come to.

import type { Flow, Running } from '../actor/index.js'
import type { Container, Pod } from '../kinds/index.js'
import type { ContainerView } from './container-view.js'
import { type PodHost, subjectOf } from './pod-host.js'
import { dueProbes, type Health, healthOf, newProbes, type ProbeKind, type Probes, probed, probeOf, probing } from './probe.js'
import { runProbe } from './prober.js'

export interface Probed {
  readonly container: Container
  readonly init: boolean
}

export interface PodProbesOwner {
  readonly pod: Pod
  readonly podIp: string
  view(name: string): ContainerView | undefined
  track(run: Running): void
  /** A probe has answered. */
  health(name: string, health: Health): void
}

export class PodProbes {
  readonly #host: PodHost
  readonly #owner: PodProbesOwner
  readonly #probes = new Map<string, Probes>()

  constructor(host: PodHost, owner: PodProbesOwner) {
    this.#host = host
    this.#owner = owner
  }

  /** A run began. */
  begin({ container }: Probed, startedAtMs: number): Health {
    const probes = newProbes(container, startedAtMs)
    this.#probes.set(container.name, probes)
    return healthOf(probes)
  }

  /** A run of an earlier life goes on: started and ready stay what they were until a probe says otherwise. */
  adopt({ container }: Probed, startedAtMs: number, { started, ready }: Pick<ContainerView, 'started' | 'ready'>): Health {
    const fresh = newProbes(container, startedAtMs)
    const startup = fresh.startup === undefined || !started ? fresh.startup : { ...fresh.startup, verdict: 'success' as const }
    const readiness = fresh.readiness === undefined || !ready ? fresh.readiness : { ...fresh.readiness, verdict: 'success' as const }
    const probes = { ...fresh, startup, readiness }
    this.#probes.set(container.name, probes)
    return healthOf(probes)
  }

  end(name: string): void {
    this.#probes.delete(name)
  }

  /** Runs what is due. Answers when to look again. */
  run(cells: Iterable<Probed>, nowMs: number): number {
    let wakeAtMs = Number.POSITIVE_INFINITY
    for (const cell of cells) {
      const { name } = cell.container
      const probes = this.#probes.get(name)
      const view = this.#owner.view(name)
      if (probes === undefined || view?.run?.phase !== 'running' || view.busy === 'stopping') continue
      for (const kind of dueProbes(probes, nowMs).due) {
        this.#change(name, known => probing(known, kind, probeOf(cell.container, kind) ?? {}, nowMs))
        this.#owner.track(this.#host.ctx.run(this.#once(cell, kind, view.run.id)))
      }
      const left = this.#probes.get(name)
      if (left !== undefined) wakeAtMs = Math.min(wakeAtMs, dueProbes(left, nowMs).wakeAtMs)
    }
    return wakeAtMs
  }

  *#once({ container, init }: Probed, kind: ProbeKind, id: string): Flow<void> {
    const probe = probeOf(container, kind)
    if (probe === undefined) return
    const { pod, podIp } = this.#owner
    const { ok, output } = yield* runProbe(this.#host, { pod, container, id, podIp }, probe)
    const run = this.#owner.view(container.name)?.run
    if (run?.id !== id || run.phase !== 'running') return
    const probes = this.#change(container.name, known => probed(known, kind, probe, ok))
    if (probes === undefined) return
    if (!ok) {
      const title = kind.slice(0, 1).toUpperCase() + kind.slice(1)
      const subject = subjectOf({ pod: this.#owner.pod, container, init })
      this.#host.recorder.event(subject, 'Warning', 'Unhealthy', `${title} probe failed: ${output}`)
    }
    this.#owner.health(container.name, healthOf(probes))
  }

  #change(name: string, change: (probes: Probes) => Probes): Probes | undefined {
    const known = this.#probes.get(name)
    if (known === undefined) return undefined
    const next = change(known)
    this.#probes.set(name, next)
    return next
  }
}
