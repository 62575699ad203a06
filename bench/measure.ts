// Measure: what a scenario measures, round by round, each figure beside its peer, so that both see the same machine.

/** One thing to time. Returns the figure of one round: a rate, or a duration. */
export interface Probe {
  readonly name: string
  readonly unit: 'per s' | 'µs' | 'ms'
  readonly run: () => Promise<number>
}

/** A probe and the bare one it is compared with, in the same round. */
export interface Comparison {
  readonly ours: Probe
  readonly peer?: Probe
  /** What it is to reach: `least` of the figure, `leastRatio` of ours to the peer's, `overPeer` more than the peer's at most. */
  readonly target?: { readonly least?: number; readonly leastRatio?: number; readonly overPeer?: number }
}

export interface Result {
  readonly name: string
  readonly unit: string
  readonly ours: number
  readonly peer: number | undefined
  readonly ratio: number | undefined
  readonly target: string
  readonly reached: boolean | undefined
}

export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((x, y) => x - y)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Runs all comparisons, `rounds` times over, after one round that does not count. Ratios are medians of rounds. */
export async function measure(comparisons: readonly Comparison[], rounds: number): Promise<Result[]> {
  const ours = comparisons.map((): number[] => [])
  const peers = comparisons.map((): number[] => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [i, comparison] of comparisons.entries()) {
      const peer = await comparison.peer?.run()
      const figure = await comparison.ours.run()
      if (round === 0) continue
      ours[i]?.push(figure)
      if (peer !== undefined) peers[i]?.push(peer)
    }
  }
  return comparisons.map((comparison, i) => result(comparison, ours[i] ?? [], peers[i] ?? []))
}

function result({ ours: { name, unit }, target }: Comparison, ours: readonly number[], peers: readonly number[]): Result {
  const figure = median(ours)
  const peer = peers.length === 0 ? undefined : median(peers)
  const ratio = peers.length === 0 ? undefined : median(ours.map((own, i) => own / (peers[i] as number)))
  const over = median(ours.map((own, i) => own - (peers[i] ?? Number.NaN)))
  const parts = [
    target?.least === undefined ? undefined : { text: `>= ${target.least}`, reached: figure >= target.least },
    target?.leastRatio === undefined ? undefined : { text: `>= ${target.leastRatio}x`, reached: (ratio ?? 0) >= target.leastRatio },
    target?.overPeer === undefined ? undefined : { text: `<= peer + ${target.overPeer}`, reached: over <= target.overPeer }
  ].filter(part => part !== undefined)
  const reached = parts.length === 0 ? undefined : parts.every(part => part.reached)
  return { name, unit, ours: figure, peer, ratio, target: parts.map(part => part.text).join(', '), reached }
}
