import * as dgram from 'node:dgram'
import * as http from 'node:http'
import * as net from 'node:net'
import t from 'tap'
import { AddressTable, addressTableBytes } from '../../lib/host/address-table.js'
import { loadSockets } from '../../lib/host/ports/sockets.js'
import type { SocketAddress, SocketsMetrics } from '../../lib/ports/index.js'
import { PortHarness } from '../ports/port-harness.js'

type Decide = (request: { transport: string; listener: SocketAddress; client: SocketAddress }) => {
  endpoints: SocketAddress[]
  from?: string
}
const nobody: Decide = () => ({ endpoints: [] })

const start = (decide: Decide = nobody, owner?: string, addresses?: AddressTable): Promise<PortHarness> =>
  PortHarness.start('sockets', loadSockets, { connection: (_: unknown, __: unknown, request) => decide(request) }, owner, addresses)

const table = (): AddressTable => new AddressTable(new SharedArrayBuffer(addressTableBytes))

const listening = (server: net.Server, address = '127.0.0.1'): Promise<SocketAddress> =>
  new Promise(resolve => server.listen(0, address, () => resolve({ address, port: (server.address() as net.AddressInfo).port })))

const connect = (to: SocketAddress, from = '127.0.0.1'): net.Socket =>
  net.connect({ host: to.address, port: to.port, localAddress: from, allowHalfOpen: true })

const collected = (socket: net.Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })

const closedWith = (socket: net.Socket): Promise<string> =>
  new Promise(resolve => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.on('close', () => resolve('closed'))
  })

const eventually = async (truth: () => boolean | Promise<boolean>): Promise<boolean> => {
  for (let i = 0; i < 400; i++) {
    if (await truth()) return true
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  return false
}

const oneAddress = !(await new Promise(resolve => {
  const server = net.createServer().on('error', () => resolve(false))
  server.listen(0, '127.77.77.1', () => server.close(() => resolve(true)))
}))
const skipOneAddress = oneAddress && 'this system has only 127.0.0.1'

t.test('pipes to the endpoint the owner names, from the address of the client, with half-close', { skip: skipOneAddress }, async t => {
  const clients: string[] = []
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    clients.push(socket.remoteAddress ?? '')
    collected(socket).then(text => socket.end(`heard ${text}`))
  })
  const refusing = { address: '127.0.0.1', port: 1 }
  const endpoint = await listening(server, '127.77.1.9')
  const asked: unknown[] = []
  const port = await start(request => {
    asked.push(request)
    return { endpoints: [refusing, endpoint] }
  })
  t.teardown(() => [port.kill(), server.close()])
  const at = await port.must<SocketAddress>('listen', { transport: 'TCP', address: '127.77.0.5', port: 0 })
  t.match(at, { address: '127.77.0.5', moved: false })
  const socket = connect(at, '127.77.1.3')
  socket.end('hello')
  t.equal(await collected(socket), 'heard hello', 'what came after our half-close arrived')
  t.same(clients, ['127.77.1.3'])
  t.match(asked, [{ transport: 'TCP', listener: { address: '127.77.0.5', port: at.port }, client: { address: '127.77.1.3' } }])
  t.ok(await eventually(async () => (await port.must<SocketsMetrics>('metrics')).connections === 0), 'the connection is forgotten')
})

t.test('a connection nobody takes is reset', async t => {
  const port = await start(() => ({ endpoints: [{ address: '127.0.0.1', port: 1 }] }))
  t.teardown(() => port.kill())
  const at = await port.must<SocketAddress>('listen', { transport: 'TCP', address: '127.0.0.1', port: 0 })
  t.equal(await closedWith(connect(at)), 'ECONNRESET')
  t.match(await port.ask('metrics'), { ok: true, value: { accepted: 1, refused: 1 } })
  await port.ask('closeListener', { transport: 'TCP', ...at })
  t.equal(await closedWith(connect(at)), 'ECONNREFUSED')
})

t.test('a slow reader slows the writer down', async t => {
  let accepted: net.Socket | undefined
  const server = net.createServer(socket => {
    accepted = socket.pause().on('error', () => undefined)
  })
  const endpoint = await listening(server)
  const port = await start(() => ({ endpoints: [endpoint] }))
  t.teardown(() => [port.kill(), server.close()])
  const socket = connect(await port.must('listen', { transport: 'TCP', address: '127.0.0.1', port: 0 }))
  const total = 64 << 20
  const before = process.memoryUsage().arrayBuffers
  let sent = 0
  const chunk = Buffer.alloc(64 << 10)
  const fill = (): void => {
    while (sent < total && socket.write(chunk)) sent += chunk.length
  }
  socket.on('drain', fill)
  socket.on('connect', fill)
  await eventually(() => accepted !== undefined && sent > 0)
  let last = -1
  await eventually(() => {
    const still = last === sent
    last = sent
    return still
  })
  t.ok(sent < 32 << 20, `the kernel and we hold ${sent} bytes`)
  t.ok(process.memoryUsage().arrayBuffers - before < 8 << 20, 'the process holds little of it')
  let received = 0
  accepted?.on('data', data => {
    received += data.length
  })
  accepted?.resume()
  t.ok(await eventually(() => received >= total), 'all of it arrives once it is read')
  accepted?.resetAndDestroy()
  t.equal(await closedWith(socket), 'ECONNRESET', 'a break of one side breaks the other')
})

