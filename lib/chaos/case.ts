// Case: one run as the command that gives it again.

import type { RunOptions } from './run.js'
import type { WorkloadName } from './workloads.js'

export interface Case {
  readonly workload: WorkloadName
  readonly seed: number
  readonly options: RunOptions
}

/** One line. What is not said is the seed's, or the workload's. */
export function commandOf({ workload, seed, options }: Case): string {
  const { forMs, faults, strikes, clients, watchers, operations } = options
  const list = (of: readonly unknown[]): string => (of.length === 0 ? 'none' : of.join(','))
  return [
    `kabuki sim --workload ${workload} --seed ${seed}`,
    ...(forMs === undefined ? [] : [`--for ${forMs % 1000 === 0 ? `${forMs / 1000}s` : `${forMs}ms`}`]),
    ...(faults === undefined ? [] : [`--faults ${list(faults)}`]),
    ...(strikes === undefined ? [] : [`--strikes ${list(strikes)}`]),
    ...(clients === undefined ? [] : [`--clients ${clients}`]),
    ...(watchers === undefined ? [] : [`--watchers ${watchers}`]),
    ...(operations === undefined ? [] : [`--operations ${operations}`])
  ].join(' ')
}
