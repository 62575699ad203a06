import * as fs from 'node:fs'
import * as net from 'node:net'
import * as os from 'node:os'
import * as path from 'node:path'
import t from 'tap'
import {
  callControl,
  claimDataDir,
  controlSocketPath,
  Journal,
  readFacts,
  resumeClusterMs,
  serveControl,
  syncedBytes,
  undoUnsynced,
  writeFacts
} from '../../lib/host/index.js'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-test-'))
t.teardown(() => fs.rmSync(root, { recursive: true, force: true }))
let directories = 0
const newDirectory = (): string => {
  const directory = path.join(root, `d${++directories}`)
  fs.mkdirSync(directory)
  return directory
}
const timeoutMs = 60_000

async function serving(
  dataDir: string,
  handle = async ({ method, params }: { method: string; params: unknown }): Promise<unknown> => {
    if (method === 'fail') throw new Error('it failed')
    return { method, params, pid: 4711 }
  }
) {
  const socket = controlSocketPath(dataDir)
  return { socket, close: await serveControl(socket, handle) }
}

/** What the socket says to those bytes until it falls silent or hangs up. */
const raw = (socket: string, text: string | Buffer, until: (received: string) => boolean): Promise<{ received: string; closed: boolean }> =>
  new Promise((resolve, reject) => {
    const connection = net.connect(socket)
    let received = ''
    const done = (closed: boolean): void => {
      connection.destroy()
      resolve({ received, closed })
    }
    connection.on('connect', () => connection.write(text))
    connection.on('data', chunk => {
      received += chunk
      if (until(received)) done(false)
    })
    connection.on('close', () => done(true))
    connection.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EPIPE' || error.code === 'ECONNRESET' ? done(true) : reject(error)
    )
  })

t.test('the control socket answers its owner, line by line', async t => {
  const { socket, close } = await serving(newDirectory())
  t.equal(fs.statSync(socket).mode & 0o777, 0o600)
  t.same(await callControl(socket, { method: 'ping', params: { a: 1 } }, timeoutMs), { method: 'ping', params: { a: 1 }, pid: 4711 })
  await t.rejects(callControl(socket, { method: 'fail', params: {} }, timeoutMs), /^it failed$/)
  const lines = (count: number) => (received: string) => received.split('\n').length > count
  const { received } = await raw(socket, 'garbage\n{"method":"one"}\nnull\n{"met', lines(3))
  const answers = received
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(answers.filter(answer => 'error' in answer).length, 2)
  t.match(
    answers.find(answer => 'result' in answer),
    { result: { method: 'one' } }
  )
  await close()
})

t.test('two clients at once each get their own answers; an oversized request ends only its connection', async t => {
  const waiting: (() => void)[] = []
  const { socket, close } = await serving(newDirectory(), async ({ method }) => {
    if (method === 'second') for (const go of waiting.splice(0)) go()
    else await new Promise<void>(resolve => waiting.push(resolve))
    return method
  })
  const first = callControl(socket, { method: 'first', params: {} }, timeoutMs)
  const huge = raw(socket, Buffer.alloc((1 << 20) + 2, 'x'), () => false)
  t.match(await huge, { closed: true, received: '' })
  while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.equal(await callControl(socket, { method: 'second', params: {} }, timeoutMs), 'second')
  t.equal(await first, 'first')
  await close()
  await t.rejects(callControl(socket, { method: 'ping', params: {} }, timeoutMs), /no cluster listens/)
})

t.test('a path too long for a socket is replaced by a short one of the same cluster', async t => {
  const long = path.join(newDirectory(), 'x'.repeat(60), 'y'.repeat(60))
  fs.mkdirSync(long, { recursive: true })
  const { socket, close } = await serving(long)
  t.ok(socket.length <= 100)
  t.equal(path.dirname(socket), os.tmpdir())
  t.not(socket, controlSocketPath(`${long}2`))
  t.match(await callControl(controlSocketPath(long), { method: 'ping', params: {} }, timeoutMs), { method: 'ping' })
  await t.rejects(claimDataDir(long), /already runs/)
  await close()
})

