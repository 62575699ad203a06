// Cluster user: a user of the API as an actor of the simulation: asks for what its script says, one request at a time.

import { type Flow, sleep } from '../actor/index.js'
import type { ApiClient } from '../client/index.js'
import type { Random } from '../std/index.js'
import type { ClusterRunPlan } from './cluster-plan.js'
import type { Running } from './store-client.js'
import type { UserScript } from './user-script.js'

const pauseMs = 50 // After a failure.

export function* clusterUser(
  script: UserScript,
  client: ApiClient,
  { thinkMs, timeoutMs }: ClusterRunPlan,
  random: Random,
  running: Running
): Flow<void> {
  while (!running.stopping) {
    yield* sleep('real', -Math.log(1 - random()) * thinkMs)
    if (--running.operationsLeft < 0) return
    const call = script.next()
    const { method, path, body, contentType } = call
    const result = yield* client.call(method, path, body, { timeoutMs, ...(contentType === undefined ? {} : { contentType }) })
    if (!script.answered(call, result)) yield* sleep('real', pauseMs)
  }
}
