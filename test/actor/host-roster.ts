// The cast as a roster of worker threads: what the tests of the real host start.

import type { AnyActor } from '../../lib/actor/index.js'
import type { RosterModule } from '../../lib/host/index.js'
import { cast, jarPort } from './cast.js'

export const load: RosterModule['load'] = async name => {
  const actor = cast[name]
  if (actor === undefined) throw new Error(`no actor is called ${name}`)
  return actor as unknown as AnyActor
}

export const ports: RosterModule['ports'] = { jar: async () => () => jarPort }
