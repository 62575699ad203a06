// kubernetes: a whole cluster, its users and watchers, and what befalls it on the journey.

import type { ClusterCast } from './cluster-cast.js'
import { clusterEvents, clusterEventsWanted } from './cluster-events.js'
import { clusterFaults, clusterForMs, clusterPlan } from './cluster-plan.js'
import { ClusterRun } from './cluster-run.js'
import type { Run, RunListener, RunOptions } from './run.js'
import type { Workload } from './workload.js'

export interface ClusterWorkload extends Workload {
  readonly cast: 'cluster'
  /** A run as the seed says. The same seed gives the same run, while nothing in it is changed. */
  run(seed: number, cast: ClusterCast, options?: RunOptions, logged?: RunListener): Run
}

export const kubernetes: ClusterWorkload = {
  name: 'kubernetes',
  what: 'a whole cluster: users, deployments, services and watches, with the faults of a journey',
  cast: 'cluster',
  forMs: clusterForMs,
  forMsMin: 15_000,
  faults: clusterFaults,
  events: clusterEvents,
  wanted: clusterEventsWanted,
  run: (seed, cast, options = {}, logged) => new ClusterRun(clusterPlan(seed, options), cast, logged).run()
}
