// kabuki store members, add, promote, remove, move-leader: who the members of a running cluster's store are.

import { table } from '../../lib/cli/index.js'
import type { StoreMembers } from '../../lib/store/index.js'
import type { MembersParams } from '../store-members.js'
import { type CommandOptions, call, print } from './call.js'

export async function storeMembers(params: MembersParams, options: CommandOptions): Promise<void> {
  const { members } = await call<StoreMembers>(options, 'members', params)
  const rows = members.map(({ address, isLearner, isStarted }) => [address, isLearner ? 'learner' : 'voter', isStarted ? 'yes' : 'no'])
  print(options, { members }, table(['MEMBER', 'ROLE', 'STARTED'], rows))
}
