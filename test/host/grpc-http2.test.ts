// HTTP/2 of the grpc port: against node's own client, and against clients that do what the RFCs forbid.

import { connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { grpc } from '../../lib/host/ports/grpc.js'
import { decodeHuffman, encodeFields, HpackDecoder } from '../../lib/host/ports/grpc-hpack.js'
import { frameHeaderBytes, type GrpcCall, grpcPort, writeFrameHeader } from '../../lib/ports/index.js'
import { seededRandom } from '../../lib/std/index.js'
import { PortHarness } from '../ports/port-harness.js'

const frame = (message: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(frameHeaderBytes + message.length)
  bytes.set(message, frameHeaderBytes)
  writeFrameHeader(bytes)
  return bytes
}

/** Echoes; keeps what it was told. */
async function scene() {
  const calls: GrpcCall[] = []
  const on = {
    grpcCall(ctx: any, _: unknown, call: GrpcCall) {
      calls.push(call)
      if (call.message !== null) ctx.tell(ctx.port(grpcPort), 'respond', { id: call.id, frame: frame(call.message) })
    },
    grpcMessage: (ctx: any, _: unknown, { id, message }: any) => ctx.tell(ctx.port(grpcPort), 'send', { ids: [id], frame: frame(message) }),
    grpcHalfClosed: (ctx: any, _: unknown, { id }: any) => ctx.tell(ctx.port(grpcPort), 'finish', { id, code: 0, text: '' }),
    grpcClosed: () => undefined,
    grpcStalled: () => undefined,
    grpcDrained: () => undefined
  }
  const harness = await PortHarness.start('grpc', async () => grpc, on as never)
  const methods = { '/s.S/Echo': { requestStream: false }, '/s.S/Talk': { requestStream: true } }
  const { port } = await harness.must<{ port: number }>('listen', { address: '127.0.0.1', port: 0, methods, messageBytesMax: 4 << 20 })
  return { harness, calls, port }
}

t.test('node’s client: headers of every kind, bodies in small windows, trailers', async t => {
  const { harness, calls, port } = await scene()
  // A small window: what is sent waits for its updates.
  const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1000 } })
  const ask = (headers: Record<string, string>, body: Uint8Array): Promise<{ status: number; trailers: any; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':method': 'POST', ':path': '/s.S/Echo', 'content-type': 'application/grpc', ...headers })
      const chunks: Buffer[] = []
      let status = 0
      let trailers: unknown
      stream.on('response', head => {
        status = head[':status'] as number
        trailers = head
      })
      stream.on('trailers', found => {
        trailers = found
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => resolve({ status, trailers, body: Buffer.concat(chunks) }))
      stream.on('error', reject)
      stream.end(body)
    })
  const random = seededRandom(1)
  const texts = Array.from({ length: 60 }, (_, at) =>
    String.fromCharCode(...Array.from({ length: at * 7 }, () => 32 + Math.floor(random() * 95))).trim()
  )
  for (const [at, text] of texts.entries()) {
    const message = Buffer.alloc(at * 997, at)
    const answer = await ask({ 'x-text': text, [`x-name-${at % 5}`]: 'same' }, frame(message))
    t.ok(answer.status === 200 && answer.trailers['grpc-status'] === '0' && answer.body.equals(frame(message)), `request ${at}`)
    t.equal(calls.at(-1)?.metadata['x-text'], text)
    t.equal(calls.at(-1)?.metadata[`x-name-${at % 5}`], 'same')
  }
  t.match((await ask({ ':path': '/s.S/Nope' }, frame(Buffer.alloc(1)))).trailers, { 'grpc-status': '12' })
  t.equal((await ask({ 'content-type': 'text/plain' }, Buffer.alloc(1))).status, 415)
  t.equal((await ask({ ':method': 'PUT' }, Buffer.alloc(1))).status, 405)
  const large = Buffer.alloc(3 << 20, 7)
  t.ok((await ask({}, frame(large))).body.equals(frame(large)), 'larger than every window')
  const many = await Promise.all(Array.from({ length: 200 }, (_, at) => ask({}, frame(Buffer.alloc(2000, at)))))
  t.ok(
    many.every(({ body }, at) => body.equals(frame(Buffer.alloc(2000, at)))),
    'many at a time'
  )
  await new Promise<void>((resolve, reject) => session.ping((error: Error | null) => (error ? reject(error) : resolve())))
  const reset = session.request({ ':method': 'POST', ':path': '/s.S/Talk', 'content-type': 'application/grpc' })
  reset.on('error', () => undefined)
  reset.close(constants.NGHTTP2_CANCEL)
  t.equal((await ask({}, frame(Buffer.alloc(5)))).status, 200)
  session.close()
  harness.kill()
})

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const raw = (type: number, flags: number, id: number, payload: Uint8Array = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}
const settings = raw(4, 0, 0)
const request = encodeFields([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/s.S/Talk'],
  ['content-type', 'application/grpc']
])
const headers = (id: number, flags = 4): Buffer => raw(1, flags, id, request)
const word = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at)
  return bytes
}

