// Quorum: arithmetic of majorities. Only voters count, whoever else has said or done something. While members are joint (Raft §6) there
// are two lists of voters, `outgoing` the one before: whatever is decided is decided by a majority of each, not by one of all of them.

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

export function verdict(votes: ReadonlyMap<string, boolean>, voters: readonly string[], outgoing?: readonly string[]): Verdict {
  const coming = verdictOf(votes, voters)
  if (outgoing === undefined) return coming
  const before = verdictOf(votes, outgoing)
  if (coming === before) return coming
  return coming === 'lost' || before === 'lost' ? 'lost' : 'open'
}

function verdictOf(votes: ReadonlyMap<string, boolean>, voters: readonly string[]): Verdict {
  let granted = 0
  let refused = 0
  for (const voter of voters) {
    const vote = votes.get(voter)
    if (vote === true) granted++
    if (vote === false) refused++
  }
  if (granted >= majority(voters.length)) return 'won'
  return refused > voters.length - majority(voters.length) ? 'lost' : 'open'
}
