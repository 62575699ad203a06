// The grpc-client port against a server of grpc-js: calls, streams, back-pressure, deadlines, certificates, and which failures are definite.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import t from 'tap'
import { open, type Ref, type Source } from '../../lib/actor/index.js'
import { ensurePki } from '../../lib/host/pki/index.js'
import { grpcClient } from '../../lib/host/ports/grpc-client.js'
import { type GrpcClientProtocol, grpcClientPort, grpcStreamMessagesMax } from '../../lib/ports/index.js'
import { PortHarness } from './port-harness.js'

const directory = mkdtempSync(join(tmpdir(), 'kabuki-grpc-client-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

const asIs = (bytes: Buffer): Buffer => bytes
const method = (path: string, streams: boolean) => ({
  path,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs
})
const service = {
  echo: method('/t.S/Echo', false),
  fail: method('/t.S/Fail', false),
  hang: method('/t.S/Hang', false),
  talk: method('/t.S/Talk', true)
}
const floodCount = 5_000
/** A few more than the port keeps: the rest waits in its stream when the server's status is there already. */
const burstCount = grpcStreamMessagesMax + 10

interface Served {
  readonly server: grpc.Server
  readonly url: string
  readonly heard: string[]
  written: number
}

/** `fail` answers with the status that the request names. */
async function serve(credentials: grpc.ServerCredentials, scheme = 'http', port = 0): Promise<Served> {
  const server = new grpc.Server()
  const served = { server, url: '', heard: [] as string[], written: 0 }
  server.addService(service as never, {
    echo: (call: any, back: any) => back(null, Buffer.concat([call.request, Buffer.from(String(call.metadata.get('token')))])),
    fail: (call: any, back: any) => back({ code: grpc.status[call.request.toString()], details: `it is ${call.request}` }),
    hang: (call: any) => {
      served.heard.push('hang')
      call.on('cancelled', () => served.heard.push('cancelled'))
    },
    talk(call: any) {
      call.on('cancelled', () => served.heard.push('cancelled'))
      call.on('data', (message: Buffer) => {
        const text = message.toString()
        served.heard.push(text)
        if (text === 'bye') call.emit('error', { code: grpc.status.OUT_OF_RANGE, details: 'too far' })
        else if (text === 'flood') flood(call)
        else if (text === 'burst') {
          for (let at = 0; at < burstCount; at++) call.write(Buffer.of(at))
          call.end()
        } else call.write(Buffer.from(`re ${text}`))
      })
    }
  })
  const flood = (call: any): void => {
    while (served.written < floodCount && !call.cancelled) {
      const bytes = Buffer.alloc(1000)
      bytes.writeUInt32BE(served.written++)
      if (!call.write(bytes)) return void call.once('drain', () => flood(call))
    }
    call.end()
  }
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, at) => (error === null ? resolve(at) : reject(error)))
  )
  served.url = `${scheme}://127.0.0.1:${bound}`
  t.teardown(() => server.forceShutdown())
  return served
}

const insecure = grpc.ServerCredentials.createInsecure()

