// store-size: how long a member takes to begin, over a long log and over many keys, what a key costs in memory, and what it costs
// to fill segments with zeros ahead rather than to write over old ones (docs/adr/0016).

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Ref } from '../lib/actor/index.js'
import { Journal, Runtime, syncedBytes } from '../lib/host/index.js'
import { CommandWriter, Mvcc } from '../lib/mvcc/index.js'
import { restoredMember, type StoreMemberProtocol, snapshotFile } from '../lib/store/index.js'
import { type WalEntry, WalWriter } from '../lib/wal/index.js'
import type { Figure, Scenario } from './scenario.js'

const clusterId = 'bench'
const member = 'control-0/store' as string as Ref<StoreMemberProtocol>
const logBytes = 1 << 30
const markEveryBytes = 32 << 20 // As snapshots are taken; the segments before them stay, as if the disk had refused to let them go.
const putsPerEntry = 64
const entriesPerSave = 64
const valueBytes = 256
const hotKeys = 10_000
const keysMany = 1_000_000
const appendBytes = 16 << 10
const appends = 2000
const partBytes = 1 << 20
const startTimeoutMs = 120_000
const askTimeoutMs = 1000

export const storeSize: Scenario = {
  name: 'store-size',
  what: `a member that begins over 1 GiB of log, and over ${keysMany} keys of ${valueBytes} bytes`,
  marks: [{ figure: 'start over 1 GiB of log', at: 'most', value: 10 }],
  run: async () => [await startOverLog(), ...(await startOverKeys()), zeroFilling()]
}

async function inDirectory<T>(body: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-'))
  try {
    return await body(dataDir)
  } finally {
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
}

const journalOf = (dataDir: string): Journal => new Journal(path.join(dataDir, 'disks', member), new SharedArrayBuffer(syncedBytes))

function writeFile(journal: Journal, name: string, pieces: Iterable<Uint8Array>): number {
  journal.beginFile(name)
  let offset = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += partBytes) {
      const part = piece.subarray(at, at + partBytes)
      journal.appendFile(name, offset, part)
      offset += part.length
    }
  }
  journal.commitFile(name, offset)
  return offset
}

const startOverLog = (): Promise<Figure> =>
  inDirectory(async dataDir => {
    writeLog(journalOf(dataDir))
    const { seconds, cpuSeconds } = await secondsToBegin(dataDir)
    return { name: 'start over 1 GiB of log', unit: 's', value: seconds, also: { cpuSeconds } }
  })

function writeLog(journal: Journal): void {
  const wal = new WalWriter({ clusterId, memberId: member })
  const commands = new CommandWriter('bench')
  const state = new Mvcc()
  const entries: WalEntry[] = []
  let written = 0
  let unmarked = 0
  for (let index = 1, key = 0; written < logBytes; index++) {
    for (let i = 0; i < putsPerEntry; i++, key++) {
      const value = new Uint8Array(valueBytes).fill(key)
      commands.add(key + 1, { type: 'txn', compares: [], success: [{ type: 'put', key: `key-${key % hotKeys}`, value }], failure: [] })
    }
    if (index % 300 === 0) commands.add(key + 1, { type: 'compact', revision: state.revision })
    const data = commands.take()
    state.applyEntry(data)
    entries.push({ index, term: 1, kind: 'normal', data })
    if (entries.length < entriesPerSave) continue
    const save = wal.encode({ entries: entries.splice(0), hardState: { term: 1, vote: null, commit: index } })
    journal.append(save.bytes, save.sequence)
    written += save.bytes.length
    unmarked += save.bytes.length
    if (unmarked < markEveryBytes) continue
    unmarked = 0
    const fileName = `snapshot-${String(index).padStart(16, '0')}`
    const membership = { voters: [member], learners: [], removed: [] }
    writeFile(journal, fileName, snapshotFile({ clusterId, index, term: 1, membership }, state))
    const mark = wal.encode({ snapshot: { index, term: 1, fileName } })
    journal.append(mark.bytes, mark.sequence)
  }
  journal.close()
}

function collect(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

const startOverKeys = (): Promise<Figure[]> =>
  inDirectory(async dataDir => {
    collect()
    const before = process.memoryUsage()
    const state = new Mvcc()
    for (let i = 0; i < keysMany; i++) {
      const value = new Uint8Array(valueBytes).fill(i)
      state.apply({
        type: 'txn',
        compares: [],
        success: [{ type: 'put', key: `/registry/configmaps/default/key-${i}`, value }],
        failure: []
      })
    }
    state.apply({ type: 'compact', revision: state.revision })
    collect()
    const after = process.memoryUsage()
    const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
    const { pieces, fileName, log } = restoredMember(clusterId, [member], member, state)
    const journal = journalOf(dataDir)
    const fileBytes = writeFile(journal, fileName, pieces)
    journal.append(log.bytes, log.sequence)
    journal.close()
    const { seconds, cpuSeconds } = await secondsToBegin(dataDir)
    return [
      { name: 'memory of a key', unit: 'bytes', value: bytes / keysMany, also: { fileMegabytes: fileBytes / 1e6 } },
      { name: `start over ${keysMany} keys`, unit: 's', value: seconds, also: { cpuSeconds } }
    ]
  })

/** Until the member has recovered, leads and answers a read. */
async function secondsToBegin(dataDir: string): Promise<{ seconds: number; cpuSeconds: number }> {
  const bundle = new URL('../bundle/', import.meta.url)
  const runtime = await Runtime.start({
    dataDir,
    heapBudgetBytes: 4 * 2 ** 30,
    rosterUrl: new URL('./store-load.js', import.meta.url).href,
    workerUrl: () => new URL('thread-store.cjs', bundle).href
  })
  try {
    const cpu = process.cpuUsage()
    const startedMs = performance.now()
    await runtime.startActor(member, 'store', { clusterId, members: [member] }, member)
    for (;;) {
      const answer = await runtime.call(member, askTimeoutMs, 'revision')
      if (answer.ok) break
      if (performance.now() - startedMs > startTimeoutMs) throw new Error(`it did not begin: ${answer.error.detail}`)
    }
    const { user, system } = process.cpuUsage(cpu)
    return { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6 }
  } finally {
    await runtime.stop()
  }
}

/** Processor time of an append with its sync: to a segment that is filled with zeros ahead, beside one that is written over. */
function zeroFilling(): Figure {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-'))
  try {
    const bytes = new Uint8Array(appendBytes).fill(7)
    const cpuOf = (body: () => void): number => {
      const before = process.cpuUsage()
      body()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / appends
    }
    const journal = new Journal(directory, new SharedArrayBuffer(syncedBytes))
    const ours = cpuOf(() => {
      for (let i = 0; i < appends; i++) journal.append(bytes)
    })
    journal.close()
    const descriptor = fs.openSync(path.join(directory, 'segment-00000001'), 'r+')
    const peer = cpuOf(() => {
      for (let i = 0; i < appends; i++) {
        fs.writeSync(descriptor, bytes, 0, bytes.length, i * appendBytes)
        fs.fdatasyncSync(descriptor)
      }
    })
    fs.closeSync(descriptor)
    return { name: 'zero-filling ahead, an append of 16 KiB', unit: 'µs of processor', value: ours, peer }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}
