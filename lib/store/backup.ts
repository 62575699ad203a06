// Backup: a store's state out of the disk of a member that does not run, and the disk of a member that begins with a state.
//
// Guarantee: what is written for a restored member makes its first life one of a new cluster, in term 1, whose revisions go on
// where the state's end. Nothing is read of who the members were.
// Not guaranteed: that what one stopped member has is all that was acknowledged: its log may be behind. Who asks compares
// the logs of a majority, and takes the one that could have led (Raft §5.4.1).

import { Mvcc } from '../mvcc/index.js'
import { Recovery, type WalSave, type WalSegment, WalWriter } from '../wal/index.js'
import { isSnapshotFault, type SnapshotContent, SnapshotReader, snapshotFile } from './snapshot-file.js'
import { snapshotFileName } from './snapshotting.js'

export interface StoppedDisk {
  readonly segments: Iterable<WalSegment>
  /** In parts; undefined if there is no such file. */
  readonly readFile: (name: string) => Iterable<Uint8Array> | undefined
}

/** A text says why the disk cannot be used. All entries of the log are in the state, as if this member had led. */
export function stateOfStopped(clusterId: string, memberId: string, { segments, readFile }: StoppedDisk): SnapshotContent | string {
  const recovery = new Recovery({ clusterId, memberId })
  for (const segment of segments) recovery.add(segment)
  const log = recovery.finish()
  if (log.verdict === 'foreign' || log.verdict === 'damaged') return `segment ${log.sequence}: ${log.reason}`
  const { snapshot, entries } = log
  let content: SnapshotContent = {
    header: { clusterId, index: 0, term: 0, membership: { voters: [], learners: [], removed: [] } },
    mvcc: new Mvcc()
  }
  if (snapshot !== undefined) {
    const parts = readFile(snapshot.fileName)
    if (parts === undefined) return `${snapshot.fileName} is missing`
    const read = readParts(parts)
    if (isSnapshotFault(read)) return `${snapshot.fileName}: ${read.reason}`
    content = read
  }
  for (const { kind, data } of entries) if (kind === 'normal' && data.length > 0) content.mvcc.applyEntry(data)
  const last = entries.at(-1) ?? content.header
  return { header: { ...content.header, index: last.index, term: last.term }, mvcc: content.mvcc }
}

export function readParts(parts: Iterable<Uint8Array>): ReturnType<SnapshotReader['finish']> {
  const reader = new SnapshotReader()
  for (const part of parts) {
    const fault = reader.add(part)
    if (fault !== undefined) return fault
  }
  return reader.finish()
}

export interface RestoredMember {
  readonly fileName: string
  readonly pieces: Iterable<Uint8Array>
  readonly log: WalSave
}

/** The state is the first entry of the log, as every member of the new cluster agrees without being asked. */
const first = { index: 1, term: 1 } as const

export function restoredMember(clusterId: string, members: readonly string[], memberId: string, mvcc: Mvcc): RestoredMember {
  const fileName = snapshotFileName(first.index)
  const header = { clusterId, ...first, membership: { voters: members, learners: [], removed: [] } }
  const log = new WalWriter({ clusterId, memberId }).encode({
    snapshot: { ...first, fileName },
    hardState: { term: first.term, vote: null, commit: first.index }
  })
  return { fileName, pieces: snapshotFile(header, mvcc), log }
}