/** A port, and an owner that opens one stream and reads it when told. */
async function portOf() {
  const items: Buffer[] = []
  const ends: unknown[] = []
  let source: Source<Uint8Array> | undefined
  const on = {
    *open(ctx: any, _: unknown, { call, window }: any): any {
      const opened = yield* open(ctx.port(grpcClientPort) as Ref<GrpcClientProtocol>, 10_000, 'stream', call, window)
      if (opened.ok) source = opened.value
      else ends.push(opened.error)
    },
    *read(): any {
      for (;;) {
        const batch: any = yield* (source as Source<Uint8Array>).next()
        if (batch.kind === 'items') items.push(...batch.items)
        else return void ends.push(batch.kind === 'failed' ? batch.error : batch.kind)
      }
    },
    send: (ctx: any, _: unknown, message: any) => ctx.tell(ctx.port(grpcClientPort), 'send', message),
    close: () => source?.close()
  }
  const owner = 'worker-1/owner'
  const harness = await PortHarness.start('grpc-client', async () => () => grpcClient(), on as never, owner)
  t.teardown(() => harness.kill())
  const tell = (type: string, body?: unknown): void => harness.tell(owner, type, body)
  return { harness, items, ends, tell }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + 60_000
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const unary = (endpoint: string, name: string, text = '') => ({ endpoint, method: `/t.S/${name}`, message: bytes(text) })

t.test('unary calls: an answer, and how each failure counts', async t => {
  const { url, server, heard } = await serve(insecure)
  const { harness } = await portOf()
  t.match(await harness.ask('connect', { endpoints: ['nonsense'] }), { ok: false, error: { code: 'invalid', definite: true } })
  t.match(await harness.ask('connect', { endpoints: ['unix://a'] }), { ok: false, error: { code: 'invalid' } })
  const nobody = 'http://127.0.0.1:1'
  await harness.must('connect', { endpoints: [url, nobody], metadata: { token: 'secret' } })
  t.equal(Buffer.from(await harness.must<Uint8Array>('unary', unary(url, 'Echo', 'hello '))).toString(), 'hello secret')
  t.match(await harness.must('state'), [{ endpoint: url, state: 'ready' }, { endpoint: nobody }])
  t.match(await harness.ask('unary', unary('http://other', 'Echo')), { error: { code: 'invalid', definite: true } })
  const definite = ['INVALID_ARGUMENT', 'NOT_FOUND', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'OUT_OF_RANGE']
  for (const code of [...definite, 'UNAVAILABLE', 'UNKNOWN', 'INTERNAL', 'ABORTED', 'DEADLINE_EXCEEDED', 'CANCELLED']) {
    const failure = { code, detail: `it is ${code}`, definite: definite.includes(code) }
    t.same(await harness.ask('unary', unary(url, 'Fail', code)), { ok: false, error: failure })
  }
  t.match(await harness.ask('unary', unary(url, 'Absent')), { error: { code: 'UNIMPLEMENTED', definite: true } })
  t.match(await harness.ask('unary', unary(nobody, 'Echo')), { error: { code: 'UNAVAILABLE', definite: true, detail: /ECONNREFUSED/ } })
  t.match(await harness.ask('unary', unary(url, 'Hang'), 100), { ok: false, error: { definite: false } }, 'a deadline')
  await until('the server hears of the deadline', () => heard.includes('cancelled'))
  const broken = harness.ask('unary', unary(url, 'Hang'))
  await until('the call is there', () => heard.filter(word => word === 'hang').length === 2)
  server.forceShutdown()
  t.match(await broken, { ok: false, error: { definite: false } }, 'it was there when the connection broke')
})

t.test('a server that comes back is reached again', async t => {
  const first = await serve(insecure)
  const { harness } = await portOf()
  await harness.must('connect', { endpoints: [first.url] })
  await harness.must('unary', unary(first.url, 'Echo'))
  first.server.forceShutdown()
  await until('it is gone', async () => !(await harness.ask('unary', unary(first.url, 'Echo'))).ok)
  await serve(insecure, 'http', Number(new URL(first.url).port))
  await until('it is back', async () => (await harness.ask('unary', unary(first.url, 'Echo'))).ok)
  t.equal((await harness.must<{ state: string }[]>('state'))[0]?.state, 'ready')
})

t.test('streams: both ways, ended by the server, cancelled by the owner, closed with it', async t => {
  const { url, heard } = await serve(insecure)
  const talk = (stream: number, text: string) => ({
    call: { stream, endpoint: url, method: '/t.S/Talk', message: bytes(text) },
    window: 16
  })
  const { harness, items, ends, tell } = await portOf()
  await harness.must('connect', { endpoints: [url] })
  tell('open', talk(1, 'one'))
  await until('it is open', () => heard.includes('one'))
  tell('read')
  tell('send', { stream: 1, message: bytes('two') })
  await until('both are answered', () => items.length === 2)
  t.same(items.map(String), ['re one', 're two'])
  tell('open', talk(1, 'again'))
  await until('the name is in use', () => ends.length === 1)
  t.match(ends, [{ code: 'invalid' }])
  tell('send', { stream: 1, message: bytes('bye') })
  await until('it ends', () => ends.length === 2)
  t.match(ends[1], { code: 'OUT_OF_RANGE', detail: 'too far' })
  tell('open', talk(2, 'three'))
  await until('another is open', () => heard.includes('three'))
  tell('close')
  await until('the server hears of it', () => heard.filter(word => word === 'cancelled').length === 2)
  tell('open', talk(3, 'four'))
  await until('one more is open', () => heard.includes('four'))
  harness.kill()
  await until('it went with its owner', () => heard.filter(word => word === 'cancelled').length === 3)
})

t.test('an owner that does not read makes the server wait, and then has everything in order', async t => {
  const served = await serve(insecure)
  const { harness, items, ends, tell } = await portOf()
  await harness.must('connect', { endpoints: [served.url] })
  tell('open', { call: { stream: 1, endpoint: served.url, method: '/t.S/Talk', message: bytes('flood') }, window: 4 })
  let before = -1
  await until('the server waits', async () => {
    const stands = served.written > 0 && served.written === before
    before = served.written
    await new Promise(resolve => setTimeout(resolve, 100))
    return stands
  })
  // HTTP/2's windows hold some of it; without back-pressure all of it would be here.
  t.ok(served.written < floodCount / 2, `${served.written} of ${floodCount} written, with ${grpcStreamMessagesMax} kept`)
  tell('read')
  await until('it ends', () => ends.length === 1)
  t.same(ends, ['end'])
  t.same(
    items.map(item => Buffer.from(item).readUInt32BE()),
    Array.from({ length: floodCount }, (_, at) => at)
  )
})

t.test('what came before the end is read before it, also by one who is late', async t => {
  const served = await serve(insecure)
  const { harness, items, ends, tell } = await portOf()
  await harness.must('connect', { endpoints: [served.url] })
  tell('open', { call: { stream: 1, endpoint: served.url, method: '/t.S/Talk', message: bytes('burst') }, window: 4 })
  await until('the server is done', () => served.heard.includes('burst'))
  for (let round = 0; round < 20; round++) await harness.must('unary', unary(served.url, 'Echo')) // Behind it on the same connection.
  tell('read')
  await until('it ends', () => ends.length === 1)
  t.same([items.map(item => item[0]), ends], [Array.from({ length: burstCount }, (_, at) => at), ['end']])
})

t.test('certificates: of the server, and of the client', async t => {
  const pki = await ensurePki({ directory: join(directory, 'one'), hosts: ['127.0.0.1'], nowMs: Date.now() })
  const other = await ensurePki({ directory: join(directory, 'other'), hosts: ['127.0.0.1'], nowMs: Date.now() })
  const pair = { private_key: Buffer.from(pki.server.keyPem), cert_chain: Buffer.from(pki.server.certPem) }
  const { url } = await serve(grpc.ServerCredentials.createSsl(Buffer.from(pki.caPem), [pair], true), 'https')
  const { harness } = await portOf()
  const as = async (tls: object): Promise<unknown> => {
    await harness.must('connect', { endpoints: [url], tls })
    return harness.ask('unary', unary(url, 'Echo'))
  }
  t.match(await as({ caPem: pki.caPem, certPem: pki.admin.certPem, keyPem: pki.admin.keyPem }), { ok: true })
  t.match(await as({ caPem: other.caPem, certPem: pki.admin.certPem, keyPem: pki.admin.keyPem }), {
    error: { code: 'UNAVAILABLE', definite: true, detail: /certificate/ }
  })
  t.match(await as({ caPem: pki.caPem, certPem: other.admin.certPem, keyPem: other.admin.keyPem }), { ok: false })
  t.match(await as({ caPem: pki.caPem }), { ok: false }, 'no certificate')
  t.match(await harness.ask('connect', { endpoints: [url], tls: { caPem: 'x', certPem: 'nonsense', keyPem: 'y' } }), {
    error: { code: 'invalid', definite: true }
  })
})
