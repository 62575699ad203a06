// API: the whole verdict on a history of the Kubernetes API.

import { type ApiViolation, ApiViolations } from './api-guarantee.js'
import type { ApiHistory } from './api-history.js'
import { checkLists } from './api-lists.js'
import { checkObjects } from './api-objects.js'
import { checkReads } from './api-reads.js'
import { Reference } from './api-reference.js'
import { checkApiWatches } from './api-watches.js'
import { checkApiWrites } from './api-writes.js'

/** `isQuiet`: the history ends with a time in which nothing failed, and watches that are open could catch up. */
export function checkApi(history: ApiHistory, isQuiet: boolean): readonly ApiViolation[] {
  const wrong = new ApiViolations()
  const reference = new Reference(history, wrong)
  checkObjects(reference, wrong)
  checkApiWrites(history, reference, wrong)
  checkReads(history, reference, wrong)
  checkLists(history, reference, wrong)
  checkApiWatches(history, reference, isQuiet, wrong)
  return wrong.list
}
