// Life: what each life of a member begins with, whether from its log or from the others.

import type { Context } from '../actor/index.js'
import type { RaftConfig } from '../raft/index.js'
import type { WalIdentity, WalWriterOptions } from '../wal/index.js'
import type { StoreMemberProtocol } from './protocol.js'

export interface RecoveryArgs {
  readonly clusterId: string
  readonly members: readonly string[]
  readonly raft: Omit<RaftConfig, 'random'>
  readonly segmentBytesMax?: number
}

export const diskTimeoutMs = 60_000

export const optionsOf = ({ segmentBytesMax }: RecoveryArgs, identity: WalIdentity): WalWriterOptions =>
  segmentBytesMax === undefined ? identity : { ...identity, segmentBytesMax }

/** No other life of any member proposes under this name. */
export const lifeOf = (ctx: Context<StoreMemberProtocol, any>): string =>
  `${ctx.self} ${Math.floor(ctx.random() * 2 ** 32).toString(36)}${ctx.life.toString(36)}`
