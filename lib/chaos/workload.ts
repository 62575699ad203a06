// Workload: what to run in the simulator, what may break, and what runs should exercise: a value, one line in `workloads`.

export interface Workload {
  readonly name: string
  /** One line, for a list. */
  readonly what: string
  /** Who plays: the store alone, or the whole cast. */
  readonly cast: 'store' | 'cluster'
  /** How long anything may fail, if nothing else is said; and the least of it that makes sense. */
  readonly forMs: number
  readonly forMsMin: number
  /** Kinds of fault that may be drawn. */
  readonly faults: readonly string[]
  /** What runs may exercise; a workload that never does proves little. */
  readonly events: readonly string[]
  /** Of these each must occur in a share of seeds; of faults all must. */
  readonly wanted: readonly string[]
}
