// The grpc port over real sockets, asked by grpc-js's client: unary calls, streams, statuses, deadlines, limits, certificates, garbage.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpcJs from '@grpc/grpc-js'
import t from 'tap'
import { ensurePki } from '../../lib/host/pki/index.js'
import { grpc } from '../../lib/host/ports/grpc.js'
import { percentEncoded, timeoutOf } from '../../lib/host/ports/grpc-call.js'
import { frameHeaderBytes, type GrpcCall, type GrpcListenOptions, grpcCodes, grpcPort, writeFrameHeader } from '../../lib/ports/index.js'
import { PortHarness } from '../ports/port-harness.js'

const directory = mkdtempSync(join(tmpdir(), 'kabuki-grpc-'))
const messageBytesMax = 1 << 20
const methods: GrpcListenOptions['methods'] = {
  '/test.Service/Echo': { requestStream: false },
  '/test.Service/Refuse': { requestStream: false },
  '/test.Service/Hang': { requestStream: false },
  '/test.Service/Count': { requestStream: false },
  '/test.Service/Flood': { requestStream: false },
  '/test.Service/Talk': { requestStream: true }
}
const frame = (message: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(frameHeaderBytes + message.length)
  bytes.set(message, frameHeaderBytes)
  writeFrameHeader(bytes)
  return bytes
}
const refusal = 'etcdserver: 100% “no” of\nit'
const floodBytes = 64 << 10

/** An owner that answers by the name of the method, and what it was told. */
async function scene(tls?: GrpcListenOptions['tls']) {
  const told: [string, number, unknown?][] = []
  const calls: GrpcCall[] = []
  let flooding: number | undefined
  const on = {
    grpcCall(ctx: any, _: unknown, call: GrpcCall) {
      calls.push(call)
      const port = ctx.port(grpcPort)
      const { id, message } = call
      if (call.method.endsWith('Echo')) ctx.tell(port, 'respond', { id, frame: frame(message as Uint8Array) })
      if (call.method.endsWith('Refuse')) ctx.tell(port, 'finish', { id, code: grpcCodes.outOfRange, text: refusal })
      if (call.method.endsWith('Flood')) flooding = id
      if (!call.method.endsWith('Count')) return
      for (let i = 0; i < 3; i++) ctx.tell(port, 'send', { ids: [id], frame: frame(Uint8Array.of(i)) })
      ctx.tell(port, 'finish', { id, code: grpcCodes.ok, text: '' })
    },
    grpcMessage(ctx: any, _: unknown, { id, message }: { id: number; message: Uint8Array }) {
      const text = Buffer.from(message).toString()
      if (text === 'bye') ctx.tell(ctx.port(grpcPort), 'finish', { id, code: grpcCodes.aborted, text: 'bye' })
      else ctx.tell(ctx.port(grpcPort), 'send', { ids: [id], frame: frame(message) })
    },
    grpcHalfClosed(ctx: any, _: unknown, { id }: { id: number }) {
      told.push(['halfClosed', id])
      ctx.tell(ctx.port(grpcPort), 'finish', { id, code: grpcCodes.ok, text: '' })
    },
    grpcClosed: (_: unknown, __: unknown, { id }: { id: number }) => void told.push(['closed', id]),
    grpcStalled(_: unknown, __: unknown, { id, bufferedBytes }: { id: number; bufferedBytes: number }) {
      flooding = undefined
      told.push(['stalled', id, bufferedBytes])
    },
    grpcDrained: (_: unknown, __: unknown, { id }: { id: number }) => void told.push(['drained', id]),
    /** Sends on until the port says that the client does not read. */
    flood(ctx: any) {
      if (flooding === undefined) return
      ctx.tell(ctx.port(grpcPort), 'send', { ids: [flooding], frame: frame(new Uint8Array(floodBytes)) })
      ctx.tell(ctx.self, 'flood')
    }
  }
  const harness = await PortHarness.start('grpc', async () => grpc, on as never)
  const options: GrpcListenOptions = { address: '127.0.0.1', port: 0, methods, messageBytesMax, ...(tls === undefined ? {} : { tls }) }
  const { port } = await harness.must<{ port: number }>('listen', options)
  return { harness, told, calls, port, options }
}

