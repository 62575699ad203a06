// kabuki down: stops the running cluster, and waits until it has ended.

import { setTimeout as sleep } from 'node:timers/promises'
import { callControl, controlSocketPath, NotRunning } from '../../lib/host/index.js'
import { type CommandOptions, call, print } from './call.js'

const endTimeoutMs = 30_000
const lookEveryMs = 20

export async function down(options: CommandOptions): Promise<void> {
  const { pid } = await call<{ pid: number }>(options, 'down', {})
  const untilMs = performance.now() + endTimeoutMs
  while (await answers(options)) {
    if (performance.now() > untilMs) throw new Error(`the cluster (pid ${pid}) did not stop in ${endTimeoutMs / 1000} s`)
    await sleep(lookEveryMs)
  }
  print(options, { stopped: true, pid }, 'stopped')
}

const answers = ({ dataDir }: CommandOptions): Promise<boolean> =>
  callControl(controlSocketPath(dataDir), { method: 'ping', params: {} }, 1_000).then(
    () => true,
    error => !(error instanceof NotRunning)
  )
