// kv: single keys, as most clients of a store use it: puts, deletes, ranges of all kinds, compactions. A few watch.

import { between, pick, sometimes } from './draw.js'
import { storeWorkload } from './store-workload.js'

export const kv = storeWorkload({
  name: 'kv',
  what: 'puts, gets, deletes, ranges and compactions on a store, 200 a virtual second',
  demand: random => ({
    clients: between(random, 2, 8),
    readers: between(random, 0, 3),
    watchers: between(random, 0, 2),
    keys: pick(random, [2, 4, 8, 16, 32]),
    valueBytesMax: pick(random, [8, 64, 1024]),
    mix: {
      put: between(random, 1, 8),
      compareAndSwap: 0,
      txn: 0,
      multi: 0,
      delete: sometimes(random, 0.7, 2),
      range: between(random, 1, 6),
      oldRange: sometimes(random, 0.4, 1),
      serializable: sometimes(random, 0.4, 1),
      revision: sometimes(random, 0.4, 1),
      compact: sometimes(random, 0.5, 0.2),
      nested: 0,
      sortedRange: sometimes(random, 0.4, 1),
      alarm: sometimes(random, 0.2, 0.1)
    },
    watcherMix: { narrow: 0.5, slow: 0.5, roaming: 1, fromStart: 0.5 },
    perSecond: 200
  }),
  wanted: [
    'election',
    'follower snapshot',
    'torn tail',
    'indefinite write',
    'doubt resolved',
    'sorted range',
    'watch resumed',
    'rejoin',
    'compaction'
  ]
})
