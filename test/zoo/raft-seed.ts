// Raft seed: one storm over bare Rafts. What is broken is the sentence of the assertion that failed.

import { type StormPlan, storm, stuck } from '../raft/storm.js'
import type { Finding } from './habitats.js'

export function runSeed(seed: number, plan?: StormPlan): Finding {
  try {
    const problem = stuck(storm(seed, plan))
    return { violations: problem === undefined ? [] : [{ guarantee: 'a healed cluster converges', excerpt: problem }] }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return { violations: [{ guarantee: error.message.split(': {')[0] as string, excerpt: error.stack ?? error.message }] }
  }
}
