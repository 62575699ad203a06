// kabuki clock: moves or scales the cluster's time.

import type { ClockParams } from '../control.js'
import { type CommandOptions, call, print } from './call.js'

const msPerStep = 2_000 // A step of a second waits until what fell due in every thread has run.

export async function clock(params: ClockParams, options: CommandOptions): Promise<void> {
  const steps = Math.ceil((params.advanceMs ?? 0) / 1000)
  const answer = await call<{ clusterTime: string; timeScale: number }>(options, 'clock', params, 15_000 + steps * msPerStep)
  print(options, answer, `cluster time is ${answer.clusterTime}, at ${answer.timeScale} times real time`)
}
