// kabuki store: the state of a cluster as a file, and a new cluster with the state of a file.
//
// Guarantee: a saved file was read back and every checksum in it was right before it has its name; it holds every write that was
// answered before the command began. A restore touches no directory that has a cluster, and a directory that it did not
// finish is never taken for one.

import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { nanoid } from 'nanoid'
import {
  callControl,
  claimDataDir,
  controlSocketPath,
  Journal,
  NotRunning,
  readFacts,
  syncedBytes,
  writeFacts
} from '../../lib/host/index.js'
import { isSnapshotFault, readParts, restoredMember, type SnapshotContent, SnapshotReader, stateOfStopped } from '../../lib/store/index.js'
import type { FreshSnapshot, SnapshotPartReply } from '../store-control.js'
import { type CommandOptions, call, print } from './call.js'
import { addressesOf, keysOf } from './store-state.js'

export interface RestoreOptions extends CommandOptions {
  readonly stores: number
}

const partBytes = 1 << 20
const freshTimeoutMs = 70_000
const pingTimeoutMs = 2_000
const sha256Bytes = 32
const paddedTo = 512
const progressEveryBytes = 16 << 20

export async function saveStore(file: string, options: CommandOptions): Promise<void> {
  const temporary = `${file}.part`
  const descriptor = fs.openSync(temporary, 'w', 0o600)
  let content: SnapshotContent
  try {
    content = (await isRunning(options)) ? await saveRunning(descriptor, options) : saveStopped(descriptor, options)
    fs.fsyncSync(descriptor)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw error
  } finally {
    fs.closeSync(descriptor)
  }
  fs.renameSync(temporary, file)
  const saved = { file: path.resolve(file), bytes: fs.statSync(file).size, ...factsOf(content) }
  print(options, saved, `saved revision ${saved.revision} of cluster ${saved.clusterId}: ${saved.keys} keys, ${saved.bytes} bytes, ${file}`)
}

export async function restoreStore(file: string, options: RestoreOptions): Promise<void> {
  const { dataDir, stores } = options
  const taken = ['cluster.json', 'disks'].find(name => fs.existsSync(path.join(dataDir, name)))
  if (taken !== undefined) throw new Error(`${dataDir} has a cluster already (${taken}): name a directory that does not exist, or is empty`)
  const content = readParts(partsOf(file))
  if (isSnapshotFault(content)) throw new Error(`${file} cannot be restored: ${content.reason}`)
  progress(options, `read revision ${content.mvcc.revision}, ${keysOf(content.mvcc)} keys`)
  await claimDataDir(dataDir)
  const clusterId = nanoid(12)
  const members = Array.from({ length: stores }, (_, at) => `control-${at}/store`)
  for (const member of members) {
    writeMember(path.join(dataDir, 'disks', member), restoredMember(clusterId, members, member, content.mvcc))
    progress(options, `wrote ${member}`)
  }
  const addresses = addressesOf(content.mvcc)
  if (addresses !== undefined) fs.writeFileSync(path.join(dataDir, 'addresses.json'), `${JSON.stringify(addresses)}\n`, { mode: 0o600 })
  writeFacts(dataDir, { id: clusterId, clockOffsetMs: 0, clusterMs: 0 }) // Last: without it there is no cluster here.
  const from = factsOf(content)
  const restored = { dataDir: path.resolve(dataDir), clusterId, stores, revision: from.revision, keys: from.keys, from: from.clusterId }
  const start = `kabuki up --data-dir ${dataDir}${stores === 3 ? '' : ` --stores ${stores}`}`
  print(options, restored, `restored revision ${from.revision} as cluster ${clusterId}; \`${start}\` starts it`)
}

const factsOf = ({ header, mvcc }: SnapshotContent) => ({ clusterId: header.clusterId, revision: mvcc.revision, keys: keysOf(mvcc) })

/** To standard error: standard output is the result. */
const progress = ({ output }: CommandOptions, text: string): void => void (output === 'json' || process.stderr.write(`  ${text}\n`))

function isRunning({ dataDir }: CommandOptions): Promise<boolean> {
  return callControl(controlSocketPath(dataDir), { method: 'ping', params: {} }, pingTimeoutMs).then(
    () => true,
    error => {
      if (error instanceof NotRunning) return false
      throw error
    }
  )
}

async function saveRunning(descriptor: number, options: CommandOptions): Promise<SnapshotContent> {
  const fresh = await call<FreshSnapshot>(options, 'freshSnapshot', {}, freshTimeoutMs)
  const reader = new SnapshotReader()
  let { index } = fresh
  let toldBytes = 0
  for (let offset = 0; ; ) {
    const part = await call<SnapshotPartReply>(options, 'snapshotPart', { member: fresh.member, index, offset })
    index = part.index
    const bytes = Buffer.from(part.base64, 'base64')
    const fault = reader.add(bytes)
    if (fault !== undefined) throw new Error(`the snapshot arrived damaged: ${fault.reason}`)
    fs.writeSync(descriptor, bytes, 0, bytes.length, offset)
    offset += bytes.length
    if (offset - toldBytes >= progressEveryBytes) {
      toldBytes = offset
      progress(options, `${offset} of ${part.fileBytes} bytes`)
    }
    if (offset >= part.fileBytes) break
    if (bytes.length === 0) throw new Error('the snapshot ends too early')
  }
  return wholeOf(reader.finish())
}

