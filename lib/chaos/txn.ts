// txn: transactions of several keys and compare-and-swap, by many clients on few keys, so that they meet.

import { between, pick, sometimes } from './draw.js'
import { storeWorkload } from './store-workload.js'

export const txn = storeWorkload({
  name: 'txn',
  what: 'transactions of several keys, nested ones too, and compare-and-swap on a store, many clients on few keys',
  demand: random => ({
    clients: between(random, 4, 12),
    readers: between(random, 0, 2),
    watchers: between(random, 0, 2),
    keys: pick(random, [1, 2, 3, 5, 8]),
    valueBytesMax: pick(random, [8, 64, 1024]),
    mix: {
      put: between(random, 0, 2),
      compareAndSwap: between(random, 2, 8),
      txn: between(random, 0, 4),
      multi: between(random, 2, 8),
      delete: sometimes(random, 0.5, 1),
      range: between(random, 0, 2),
      oldRange: sometimes(random, 0.3, 1),
      serializable: sometimes(random, 0.3, 1),
      revision: sometimes(random, 0.3, 1),
      compact: sometimes(random, 0.3, 0.2),
      nested: sometimes(random, 0.6, 2),
      sortedRange: sometimes(random, 0.3, 1),
      alarm: 0
    },
    watcherMix: { narrow: 0.5, slow: 0.2, roaming: 1, fromStart: 0.5 },
    perSecond: pick(random, [100, 200])
  }),
  wanted: [
    'election',
    'follower snapshot',
    'torn tail',
    'indefinite write',
    'doubt resolved',
    'compare held',
    'compare failed',
    'several keys written',
    'nested transaction',
    'sorted range',
    'rejoin'
  ]
})
