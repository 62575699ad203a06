// watch: many watchers of every sort, narrow and whole, slow, roaming, resuming, behind compactions; few who write.

import { between, pick, sometimes } from './draw.js'
import { storeWorkload } from './store-workload.js'

export const watch = storeWorkload({
  name: 'watch',
  what: 'many watchers of a store: narrow, whole, slow, roaming, resuming, behind compactions; light writers',
  demand: random => ({
    clients: between(random, 1, 4),
    readers: 0,
    watchers: between(random, 6, 20),
    keys: pick(random, [2, 8, 32]),
    valueBytesMax: pick(random, [8, 64, 1024]),
    mix: {
      put: between(random, 4, 8),
      compareAndSwap: 0,
      txn: sometimes(random, 0.7, 3),
      multi: sometimes(random, 0.5, 2),
      delete: sometimes(random, 0.7, 3),
      range: sometimes(random, 0.5, 1),
      oldRange: 0,
      serializable: 0,
      revision: sometimes(random, 0.5, 1),
      compact: sometimes(random, 0.7, 0.5),
      nested: 0,
      sortedRange: 0,
      alarm: 0
    },
    watcherMix: {
      narrow: pick(random, [0.2, 0.5, 0.8]),
      slow: pick(random, [0, 0.3, 0.7]),
      roaming: pick(random, [0.2, 0.5, 1]),
      fromStart: pick(random, [0.2, 0.5, 0.8])
    },
    perSecond: pick(random, [20, 60])
  }),
  wanted: [
    'election',
    'follower snapshot',
    'torn tail',
    'watch resumed',
    'watch compacted',
    'watch roamed',
    'watch slow',
    'watch failed',
    'compaction',
    'rejoin'
  ]
})