/** The error of GOAWAY, and of each stream that was reset, once the server closed the connection or sent the marker's answer. */
function talk(port: number, bytes: readonly Uint8Array[]): Promise<{ goAway: number | undefined; resets: [id: number, code: number][] }> {
  return new Promise(resolve => {
    const socket: Socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    let goAway: number | undefined
    const resets: [number, number][] = []
    const over = (): void => {
      socket.destroy()
      resolve({ goAway, resets })
    }
    socket.on('error', () => undefined)
    socket.on('close', over)
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
        const length = received.readUIntBE(0, 3)
        if (received[3] === 7) goAway = received.readUInt32BE(13)
        if (received[3] === 3) resets.push([received.readUInt32BE(5), received.readUInt32BE(9)])
        if (received[3] === 6) over()
        received = received.subarray(9 + length)
      }
    })
    for (const part of bytes) socket.write(part)
    socket.write(raw(6, 0, 0, Buffer.alloc(8))) // A ping, answered if the connection lives.
  })
}

t.test('what the RFC forbids ends the connection, or the stream, with the code it names', async t => {
  const { harness, port } = await scene()
  const [protocol, flowControl, frameSize, compression] = [1, 3, 6, 9]
  const forbidden: [what: string, frames: Buffer[], code: number][] = [
    ['no settings first', [headers(1)], protocol],
    ['data of no stream', [settings, raw(0, 0, 0, Buffer.alloc(1))], protocol],
    ['data of an idle stream', [settings, raw(0, 0, 5, Buffer.alloc(1))], protocol],
    ['an even stream', [settings, headers(2)], protocol],
    ['headers of stream 0', [settings, headers(0)], protocol],
    ['a frame too large', [settings, raw(0, 0, 1, Buffer.alloc(16_385))], frameSize],
    ['padding over its frame', [settings, headers(1), raw(0, 8, 1, Buffer.of(5, 0))], protocol],
    ['bad compression', [settings, raw(1, 4, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff))], compression],
    ['no such entry', [settings, raw(1, 4, 1, Buffer.of(0xbe))], compression],
    ['a frame within headers', [settings, headers(1, 0), raw(6, 0, 0, Buffer.alloc(8))], protocol],
    ['another stream’s continuation', [settings, headers(1, 0), raw(9, 4, 3, Buffer.alloc(0))], protocol],
    ['a continuation of nothing', [settings, raw(9, 4, 1)], protocol],
    ['headers again', [settings, headers(1), headers(1)], protocol],
    ['settings of a stream', [raw(4, 0, 1)], protocol],
    ['half a setting', [raw(4, 0, 0, Buffer.alloc(5))], frameSize],
    ['a window too large', [raw(4, 0, 0, Buffer.from('0004ffffffff', 'hex'))], flowControl],
    ['frames too small', [raw(4, 0, 0, Buffer.from('000500000001', 'hex'))], protocol],
    ['a ping too short', [settings, raw(6, 0, 0, Buffer.alloc(4))], frameSize],
    ['no increment', [settings, raw(8, 0, 0, word(0))], protocol],
    ['a window that overflows', [settings, raw(8, 0, 0, word(0x7fffffff))], flowControl],
    ['a push', [settings, raw(5, 4, 1, word(2))], protocol],
    ['reset of an idle stream', [settings, raw(3, 0, 1, word(8))], protocol]
  ]
  for (const [what, frames, code] of forbidden) {
    const { goAway } = await talk(port, [Buffer.from(preface), ...frames])
    t.equal(goAway, code, what)
  }
  const closed = await talk(port, [Buffer.from(preface), settings, headers(1, 5), raw(0, 0, 1, Buffer.alloc(3))])
  t.equal(closed.goAway, undefined, 'data after the end concerns its stream alone')
  const allowed = [raw(2, 0, 1, Buffer.alloc(5)), raw(99, 0, 0, Buffer.alloc(3)), raw(8, 0, 1, word(5)), raw(0, 8, 1, Buffer.of(2, 0, 0))]
  const fine = await talk(port, [Buffer.from(preface), settings, headers(1), ...allowed, raw(3, 0, 1, word(8)), raw(8, 0, 1, word(1))])
  t.same(fine, { goAway: undefined, resets: [] }, 'priorities, what is not known, padding, and updates of what is over are passed over')
  const over = await talk(port, [
    Buffer.from(preface),
    settings,
    headers(1),
    ...Array.from({ length: 70 }, () => raw(0, 0, 1, Buffer.alloc(16_384)))
  ])
  t.equal(over.goAway, undefined, 'windows are given back as they are used')
  harness.kill()
})

