// Cluster events: what a run of a whole cluster may exercise.

/** What runs should exercise; a workload that never does proves little. */
export const clusterEvents = [
  'election', // Of the store, beyond the first.
  'follower snapshot',
  'torn tail',
  'indefinite write', // Of a user: nobody told whether it took effect.
  'watch resumed', // By a user, from the last revision it was told.
  'watch relisted', // Its revision was forgotten.
  'eviction', // A pod deleted because of its node's taints.
  'controller failover', // A controller-manager began to lead that did not lead before, or a controller was started again.
  'machine lost',
  'damaged log',
  'rejoin',
  'minority left behind',
  '1 store',
  '3 stores',
  '5 stores'
] as const
export type ClusterEventName = (typeof clusterEvents)[number]

/** Of these each must occur in a share of seeds. */
export const clusterEventsWanted: readonly ClusterEventName[] = [
  'election',
  'follower snapshot',
  'torn tail',
  'indefinite write',
  'watch resumed',
  'eviction',
  'controller failover',
  'rejoin',
  'minority left behind',
  '1 store',
  '3 stores',
  '5 stores'
]