t.test('moved ports', async t => {
  const root = process.getuid?.() === 0
  t.test('a port taken by another process is moved, and dials from inside find it', async t => {
    const other = net.createServer()
    const taken = await listening(other)
    const addresses = table()
    const port = await start(nobody, 'worker-1/owner', addresses)
    const elsewhere = await start(nobody, 'worker-2/owner', addresses)
    t.teardown(() => [port.kill(), elsewhere.kill(), other.close()])
    const listener = { transport: 'TCP', ...taken }
    t.same(await port.ask('probe', listener), { ok: true, value: false })
    const opened = await port.must<SocketAddress>('listen', { ...listener, serves: Buffer.from('inside') })
    t.match(opened, { address: '127.0.0.1', moved: true })
    if (taken.port + 20_000 <= 65_535) t.equal(opened.port, taken.port + 20_000)
    t.same(await elsewhere.ask('locate', listener), { ok: true, value: { address: '127.0.0.1', port: opened.port } })
    const body = { transport: 'TCP', ...taken, bytes: new Uint8Array(), timeoutMs: 2000, bodyBytesMax: 100 }
    const heard = await elsewhere.ask<Uint8Array>('exchange', body)
    t.equal(heard.ok && Buffer.from(heard.value).toString(), 'inside', 'the table is shared by the threads')
    t.match(
      await elsewhere.ask('listen', listener),
      { ok: false, error: { code: 'EADDRINUSE', definite: true } },
      'taken by the cluster itself'
    )
    port.kill()
    t.match(await elsewhere.ask('listen', { ...listener, mayMove: false }), { ok: false, error: { code: 'EADDRINUSE' } })
  })
  t.test('a port held by the cluster is refused, and free once its holder died', async t => {
    const addresses = table()
    const [one, two] = [await start(nobody, 'worker-1/a', addresses), await start(nobody, 'worker-1/b', addresses)]
    t.teardown(() => two.kill())
    const same = { transport: 'TCP', ...(await one.must<SocketAddress>('listen', { transport: 'TCP', address: '127.0.0.1', port: 0 })) }
    t.match(await two.ask('listen', same), { ok: false, error: { code: 'EADDRINUSE' } })
    one.kill()
    t.match(await two.ask('listen', same), { ok: true, value: { port: same.port, moved: false } })
  })
  t.test('a privileged port is had by root', { skip: !root && 'not root' }, async t => {
    const port = await start()
    t.teardown(() => port.kill())
    t.match(await port.ask('listen', { transport: 'TCP', address: '127.0.0.1', port: 997 }), {
      ok: true,
      value: { port: 997, moved: false }
    })
  })
  t.test('a privileged port is moved for others', async t => {
    const port = await start()
    t.teardown(() => port.kill())
    if (root) process.seteuid?.(65_534)
    try {
      const opened = await port.must<SocketAddress & { moved: boolean }>('listen', { transport: 'TCP', address: '127.0.0.1', port: 998 })
      if (!opened.moved) return t.pass('this system lets anybody bind privileged ports')
      t.match(opened, { port: 20_998, moved: true })
    } finally {
      if (root) process.seteuid?.(0)
    }
  })
  t.match(await (await start()).ask('listen', { transport: 'TCP', address: 'nowhere', port: 1 }), { ok: false, error: { code: 'invalid' } })
})

t.test('UDP sessions', { skip: skipOneAddress }, async t => {
  const port = await start(() => ({ endpoints: [echo] }))
  const echo = await port.must<SocketAddress>('listen', { transport: 'UDP', address: '127.77.1.9', port: 0, serves: 'echo' })
  const at = await port.must<SocketAddress>('listen', { transport: 'UDP', address: '127.77.0.5', port: 0 })
  t.teardown(() => port.kill())
  const request = { transport: 'UDP', ...at, from: '127.77.1.3', bytes: Buffer.from('ping'), timeoutMs: 3000, bodyBytesMax: 100 }
  const heard = await port.ask<Uint8Array>('exchange', request)
  t.equal(heard.ok && Buffer.from(heard.value).toString(), 'ping')
  t.match(await port.ask('metrics'), { ok: true, value: { connections: 1 } })
  t.same(await port.ask('sever', { from: '127.77.1.9', to: null }), { ok: true, value: 1 })
  t.match(await port.ask('metrics'), { ok: true, value: { connections: 0, broken: 1 } })
  const client = dgram.createSocket('udp4')
  const back: string[] = []
  client.on('message', bytes => back.push(bytes.toString()))
  for (const word of ['a', 'b', 'c']) client.send(word, at.port, at.address)
  t.ok(await eventually(() => back.length === 3), 'what came before the decision was kept')
  t.match(await port.ask('metrics'), { ok: true, value: { connections: 1, accepted: 2 } }, 'one session a client')
  client.close()
  const silent = { ...request, address: '127.0.0.1', port: 9, timeoutMs: 200 }
  t.match(await port.ask('exchange', silent), { ok: false })
})