t.test('noise never harms others', async t => {
  const { harness, port } = await scene()
  const random = seededRandom(2)
  for (let round = 0; round < 200; round++) {
    const noise = Array.from({ length: 1 + Math.floor(random() * 5) }, () => {
      const payload = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)))
      return raw(Math.floor(random() * 11), Math.floor(random() * 256), Math.floor(random() * 4), payload)
    })
    const cut = Buffer.concat([Buffer.from(preface), settings, headers(1), ...noise])
    const at = Math.floor(random() * cut.length)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(cut.subarray(0, at))
    socket.end(cut.subarray(at))
    await new Promise(resolve => socket.on('close', resolve).resume())
  }
  t.same(await talk(port, [Buffer.from(preface), settings]), { goAway: undefined, resets: [] })
  harness.kill()
})

t.test('HPACK: the examples of RFC 7541, and bounds', async t => {
  const decoder = new HpackDecoder(1000)
  const decode = (hex: string): unknown => Object.fromEntries(decoder.decode(Buffer.from(hex.replaceAll(' ', ''), 'hex')))
  const first = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'www.example.com' }
  t.same(decode('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'), first) // C.4.1 to C.4.3
  t.same(decode('8286 84be 5886 a8eb 1064 9cbf'), { ...first, 'cache-control': 'no-cache' })
  const third = {
    ':method': 'GET',
    ':scheme': 'https',
    ':path': '/index.html',
    ':authority': 'www.example.com',
    'custom-key': 'custom-value'
  }
  t.same(decode('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'), third)
  t.same(decode('0401 61 0401 62'), { ':path': 'a, b' }, 'repeated fields are joined')
  t.throws(() => decode('20 3fe2ff03'), 'a table larger than was offered')
  t.throws(() => decoder.decode(encodeFields([['x', 'y'.repeat(1000)]])), 'too many fields')
  t.throws(() => decodeHuffman(Buffer.from('ffffffff', 'hex')), 'an end')
  t.throws(() => decodeHuffman(Buffer.of(0x00)), 'bad padding')
  const long = new Map([...Array(20).keys()].map(at => [`name-${at}`, 'v'.repeat(at * 20)]))
  t.same(new HpackDecoder(1 << 20).decode(encodeFields([...long])), long)
})
