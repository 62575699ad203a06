// Clocks of a simulated machine. Virtual time is the truth that no actor sees; a machine's real clock starts
// anywhere and drifts, and the cluster clock is what the machines believe the time of day to be.
//
// Guarantee: neither clock of a machine runs backwards, whatever is done to it.

/** Monotonic: an origin of its own and a rate; a jump only leads forward. */
export class RealClock {
  #originMs: number
  #originUs = 0
  #rate = 1

  constructor(originMs: number, rate: number) {
    this.#originMs = originMs
    this.#rate = rate
  }

  get rate(): number {
    return this.#rate
  }

  at(us: number): number {
    return this.#originMs + ((us - this.#originUs) * this.#rate) / 1000
  }

  /** The first microsecond at which this clock shows `ms` or more. */
  when(ms: number): number {
    if (ms === Number.POSITIVE_INFINITY) return ms
    let us = Math.ceil(this.#originUs + ((ms - this.#originMs) * 1000) / this.#rate)
    while (this.at(us) < ms) us++ // Division rounds either way.
    return us
  }

  run(rate: number, nowUs: number): void {
    this.#originMs = this.at(nowUs)
    this.#originUs = nowUs
    this.#rate = rate
  }

  jump(byMs: number): void {
    this.#originMs += Math.max(0, byMs)
  }
}

/** The cluster's wall clock: can be scaled and advanced. Machines may be off by a skew. */
export class ClusterClock {
  #originMs: number
  #originUs = 0
  #scale = 1

  constructor(originMs: number) {
    this.#originMs = originMs
  }

  at(us: number): number {
    return this.#originMs + ((us - this.#originUs) * this.#scale) / 1000
  }

  when(ms: number): number {
    if (ms === Number.POSITIVE_INFINITY) return ms
    let us = Math.ceil(this.#originUs + ((ms - this.#originMs) * 1000) / this.#scale)
    while (this.at(us) < ms) us++
    return us
  }

  scale(factor: number, nowUs: number): void {
    this.#originMs = this.at(nowUs)
    this.#originUs = nowUs
    this.#scale = factor
  }

  advance(byMs: number): void {
    this.#originMs += Math.max(0, byMs)
  }
}

/** A machine's view of the cluster clock. Set back, it stands still until time has caught up. */
export class WallClock {
  readonly #cluster: ClusterClock
  #skewMs = 0
  #shownMs = 0

  constructor(cluster: ClusterClock) {
    this.#cluster = cluster
  }

  at(us: number): number {
    const ms = this.#cluster.at(us) + this.#skewMs
    if (ms > this.#shownMs) this.#shownMs = ms
    return this.#shownMs
  }

  when(ms: number, nowUs: number): number {
    if (ms <= this.at(nowUs)) return nowUs
    const us = this.#cluster.when(ms - this.#skewMs)
    return this.at(nowUs) < ms && us <= nowUs ? nowUs + 1 : us // Subtracting the skew rounds.
  }

  skew(ms: number): void {
    this.#skewMs = ms
  }
}
