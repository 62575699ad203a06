// Probe: what a container's probe has come to, run after run. Pure: when the next is due, and what its outcome changes.
//
// As upstream's prober worker: nothing before initialDelaySeconds, and nothing but the startup probe before that has passed;
// a state changes after `failureThreshold` failures or `successThreshold` successes in a row; a startup or liveness probe that
// gave up holds still until the container runs anew. Times are the cluster's.

import type { Container, Probe } from '../kinds/index.js'

export type ProbeKind = 'startup' | 'readiness' | 'liveness'

export interface ProbeState {
  readonly kind: ProbeKind
  readonly verdict: 'unknown' | 'success' | 'failure'
  readonly inARow: number // Results alike, the newest ones.
  readonly lastOk: boolean
  readonly dueAtMs: number
}

export interface Probes {
  readonly startup: ProbeState | undefined
  readonly readiness: ProbeState | undefined
  readonly liveness: ProbeState | undefined
}

export interface Health {
  readonly started: boolean
  readonly ready: boolean
  readonly unhealthy: 'liveness' | 'startup' | undefined
}

const kinds = ['startup', 'readiness', 'liveness'] as const

export function newProbes(container: Container, startedAtMs: number): Probes {
  const state = (kind: ProbeKind, probe: Probe | undefined): ProbeState | undefined =>
    probe && { kind, verdict: 'unknown', inARow: 0, lastOk: false, dueAtMs: startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000 }
  return {
    startup: state('startup', container.startupProbe),
    readiness: state('readiness', container.readinessProbe),
    liveness: state('liveness', container.livenessProbe)
  }
}

export const probeOf = (container: Container, kind: ProbeKind): Probe | undefined =>
  kind === 'startup' ? container.startupProbe : kind === 'readiness' ? container.readinessProbe : container.livenessProbe

export function healthOf(probes: Probes): Health {
  const started = probes.startup === undefined || probes.startup.verdict === 'success'
  return {
    started,
    ready: started && (probes.readiness === undefined || probes.readiness.verdict === 'success'),
    unhealthy: probes.startup?.verdict === 'failure' ? 'startup' : probes.liveness?.verdict === 'failure' ? 'liveness' : undefined
  }
}

/** The probes to be run by now, and when to look again. */
export function dueProbes(probes: Probes, nowMs: number): { readonly due: readonly ProbeKind[]; readonly wakeAtMs: number } {
  const due: ProbeKind[] = []
  let wakeAtMs = Number.POSITIVE_INFINITY
  for (const kind of kinds) {
    const state = probes[kind]
    if (state === undefined || !isActive(probes, kind)) continue
    if (state.dueAtMs <= nowMs) due.push(kind)
    else wakeAtMs = Math.min(wakeAtMs, state.dueAtMs)
  }
  return { due, wakeAtMs }
}

function isActive(probes: Probes, kind: ProbeKind): boolean {
  const { startup, liveness } = probes
  if (startup?.verdict === 'failure' || liveness?.verdict === 'failure') return false
  return kind === 'startup' ? startup?.verdict !== 'success' : startup === undefined || startup.verdict === 'success'
}

/** The probe is on its way: it is not due again before a period has passed. */
export function probing(probes: Probes, kind: ProbeKind, probe: Probe, nowMs: number): Probes {
  const state = probes[kind]
  return state === undefined ? probes : { ...probes, [kind]: { ...state, dueAtMs: nowMs + (probe.periodSeconds ?? 10) * 1000 } }
}

export function probed(probes: Probes, kind: ProbeKind, probe: Probe, success: boolean): Probes {
  const state = probes[kind]
  if (state === undefined) return probes
  const inARow = state.inARow > 0 && state.lastOk === success ? state.inARow + 1 : 1
  const threshold = success ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3)
  // Before it has a verdict, readiness and startup count as failed already, liveness as fine.
  const verdict = inARow < threshold ? state.verdict : success ? 'success' : 'failure'
  return { ...probes, [kind]: { ...state, verdict, inARow, lastOk: success } }
}
