// Log part: some entries of a member's log, told by their hashes, so that logs can be compared without being sent.

import type { Raft } from '../raft/index.js'
import { crc32c } from '../std/index.js'
import type { StoreMemberProtocol } from './protocol.js'

type LogPart = ReturnType<StoreMemberProtocol['log']>

const partBytesMax = 1 << 20

export function logPart(raft: Raft, from: number): LogPart {
  const { term, commit, lastIndex } = raft.status()
  const entries = raft.entries(from, partBytesMax).map(({ index, term: of, kind, data }) => ({
    index,
    term: of,
    hash: crc32c(data, 0, data.length, kind.length)
  }))
  return { term, isLeader: raft.isLeader, commit, lastIndex, entries }
}