t.test('one running cluster per data directory', async t => {
  const dataDir = path.join(newDirectory(), 'new')
  await claimDataDir(dataDir)
  t.equal(fs.statSync(dataDir).mode & 0o777, 0o700)
  const { socket, close } = await serving(dataDir)
  await t.rejects(claimDataDir(dataDir), {
    message: new RegExp(`a cluster already runs on ${dataDir} \\(pid 4711\\): .*kabuki status --data-dir.*kabuki down --data-dir`)
  })
  await close()
  await claimDataDir(dataDir)
  // What a killed cluster leaves behind: a socket that nobody answers.
  const server = net.createServer().listen(`${socket}.tmp`)
  await new Promise(resolve => server.once('listening', resolve))
  fs.linkSync(`${socket}.tmp`, socket)
  await new Promise(resolve => server.close(resolve))
  t.ok(fs.existsSync(socket))
  await claimDataDir(dataDir)
  t.notOk(fs.existsSync(socket), 'it is reclaimed')
})

t.test('a directory that cannot be used says what to do', async t => {
  const file = path.join(newDirectory(), 'file')
  fs.writeFileSync(file, '')
  for (const dataDir of [file, path.join(file, 'below'), '/proc/kabuki']) {
    await t.rejects(
      claimDataDir(dataDir),
      { message: /cannot be used as a data directory \(E[A-Z]+\): choose another with --data-dir/ },
      dataDir
    )
  }
})

t.test('a cluster’s facts are kept, and its time never goes back', async t => {
  const dataDir = newDirectory()
  t.equal(readFacts(dataDir), undefined)
  writeFacts(dataDir, { id: 'x', clockOffsetMs: 3_600_000, clusterMs: 10_000_000 })
  const facts = readFacts(dataDir)
  t.match(facts, { id: 'x' })
  fs.writeFileSync(path.join(dataDir, 'cluster.json'), '{ torn')
  t.equal(readFacts(dataDir), undefined)
  for (const [realMs, clusterMs] of [
    [7_000_000, 10_600_000],
    [1_000_000, 10_000_000]
  ] as const) {
    t.equal(resumeClusterMs(facts, realMs), clusterMs)
  }
  t.equal(resumeClusterMs(undefined, 5), 5)
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What is in a segment, up to its last byte that is not zero. */
const content = (directory: string, sequence: number): string => {
  const all = fs.readFileSync(path.join(directory, `segment-${String(sequence).padStart(8, '0')}`))
  return all.subarray(0, all.findLastIndex(byte => byte !== 0) + 1).toString()
}

t.test('a power cut undoes what was written and not synced, and nothing else', async t => {
  const directory = newDirectory()
  const synced = new SharedArrayBuffer(syncedBytes)
  const journal = new Journal(directory, synced)
  journal.append(bytes('kept '))
  // The process dies between the write and the sync: the page cache, and so the file, has the bytes.
  const segment = path.join(directory, 'segment-00000001')
  const descriptor = fs.openSync(segment, 'r+')
  fs.writeSync(descriptor, bytes('lost'), 0, 4, 5)
  fs.closeSync(descriptor)
  t.equal(content(directory, 1), 'kept lost', 'what a crash of the process alone leaves')
  fs.writeFileSync(path.join(directory, 'meta.tmp'), 'half')
  t.equal(undoUnsynced(directory, synced), 4)
  t.equal(content(directory, 1), 'kept ')
  t.notOk(fs.existsSync(path.join(directory, 'meta.tmp')))
  t.equal(undoUnsynced(directory, synced), 0)
  journal.close()
  const next = new Journal(directory, new SharedArrayBuffer(syncedBytes))
  const { segments } = next.recover()
  t.equal(segments.length, 1)
  t.ok(next.repair(1, 5))
  next.append(bytes('more'))
  t.equal(content(directory, 1), 'kept more')
  next.append(bytes('second'), 2)
  t.same([content(directory, 1), content(directory, 2)], ['kept more', 'second'])
  next.close()
})

t.test('a torn end is found by its owner and cut', async t => {
  const directory = newDirectory()
  const journal = new Journal(directory, new SharedArrayBuffer(syncedBytes))
  journal.append(bytes('good'))
  journal.close()
  fs.appendFileSync(path.join(directory, 'segment-00000001'), 'torn')
  const next = new Journal(directory, new SharedArrayBuffer(syncedBytes))
  const found = next.recover().segments[0]?.length ?? 0
  t.equal(found, (1 << 20) + 4)
  t.notOk(next.repair(1, found + 1))
  t.notOk(next.repair(2, 0))
  t.ok(next.repair(1, 4))
  next.append(bytes(' again'))
  t.equal(content(directory, 1), 'good again')
  t.equal(next.recover().segments.length, 1)
  next.append(bytes(', and on'))
  t.equal(content(directory, 1), 'good again, and on', 'looking does not move the end')
  next.close()
})
