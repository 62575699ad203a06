// Quorum: arithmetic of majorities.

export const majority = (members: number): number => Math.floor(members / 2) + 1

/** The greatest value that a majority has reached. Reorders `values`, which are few. */
export function reachedByMajority(values: number[]): number {
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number
    let at = i - 1
    for (; at >= 0 && (values[at] as number) < value; at--) values[at + 1] = values[at] as number
    values[at + 1] = value
  }
  return values[majority(values.length) - 1] ?? 0
}

export type Verdict = 'won' | 'lost' | 'open'

export function verdict(votes: ReadonlyMap<string, boolean>, members: number): Verdict {
  let granted = 0
  for (const vote of votes.values()) if (vote) granted++
  if (granted >= majority(members)) return 'won'
  const refused = votes.size - granted
  return refused > members - majority(members) ? 'lost' : 'open'
}
