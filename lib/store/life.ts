// Life: what each life of a member begins with, whether from its log or from the others.

import type { Context } from '../actor/index.js'
import { foundedBy, type RaftConfig } from '../raft/index.js'
import type { WalIdentity, WalWriterOptions } from '../wal/index.js'
import type { StoreMemberProtocol } from './protocol.js'

export interface RecoveryArgs {
  readonly clusterId: string
  /** Of the store as it was founded: the same for each member, ever. Who is a member now is in the state. */
  readonly members: readonly string[]
  readonly raft: Omit<RaftConfig, 'random' | 'membership'>
  readonly segmentBytesMax?: number
  /** What is set aside on the disk for the log to grow. */
  readonly roomBytes?: number
}

export const diskTimeoutMs = 60_000

export const optionsOf = ({ segmentBytesMax }: RecoveryArgs, identity: WalIdentity): WalWriterOptions =>
  segmentBytesMax === undefined ? identity : { ...identity, segmentBytesMax }

export const raftConfigOf = (ctx: Context<StoreMemberProtocol, any>, { raft, members }: RecoveryArgs): RaftConfig => ({
  ...raft,
  membership: foundedBy(members),
  random: ctx.random
})

/** No other life of any member proposes under this name. */
export const lifeOf = (ctx: Context<StoreMemberProtocol, any>): string =>
  `${ctx.self} ${Math.floor(ctx.random() * 2 ** 32).toString(36)}${ctx.life.toString(36)}`
