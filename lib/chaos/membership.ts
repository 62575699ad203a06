// membership: clients write and read as in kv, while members are added as learners, promoted and removed, several are replaced at once,
// and leadership is moved.

import { between, pick, sometimes } from './draw.js'
import { storeWorkload } from './store-workload.js'

export const membership = storeWorkload({
  name: 'membership',
  what: 'puts and ranges on a store whose members come and go: learners, promotion, removal, several replaced at once, leadership that is moved',
  demand: random => ({
    clients: between(random, 2, 6),
    readers: between(random, 0, 3),
    watchers: between(random, 0, 2),
    keys: pick(random, [2, 4, 8, 16]),
    valueBytesMax: pick(random, [8, 64, 1024]),
    mix: {
      put: between(random, 1, 6),
      compareAndSwap: between(random, 0, 2),
      txn: 0,
      multi: 0,
      delete: sometimes(random, 0.5, 1),
      range: between(random, 1, 6),
      oldRange: 0,
      serializable: sometimes(random, 0.4, 1),
      revision: sometimes(random, 0.4, 1),
      compact: sometimes(random, 0.3, 0.2),
      nested: 0,
      sortedRange: 0,
      alarm: 0
    },
    watcherMix: { narrow: 0.5, slow: 0.5, roaming: 1, fromStart: 0.5 },
    perSecond: pick(random, [100, 200]),
    movesEveryMs: pick(random, [100, 300, 800]),
    leaseReads: random() < 0.3,
    replaceShare: pick(random, [0, 0, 0.2, 0.7]) // Last, so that a seed that draws none is what it was before there were any.
  }),
  wanted: [
    'election',
    'follower snapshot',
    'torn tail',
    'indefinite write',
    'member added',
    'member promoted',
    'member removed',
    'members replaced',
    'leadership moved',
    'rejoin'
  ]
})
