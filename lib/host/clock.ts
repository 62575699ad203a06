// Clock: the cluster's wall clock, one for all threads, in shared memory. It can be scaled and advanced.
//
// A seqlock: one writer (the main thread), any number of readers, about 50 ns a reading. Cluster time never runs
// backwards. Real time is each thread's own `performance.now()`; only durations of it cross threads.

const sequenceAt = 0
const realBaseAt = 1
const clusterBaseAt = 2
const scaleAt = 3
export const clockBytes = 32
export const scaleMax = 60

/** Milliseconds of the machine's monotonic clock, the same in every thread. */
function machineMs(): number {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1e3 + nanos / 1e6
}

/** What to add to this thread's performance.now() to get the machine's monotonic milliseconds. */
function calibrate(): number {
  let best = Number.POSITIVE_INFINITY
  let offsetMs = 0
  for (let i = 0; i < 50; i++) {
    const before = machineMs()
    const here = performance.now()
    const after = machineMs()
    if (after - before >= best) continue
    best = after - before
    offsetMs = (before + after) / 2 - here
  }
  return offsetMs
}

export class ClusterClock {
  readonly #ints: Int32Array
  readonly #floats: Float64Array
  readonly #offsetMs = calibrate()
  #sequence = -1
  #originMs = 0 // Cluster time at this thread's performance.now() = 0.
  #scale = 1
  #lastMs = 0

  constructor(shared: SharedArrayBuffer) {
    this.#ints = new Int32Array(shared, 0, 2)
    this.#floats = new Float64Array(shared)
  }

  nowMs(): number {
    const sequence = Atomics.load(this.#ints, sequenceAt)
    if (sequence !== this.#sequence) this.#read()
    const nowMs = this.#originMs + performance.now() * this.#scale
    // Threads calibrate within some microseconds of each other: a change of the clock must not show as a step back.
    if (nowMs > this.#lastMs) this.#lastMs = nowMs
    return this.#lastMs
  }

  /** How long, in real milliseconds, until cluster time reaches `atMs`. */
  realDelayMs(atMs: number): number {
    const now = this.nowMs()
    return Math.max(0, (atMs - now) / this.#scale)
  }

  get scale(): number {
    this.nowMs()
    return this.#scale
  }

  #read(): void {
    for (;;) {
      const sequence = Atomics.load(this.#ints, sequenceAt)
      if (sequence & 1) continue
      const realBaseMs = this.#floats[realBaseAt] as number
      const clusterBaseMs = this.#floats[clusterBaseAt] as number
      const scale = this.#floats[scaleAt] as number
      if (Atomics.load(this.#ints, sequenceAt) !== sequence) continue
      this.#sequence = sequence
      this.#scale = scale
      this.#originMs = clusterBaseMs + (this.#offsetMs - realBaseMs) * scale
      return
    }
  }

  /** Main thread only: time goes on from `clusterMs`, or from now if that is later, at `scale` cluster milliseconds a real one. */
  set(clusterMs: number, scale: number): void {
    if (!(scale > 0 && scale <= scaleMax))
      throw new RangeError(`a clock can be scaled by more than 0 and at most ${scaleMax}, not by ${scale}`)
    const nowMs = this.nowMs()
    this.#write(Math.max(clusterMs, nowMs), scale)
  }

  #write(clusterMs: number, scale: number): void {
    Atomics.add(this.#ints, sequenceAt, 1)
    this.#floats[realBaseAt] = machineMs()
    this.#floats[clusterBaseAt] = clusterMs
    this.#floats[scaleAt] = scale
    Atomics.add(this.#ints, sequenceAt, 1)
  }
}
