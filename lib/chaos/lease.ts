// lease: leases of a store, granted, kept alive in time, late or never, with keys, revoked and looked at, by members whose clocks err too.

import { between, pick, sometimes } from './draw.js'
import { onlyAside } from './side-run.js'
import { storeWorkload } from './store-workload.js'

export const lease = storeWorkload({
  name: 'lease',
  what: 'leases of a store: granted, renewed or not, with keys, revoked; what members tell of them while leaders change and clocks err',
  demand: random => ({
    ...onlyAside,
    leases: {
      clients: between(random, 2, 8),
      ttlSecondsMax: pick(random, [1, 3, 6]),
      thinkMs: pick(random, [40, 150, 400]),
      revoke: sometimes(random, 0.6, 0.05),
      neglect: pick(random, [0.2, 0.5]),
      lastMoment: pick(random, [0.05, 0.2]),
      onlookers: between(random, 0, 2),
      meddle: pick(random, [0.1, 0.3]),
      checkpointEveryMs: pick(random, [300, 1000, 300_000])
    },
    logLimits: { snapshotEntriesMax: pick(random, [5, 20, 80]), tailEntriesMax: pick(random, [0, 0, 5, 20]) }
  }),
  wanted: [
    'election',
    'lease renewed',
    'lease expired',
    'lease revoked',
    'lease told gone',
    'lease checkpointed',
    'leases taken over',
    'lease renewed after failover',
    'follower snapshot'
  ]
})
