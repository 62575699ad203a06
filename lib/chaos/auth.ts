// auth: users and roles of a store: rights given and taken away while those who have them read and write, passwords changed, users deleted and
// added again, auth turned off and on; members that come back from snapshots in which all of it is.

import { between, pick, sometimes } from './draw.js'
import { onlyAside } from './side-run.js'
import { storeWorkload } from './store-workload.js'

export const auth = storeWorkload({
  name: 'auth',
  what: 'users and roles of a store: rights given and taken while they are used, passwords, tokens, certificates; auth off and on',
  demand: random => ({
    ...onlyAside,
    auth: {
      administrators: between(random, 1, 3),
      users: between(random, 1, 4),
      clients: between(random, 3, 8),
      roles: between(random, 1, 4),
      thinkMs: pick(random, [30, 60, 120]),
      administratorThinkMs: pick(random, [60, 150, 300]),
      certificates: pick(random, [0, 0.2, 0.5]),
      nobodies: pick(random, [0, 0.15]),
      mix: {
        role: between(random, 2, 8),
        permission: between(random, 2, 8),
        password: between(random, 0, 3),
        user: between(random, 0, 2),
        roles: between(random, 0, 2),
        switch: sometimes(random, 0.4, 1),
        query: between(random, 1, 5)
      }
    },
    logLimits: { snapshotEntriesMax: pick(random, [5, 20, 80]), tailEntriesMax: pick(random, [0, 0, 5, 20]) }
  }),
  wanted: [
    'election',
    'follower snapshot',
    'rejoin',
    'indefinite write',
    'auth changed',
    'auth change in doubt resolved',
    'auth turned off',
    'denied write',
    'denied read',
    'denied administration',
    'rights taken while used',
    'password changed',
    'token forgotten',
    'wrong password',
    'nobody refused'
  ]
})
