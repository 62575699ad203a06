// kabuki status: what runs, where, and who leads.

import { type ClusterStatus, renderStatus } from '../../lib/cli/index.js'
import { type CommandOptions, call, print } from './call.js'

export async function status(options: CommandOptions): Promise<void> {
  const answer = await call<ClusterStatus>(options, 'status', {})
  print(options, answer, renderStatus(answer))
}
