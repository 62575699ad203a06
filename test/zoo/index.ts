// zoo: every animal. A new group is one file and one line here.

import type { Animal } from './animal.js'
import { actorAnimals } from './animals/actor.js'
import { apiAnimals } from './animals/api.js'
import { authAnimals } from './animals/auth.js'
import { controllerAnimals } from './animals/controllers.js'
import { diskAnimals } from './animals/disk.js'
import { leaseAnimals } from './animals/lease.js'
import { logAnimals } from './animals/log.js'
import { membershipAnimals } from './animals/membership.js'
import { mvccAnimals } from './animals/mvcc.js'
import { raftAnimals } from './animals/raft.js'
import { storeAnimals } from './animals/store.js'
import { watchAnimals } from './animals/watch.js'

export const zoo: readonly Animal[] = [
  ...raftAnimals,
  ...storeAnimals,
  ...membershipAnimals,
  ...logAnimals,
  ...diskAnimals,
  ...mvccAnimals,
  ...watchAnimals,
  ...leaseAnimals,
  ...authAnimals,
  ...apiAnimals,
  ...controllerAnimals,
  ...actorAnimals
]
