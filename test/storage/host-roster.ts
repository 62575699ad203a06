// What the conformance suite starts on worker threads.

import { load as loadActor } from '../../actors/roster.js'
import type { AnyActor } from '../../lib/actor/index.js'
import { probe } from './probe.js'

export const load = async (name: string): Promise<AnyActor> => (name === 'probe' ? (probe as unknown as AnyActor) : loadActor(name))