t.test('one-shot clients', async t => {
  const seen: unknown[] = []
  const server = http.createServer((request, response) => {
    seen.push([request.method, request.url, request.headers.host, request.socket.remoteAddress])
    if (request.url === '/slow') return
    response.writeHead(request.url === '/moved' ? 302 : 200, { 'X-One': 'a', location: '/x' })
    response.end('x'.repeat(1000))
  })
  const at = await listening(server)
  const port = await start()
  t.teardown(() => [port.kill(), server.closeAllConnections(), server.close()])
  const base = { scheme: 'http', method: 'GET', headers: {}, ...at, timeoutMs: 2000, bodyBytesMax: 100 }
  t.match(await port.ask('fetch', { ...base, path: '/a?b' }), { ok: true, value: { status: 200, headers: { 'x-one': 'a' } } })
  const cut = await port.ask<{ body: Uint8Array }>('fetch', { ...base, path: '/' })
  t.equal(cut.ok && cut.value.body.length, 100, 'the body is cut')
  t.match(await port.ask('fetch', { ...base, path: '/moved' }), { ok: true, value: { status: 302 } }, 'redirects are not followed')
  t.match(await port.ask('fetch', { ...base, path: '/slow', timeoutMs: 50 }), { ok: false, error: { code: 'ETIMEDOUT', definite: true } })
  t.match(await port.ask('fetch', { ...base, path: '/', port: 1 }), { ok: false, error: { code: 'ECONNREFUSED' } })
  t.same(await port.ask('dial', { ...at, timeoutMs: 1000 }), { ok: true, value: undefined })
  t.match(await port.ask('dial', { address: '127.0.0.1', port: 1, timeoutMs: 1000 }), { ok: false, error: { code: 'ECONNREFUSED' } })
  if (!oneAddress) {
    await port.ask('fetch', { ...base, path: '/from', from: '127.77.1.3' })
    t.same(seen.at(-1), ['GET', '/from', `127.0.0.1:${at.port}`, '127.77.1.3'])
  }
})

t.test('machines that are cut off', { skip: skipOneAddress }, async t => {
  const server = net.createServer(socket => socket.on('error', () => undefined).pipe(socket))
  const endpoint = await listening(server, '127.77.2.9')
  const port = await start(() => ({ endpoints: [endpoint] }))
  t.teardown(() => [port.kill(), server.close()])
  await port.ask('place', { address: '127.77.1', machine: 'worker-1' })
  await port.ask('place', { address: '127.77.2', machine: 'worker-2' })
  const at = await port.must<SocketAddress>('listen', { transport: 'TCP', address: '127.77.0.5', port: 0 })
  const [ours, same] = [connect(at, '127.77.1.3'), connect(at, '127.77.2.3')]
  let echoed = 0
  for (const socket of [ours, same]) {
    socket.write('x')
    socket.on('data', () => echoed++)
  }
  t.ok(await eventually(() => echoed === 2))
  const broken = closedWith(ours)
  port.setFaults({ cut: ['worker-2>worker-1'], slowMs: {} })
  t.equal(await broken, 'ECONNRESET', 'an open connection breaks')
  same.write('x')
  t.ok(await eventually(() => echoed === 3), 'one within a machine goes on')
  t.equal(await closedWith(connect(at, '127.77.1.3')), 'ECONNRESET', 'a new one is refused')
  t.match(await port.ask('dial', { ...endpoint, from: '127.77.1.3', timeoutMs: 1000 }), { ok: false, error: { code: 'EHOSTUNREACH' } })
  t.match(
    await port.ask('dial', { ...endpoint, timeoutMs: 1000 }),
    { ok: false, error: { code: 'EHOSTUNREACH' } },
    'the owner is on worker-1'
  )
  port.setFaults({ cut: [], slowMs: {} })
  t.match(await port.ask('dial', { ...endpoint, from: '127.77.1.3', timeoutMs: 1000 }), { ok: true })
  same.destroy()
})

t.test('what a port holds is closed with its owner', async t => {
  const port = await start()
  const at = await port.must<SocketAddress>('listen', { transport: 'TCP', address: '127.0.0.1', port: 0, serves: 'echo' })
  const socket = connect(at)
  await new Promise(resolve => socket.on('connect', resolve))
  const closed = closedWith(socket)
  port.kill()
  port.startOwner({})
  t.match(
    await port.ask('listen', { transport: 'TCP', ...at }),
    { ok: true, value: { moved: false } },
    'the next life binds it again at once'
  )
  t.equal(await closed, 'ECONNRESET')
  port.kill()
})