const bytesPass = (value: Buffer): Buffer => value
type Any = any
function clientOf(port: number, credentials = grpcJs.credentials.createInsecure()): Any {
  const shape = (name: string, requestStream: boolean, responseStream: boolean) => ({
    path: `/test.Service/${name}`,
    requestStream,
    responseStream,
    requestSerialize: bytesPass,
    requestDeserialize: bytesPass,
    responseSerialize: bytesPass,
    responseDeserialize: bytesPass
  })
  const Client = grpcJs.makeGenericClientConstructor(
    {
      echo: shape('Echo', false, false),
      refuse: shape('Refuse', false, false),
      hang: shape('Hang', false, false),
      unknown: shape('Unknown', false, false),
      count: shape('Count', false, true),
      flood: shape('Flood', false, true),
      talk: shape('Talk', true, true)
    },
    'test.Service'
  )
  return new Client(`localhost:${port}`, credentials, { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_send_message_length': -1 })
}

const unary = (client: Any, method: string, body: Uint8Array, options = {}): Promise<{ value?: Buffer; error?: grpcJs.ServiceError }> =>
  new Promise(resolve =>
    client[method](body, options, (error: grpcJs.ServiceError | null, value: Buffer) => resolve({ ...(error ? { error } : {}), value }))
  )

async function until(what: string, holds: () => boolean): Promise<void> {
  const byMs = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > byMs) throw new Error(`never: ${what}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

t.teardown(() => rmSync(directory, { recursive: true, force: true }))

t.test('unary calls: messages of every size, statuses, deadlines, cancels, limits', async t => {
  const { harness, told, calls, port, options } = await scene()
  const client = clientOf(port)
  for (const size of [0, 1, 300, 70_000, messageBytesMax]) {
    const body = Buffer.alloc(size, size % 251)
    const { value, error } = await unary(client, 'echo', body)
    t.ok(error === undefined && value?.equals(body), `${size} bytes come back`)
  }
  const refused = await unary(client, 'refuse', Buffer.from('x'))
  t.match(refused.error, { code: grpcCodes.outOfRange, details: refusal }, 'a status keeps its text')
  const unknown = await unary(client, 'unknown', Buffer.from('x'))
  t.match(unknown.error, { code: grpcCodes.unimplemented, details: 'unknown method Unknown for service test.Service' })
  const large = await unary(client, 'echo', Buffer.alloc(messageBytesMax + 1))
  t.match(large.error, {
    code: grpcCodes.resourceExhausted,
    details: `grpc: received message larger than max (1048577 vs. ${messageBytesMax})`
  })
  t.equal(calls.filter(call => call.method.endsWith('Echo')).length, 5, 'what is too large is not told')

  const isHung = (one: GrpcCall): boolean => one.method.endsWith('Hang')
  let deadlineMs = 25
  while (!calls.some(isHung)) {
    deadlineMs *= 2 // On a busy machine a client may give up before it has sent anything.
    const late = await unary(client, 'hang', Buffer.from('x'), { deadline: Date.now() + deadlineMs })
    t.equal(late.error?.code, grpcCodes.deadlineExceeded)
  }
  const hung = calls.find(isHung) as GrpcCall
  t.ok(hung.timeoutMs <= deadlineMs, 'the owner is told how long it has')
  await until('the deadline is told', () => told.some(([what, id]) => what === 'closed' && id === hung.id))

  const before = calls.length
  const call = client.hang(Buffer.from('x'), () => undefined)
  await until('the call is told', () => calls.length > before)
  call.cancel()
  await until('the cancel is told', () => told.some(([what, id]) => what === 'closed' && id === calls.at(-1)?.id))
  const again = await harness.ask('listen', { ...options, port })
  t.match(again, { ok: false, error: { code: 'EADDRINUSE', definite: true } })
  client.close()
  harness.kill()
})

t.test('streams: in order, both ways, ended by either side', async t => {
  const { harness, told, port } = await scene()
  const client = clientOf(port)
  const counted: number[] = []
  const status = await new Promise<grpcJs.StatusObject>(resolve => {
    const stream = client.count(Buffer.from('x'))
    stream.on('data', (data: Buffer) => counted.push(data[0] as number))
    stream.on('status', resolve)
  })
  t.same([counted, status.code], [[0, 1, 2], 0])

  const talk = client.talk()
  const heard: string[] = []
  talk.on('data', (data: Buffer) => heard.push(data.toString()))
  const ended = new Promise<grpcJs.StatusObject>(resolve => talk.on('status', resolve))
  for (const text of ['one', 'two', 'x'.repeat(200_000)]) talk.write(Buffer.from(text))
  await until('three answers', () => heard.length === 3)
  t.same(
    heard.map(text => text.slice(0, 3)),
    ['one', 'two', 'xxx']
  )
  talk.end()
  t.equal((await ended).code, 0)
  t.match(told.at(-1), ['halfClosed'])

  const other = client.talk()
  other.on('data', () => undefined)
  other.on('error', () => undefined)
  const aborted = new Promise<grpcJs.StatusObject>(resolve => other.on('status', resolve))
  other.write(Buffer.from('one'))
  other.write(Buffer.from('bye'))
  t.match(await aborted, { code: grpcCodes.aborted, details: 'bye' }, 'the server ends a stream that the client still sends on')
  t.equal((await unary(client, 'echo', Buffer.from('still'))).value?.toString(), 'still')
  client.close()
  harness.kill()
})

t.test('a client that does not read is told as stalled, and as drained when it reads again', async t => {
  const { harness, told, calls, port } = await scene()
  const client = clientOf(port)
  const stream = client.flood(Buffer.from('x'))
  stream.on('error', () => undefined)
  stream.pause()
  await until('the call is told', () => calls.length === 1)
  harness.tell('worker-1/owner', 'flood', undefined)
  await until('it is stalled', () => told.some(([what]) => what === 'stalled'))
  t.equal(told.filter(([what]) => what === 'drained').length, 0)
  stream.on('data', () => undefined)
  stream.resume()
  await until('it is drained', () => told.some(([what]) => what === 'drained'))
  stream.cancel()
  await until('it is closed', () => told.some(([what]) => what === 'closed'))
  client.close()
  harness.kill()
})

t.test('a large answer is delivered once its client has it, is gone, or was too slow', async t => {
  const { harness, calls, port } = await scene()
  const session = connectHttp2(`http://localhost:${port}`)
  const long = 600_000
  const large = frame(new Uint8Array(1 << 20)) // More than a client takes that does not read.
  const delivered: string[] = []
  const deliver = (name: string, id: number, withinMs: number): void =>
    void harness.ask('deliver', { id, frame: large, withinMs }, long).then(({ ok }) => delivered.push(`${name} ${ok}`))
  const hang = async (): Promise<readonly [ClientHttp2Stream, number]> => {
    const stream = session.request({ ':method': 'POST', ':path': '/test.Service/Hang', 'content-type': 'application/grpc' })
    stream.on('error', () => undefined)
    stream.end(frame(Buffer.from('x')))
    const count = calls.length
    await until('the call is told', () => calls.length > count)
    return [stream, calls.at(-1)?.id as number]
  }
  const [read, readId] = await hang()
  deliver('read', readId, long)
  await once(read, 'response')
  t.same(delivered, [], 'it does not read yet')
  let bytes = 0
  read.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await until('it is delivered', () => delivered.length === 1)
  await until('and all there', () => bytes === large.length)

  const [gone, goneId] = await hang()
  deliver('gone', goneId, long)
  await once(gone, 'response')
  gone.close(constants.NGHTTP2_CANCEL)
  await until('nobody is left to have it', () => delivered.length === 2)

  const [slow, slowId] = await hang()
  deliver('slow', slowId, 30)
  await until('it is late', () => delivered.length === 3)
  await until('its stream is over', () => slow.closed)
  t.equal(slow.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  deliver('over', slowId, long)
  await until('of a call that is over, at once', () => delivered.length === 4)
  t.same(delivered, ['read true', 'gone true', 'slow true', 'over true'])
  session.destroy()
  harness.kill()
})

t.test('who gives up many streams at once may lose the connection, and nobody else does', async t => {
  const { harness, calls, port } = await scene()
  const other = clientOf(port)
  t.equal((await unary(other, 'echo', Buffer.from('a'))).value?.toString(), 'a')
  const client = clientOf(port)
  const many = 1500
  const lost = new Set<number>()
  const streams = Array.from({ length: many }, () => {
    const stream = client.talk()
    stream.on('error', (error: grpcJs.ServiceError) => void (error.code !== grpcCodes.cancelled && lost.add(error.code)))
    stream.write(Buffer.from('hello'))
    return stream
  })
  await until('all are open', () => calls.length === many + 1)
  for (const stream of streams) stream.cancel()
  t.equal((await unary(other, 'echo', Buffer.from('b'))).value?.toString(), 'b', 'another connection')
  let again: string | undefined
  while (again === undefined) again = (await unary(client, 'echo', Buffer.from('c'))).value?.toString() // The first may meet the end of the old one.
  t.equal(again, 'c', 'the same client')
  t.same([...lost], [], 'what was given up was given up by the client')
  for (const one of [client, other]) one.close()
  harness.kill()
})

t.test('with TLS only clients with a certificate of the authority come in', async t => {
  const pki = await ensurePki({ directory: join(directory, 'pki'), nowMs: Date.now() })
  const { harness, calls, port } = await scene({ ...pki.server, clientCaPem: pki.caPem })
  const ca = Buffer.from(pki.caPem)
  const client = clientOf(port, grpcJs.credentials.createSsl(ca, Buffer.from(pki.admin.keyPem), Buffer.from(pki.admin.certPem)))
  t.equal((await unary(client, 'echo', Buffer.from('hello'))).value?.toString(), 'hello')
  t.equal(calls.at(-1)?.client, 'kubernetes-admin')
  const nobody = clientOf(port, grpcJs.credentials.createSsl(ca))
  t.equal((await unary(nobody, 'echo', Buffer.from('hello'))).error?.code, grpcCodes.unavailable, 'without a certificate')
  const plain = clientOf(port)
  t.equal((await unary(plain, 'echo', Buffer.from('hello'))).error?.code, grpcCodes.unavailable, 'without TLS')
  t.equal(calls.length, 1)
  for (const one of [client, nobody, plain]) one.close()
  const invalid = await harness.ask('listen', {
    address: '127.0.0.1',
    port: 0,
    methods,
    messageBytesMax,
    tls: { certPem: 'no', keyPem: 'no' }
  })
  t.match(invalid, { ok: false, error: { code: 'invalid' } })
  harness.kill()
})

t.test('garbage closes its own connection only', async t => {
  const { harness, port } = await scene()
  const client = clientOf(port)
  await unary(client, 'echo', Buffer.from('x'))
  for (const garbage of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x00'.repeat(100),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'
  ]) {
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume()
    socket.write(Buffer.from(garbage, 'latin1'))
    await new Promise(resolve => socket.on('close', resolve))
    t.equal((await unary(client, 'echo', Buffer.from('there'))).value?.toString(), 'there')
  }
  client.close()
  harness.kill()
})

t.test('headers: timeouts and texts', async t => {
  t.same(['5S', '20m', '1H', '3000u', '9n', undefined, '5', 'xS', '123456789S'].map(timeoutOf), [
    5000,
    20,
    3_600_000,
    3,
    9e-6,
    ...new Array(4).fill(Number.POSITIVE_INFINITY)
  ])
  t.equal(percentEncoded('50% “x”\n'), '50%25 %E2%80%9Cx%E2%80%9D%0A')
})
