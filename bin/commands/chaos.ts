// kabuki chaos: breaks a part of the running cluster.

import type { ChaosParams } from '../control.js'
import { type CommandOptions, call, print } from './call.js'

interface ChaosOptions extends CommandOptions {
  readonly for?: number
  readonly stayDown?: boolean
  readonly power?: boolean
  readonly by?: number
}

export async function chaos(action: ChaosParams['action'], targets: readonly string[], options: ChaosOptions): Promise<void> {
  const { for: forMs, stayDown, power, by: delayMs } = options
  const params: ChaosParams = {
    action,
    targets,
    ...(forMs === undefined ? {} : { forMs }),
    ...(stayDown === undefined ? {} : { stayDown }),
    ...(power === undefined ? {} : { power }),
    ...(delayMs === undefined ? {} : { delayMs })
  }
  const answer = await call<{ done: string }>(options, 'chaos', params)
  print(options, answer, answer.done)
}
