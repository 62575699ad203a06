// Patience: how a thread with nothing to do waits for the next message of another thread: asleep, or awake for a moment first.
//
// Who sleeps is woken by the kernel: of a processor that has halted, on a virtual machine, some 20 µs of whoever sends and as much
// again until the other runs. Where the next message comes sooner, as in a round between the members of a store, waiting awake takes
// half of the time and less of the processor. Only a wait that was short is followed by one awake: who has little to do sleeps.

/** Longer than that nobody waits awake. */
export const awakeMs = 0.05
/** A wait that was as short as this, with the waking in it, might have been awake. */
const shortMs = 2 * awakeMs

export class Patience {
  readonly #nowMs: () => number
  #sinceMs = Number.NEGATIVE_INFINITY // When there was nothing to do any more.
  #wasShort = false

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** A message came. */
  came(): void {
    this.#wasShort = this.#nowMs() - this.#sinceMs <= shortMs
  }

  /** There is nothing to do: returns as soon as `isWaiting` says that a message is there, or when it is time to sleep. */
  rest(isWaiting: () => boolean): void {
    let nowMs = this.#nowMs()
    this.#sinceMs = nowMs
    if (!this.#wasShort) return
    const untilMs = nowMs + awakeMs
    while (nowMs < untilMs && !isWaiting()) nowMs = this.#nowMs()
  }
}
