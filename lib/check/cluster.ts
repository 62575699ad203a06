// Cluster: what must hold between members, whatever clients saw.

import { guarantees, type Violation, violation } from './guarantee.js'

export interface LeaderFact {
  readonly term: number
  readonly member: string
  readonly atUs: number
}

/** Of a member that has caught up. */
export interface MemberState {
  readonly member: string
  readonly hash: number
  readonly revision: number
  readonly compactRevision: number
}

export interface ClusterFacts {
  readonly leaders: readonly LeaderFact[]
  readonly states: readonly MemberState[]
}

export function checkCluster({ leaders, states }: ClusterFacts): Violation[] {
  const wrong: Violation[] = []
  const ofTerm = new Map<number, LeaderFact>()
  for (const fact of leaders) {
    const other = ofTerm.get(fact.term)
    if (other === undefined) ofTerm.set(fact.term, fact)
    else
      wrong.push(
        violation(guarantees.oneLeader, `term ${fact.term}: ${other.member} at ${other.atUs} us, ${fact.member} at ${fact.atUs} us`)
      )
  }
  const first = states[0]
  if (first === undefined) return wrong
  for (const state of states.slice(1)) {
    const equal = state.hash === first.hash && state.revision === first.revision && state.compactRevision === first.compactRevision
    if (!equal) wrong.push(violation(guarantees.equalStates, `${JSON.stringify(first)}\n${JSON.stringify(state)}`))
  }
  return wrong
}