function wholeOf(outcome: ReturnType<SnapshotReader['finish']>): SnapshotContent {
  if (isSnapshotFault(outcome)) throw new Error(`the snapshot is not whole: ${outcome.reason}`)
  return outcome
}

/** Of the member that could lead: among a majority, its log has everything that was answered. */
function saveStopped(descriptor: number, options: CommandOptions): SnapshotContent {
  const { dataDir } = options
  const facts = readFacts(dataDir)
  const disks = path.join(dataDir, 'disks')
  const members = fs.existsSync(disks) ? fs.readdirSync(disks).filter(machine => fs.existsSync(path.join(disks, machine, 'store'))) : []
  if (facts === undefined || members.length === 0) throw new Error(`${dataDir} has no cluster with a store of its own`)
  const unusable: string[] = []
  let best: SnapshotContent | undefined
  for (const machine of members) {
    const member = `${machine}/store`
    const state = stateOfStopped(facts.id, member, stoppedDisk(path.join(disks, member)))
    if (typeof state === 'string') unusable.push(`${member}: ${state}`)
    else if (best === undefined || isLater(state, best)) best = state
    progress(options, `read ${member}`)
  }
  const { voters: coming, outgoing = [] } = best?.header.membership ?? { voters: [] }
  const voters = Math.max(members.length, new Set([...coming, ...outgoing]).size)
  const usable = members.length - unusable.length
  if (best === undefined || usable * 2 <= voters)
    throw new Error(`only ${usable} of ${voters} members can be read: what was acknowledged may be missing (${unusable.join('; ')})`)
  const member = restoredMember(facts.id, best.header.membership.voters, '', best.mvcc)
  let offset = 0
  for (const piece of member.pieces) offset += fs.writeSync(descriptor, piece, 0, piece.length, offset)
  return best
}

/** Raft §5.4.1. */
const isLater = ({ header: a }: SnapshotContent, { header: b }: SnapshotContent): boolean =>
  a.term > b.term || (a.term === b.term && a.index > b.index)

function stoppedDisk(directory: string): Parameters<typeof stateOfStopped>[2] {
  function* segments(): Generator<{ sequence: number; bytes: Uint8Array }> {
    for (const name of fs.readdirSync(directory).sort()) {
      const sequence = /^segment-(\d{8})$/.exec(name)?.[1]
      if (sequence !== undefined) yield { sequence: Number(sequence), bytes: new Uint8Array(fs.readFileSync(path.join(directory, name))) }
    }
  }
  const readFile = (name: string): Iterable<Uint8Array> | undefined => {
    const file = path.join(directory, name)
    return fs.existsSync(file) ? partsOf(file) : undefined
  }
  return { segments: segments(), readFile }
}

/** Without the SHA-256 that etcdctl appends to what it saves, which has to be right. */
function* partsOf(file: string): Generator<Uint8Array> {
  const descriptor = fs.openSync(file, 'r')
  try {
    const size = fs.fstatSync(descriptor).size
    const end = size % paddedTo === sha256Bytes ? size - sha256Bytes : size
    const hash = createHash('sha256')
    for (let offset = 0; offset < end; ) {
      const bytes = new Uint8Array(Math.min(partBytes, end - offset))
      const read = fs.readSync(descriptor, bytes, 0, bytes.length, offset)
      if (read === 0) throw new Error(`${file} became shorter while it was read`)
      offset += read
      hash.update(bytes.subarray(0, read))
      yield bytes.subarray(0, read)
    }
    if (end === size) return
    const expected = Buffer.alloc(sha256Bytes)
    fs.readSync(descriptor, expected, 0, sha256Bytes, end)
    if (!hash.digest().equals(expected)) throw new Error(`${file} is not what was saved: its SHA-256 does not fit`)
  } finally {
    fs.closeSync(descriptor)
  }
}

function writeMember(directory: string, { fileName, pieces, log }: ReturnType<typeof restoredMember>): void {
  const journal = new Journal(directory, new SharedArrayBuffer(syncedBytes))
  journal.beginFile(fileName)
  let offset = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += partBytes) {
      const part = piece.subarray(at, at + partBytes)
      journal.appendFile(fileName, offset, part)
      offset += part.length
    }
  }
  journal.commitFile(fileName, offset)
  journal.append(log.bytes, log.sequence)
  journal.close()
}
