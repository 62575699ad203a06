// The keeper as a roster of worker threads.

import type { AnyActor } from '../../lib/actor/index.js'
import { keeper } from './keeper.js'

export const load = async (): Promise<AnyActor> => keeper as unknown as AnyActor
