// The http port over real sockets: HTTP/1.1, HTTP/2, certificates, limits, fan-out, stalled readers.

import { EventEmitter } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Actor, ask, type Context, type Ref } from '../../lib/actor/index.js'
import { ensurePki, type Pki, writeKubeconfig } from '../../lib/host/pki/index.js'
import { http } from '../../lib/host/ports/http.js'
import { onceDrained } from '../../lib/host/ports/http-exchange.js'
import { bufferedBytesMax, type HttpOwner, type HttpRequest, httpPort } from '../../lib/ports/index.js'
import { TestHost } from '../server/fixture-host.js'

const directory = mkdtempSync(join(tmpdir(), 'kabuki-http-'))
const nowMs = Date.now()
const bodyBytesMax = 3 << 20

interface OwnerProtocol extends HttpOwner {
  serve(): { port: number }
  fan(request: { bytes: Uint8Array; ids: readonly number[] }): void
  flood(request: { id: number; bytes: Uint8Array }): { readonly taken: boolean }
}
interface OwnerState {
  readonly requests: HttpRequest[]
  readonly closed: number[]
  readonly stalled: number[]
}
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

function owner(state: OwnerState, pki: Pki | undefined): Actor<OwnerProtocol, void, OwnerState> {
  return {
    name: 'owner',
    init: () => state,
    on: {
      *serve(ctx) {
        const tls = pki && { certPem: pki.server.certPem, keyPem: pki.server.keyPem, clientCaPem: pki.caPem }
        const listened = yield* ask(ctx.port(httpPort), 60_000, 'listen', {
          address: '127.0.0.1',
          port: 0,
          bodyBytesMax,
          ...(tls === undefined ? {} : { tls })
        })
        if (!listened.ok) throw new Error(listened.error.detail)
        return listened.value
      },
      fan(ctx, _state, { bytes, ids }) {
        ctx.tell(ctx.port(httpPort), 'write', { ids, bytes })
      },
      *flood(ctx, _state, { id, bytes }) {
        const written = yield* ask(ctx.port(httpPort), 2000, 'write', { ids: [id], bytes })
        return { taken: written.ok }
      },
      httpRequest(ctx, mine, request) {
        mine.requests.push(request)
        const answers = ctx.port(httpPort)
        if (request.path === '/watch') return ctx.tell(answers, 'begin', { id: request.id, status: 200, headers: { 'x-kind': 'watch' } })
        if (request.path === '/hang') return
        const body = { method: request.method, path: request.path, client: request.client, body: text(request.body), fault: request.fault }
        ctx.tell(answers, 'respond', {
          id: request.id,
          status: request.fault === undefined ? 200 : 413,
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify(body))
        })
      },
      httpClosed: (_ctx, mine, { id }) => void mine.closed.push(id),
      httpStalled: (_ctx, mine, { id }) => void mine.stalled.push(id)
    }
  }
}

interface CallerProtocol {
  call(request: { type: 'serve' | 'fan' | 'flood'; body: unknown; done: (outcome: unknown) => void }): void
}
const caller: Actor<CallerProtocol, void, null> = {
  name: 'caller',
  init: () => null,
  on: {
    *call(_ctx: Context<CallerProtocol>, _state, { type, body, done }) {
      const outcome = yield* ask('m/owner' as Ref<Record<string, (body: unknown) => unknown>>, 5000, type, body)
      done(outcome.ok ? outcome.value : outcome.error)
    }
  }
}

async function scene(pki: Pki | undefined) {
  const state: OwnerState = { requests: [], closed: [], stalled: [] }
  const host = new TestHost({ http: http() })
  host.start('m/owner', owner(state, pki))
  host.start('m/caller', caller)
  const call = <T>(type: 'serve' | 'fan' | 'flood', body?: unknown): Promise<T> =>
    new Promise(done => {
      host.dispatcher.deliver({
        kind: 'tell',
        from: 'm/caller',
        to: 'm/caller',
        life: 0,
        id: 0,
        type: 'call',
        body: { type, body, done },
        count: 0
      })
      host.posted()
    })
  const { port } = await call<{ port: number }>('serve')
  return { state, host, call, port }
}

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const deadline = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
}

function h2(session: ClientHttp2Session, method: string, path: string, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path }, { endStream: body === undefined })
    const chunks: Uint8Array[] = []
    let head: Record<string, unknown> = {}
    stream.on('response', headers => {
      head = headers
    })
    stream.on('data', chunk => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('end', () => resolve({ status: Number(head[':status']), headers: head, body: Buffer.concat(chunks).toString() }))
    if (body !== undefined) stream.end(body)
  })
}

function h1(port: number, tls: object, method: string, path: string, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { host: '127.0.0.1', port, method, path, agent: false, ...tls }
    const request = httpsRequest(options, response => {
      const chunks: Uint8Array[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() })
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}

t.teardown(() => rmSync(directory, { recursive: true, force: true }))

t.test('certificates are made once, kept private, and made anew when they expire or do not cover a name', async t => {
  const pki = join(directory, 'pki')
  const first = await ensurePki({ directory: pki, nowMs })
  t.equal(statSync(pki).mode & 0o777, 0o700)
  for (const file of ['ca.key', 'ca.crt', 'apiserver.key', 'admin.key']) t.equal(statSync(join(pki, file)).mode & 0o777, 0o600, file)
  t.same(await ensurePki({ directory: pki, nowMs }), first, 'reused')
  const wider = await ensurePki({ directory: pki, nowMs, hosts: ['10.96.0.1', 'api.example'] })
  t.equal(wider.caPem, first.caPem)
  t.same(wider.admin, first.admin)
  t.not(wider.server.certPem, first.server.certPem)
  const nextYear = await ensurePki({ directory: pki, nowMs: nowMs + 364 * 86_400_000 })
  t.equal(nextYear.caPem, first.caPem, 'the authority lasts longer than what it signed')
  t.not(nextYear.admin.certPem, first.admin.certPem)
  const file = join(directory, 'kubeconfig')
  writeKubeconfig(file, { cluster: 'kabuki', user: 'admin', server: 'https://127.0.0.1:1', caPem: first.caPem, client: first.admin })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(JSON.parse(readFileSync(file, 'utf8'))['current-context'], 'admin@kabuki')
})

t.test('a stream that drains is told of once, and keeps nothing of who waited', async t => {
  for (const first of ['drain', 'close'] as const) {
    const stream = new EventEmitter()
    let told = 0
    for (let round = 1; round <= 3; round++) {
      onceDrained(stream, () => told++)
      stream.emit(first)
      t.equal(told, round)
      t.equal(stream.listenerCount('drain') + stream.listenerCount('close'), 0)
    }
    stream.emit('close')
    t.equal(told, 3)
  }
})

t.test('over TLS', async t => {
  const pki = await ensurePki({ directory: join(directory, 'tls'), nowMs })
  const stranger = await ensurePki({ directory: join(directory, 'stranger'), nowMs })
  const { state, host, call, port } = await scene(pki)
  t.teardown(() => host.close())
  const admin = { ca: pki.caPem, cert: pki.admin.certPem, key: pki.admin.keyPem }
  const session = connect(`https://127.0.0.1:${port}`, admin)
  t.teardown(() => session.destroy())
  const me = { commonName: 'kubernetes-admin', organizations: ['system:masters'] }

  await t.test('the client certificate says who asks, over both protocols', async t => {
    const two = await h2(session, 'POST', '/a?b=c', Buffer.from('body'))
    t.equal(two.status, 200)
    t.match(JSON.parse(two.body), { method: 'POST', path: '/a?b=c', client: me, body: 'body' })
    const one = await h1(port, admin, 'PUT', '/x', Buffer.from('é'))
    t.match(JSON.parse(one.body), { method: 'PUT', path: '/x', client: me, body: 'é' })
    t.equal(one.headers['content-length'], String(Buffer.byteLength(one.body)))
    t.match(JSON.parse((await h1(port, { ca: pki.caPem }, 'GET', '/')).body), { client: null })
    const forged = { ca: pki.caPem, cert: stranger.admin.certPem, key: stranger.admin.keyPem }
    t.match(JSON.parse((await h1(port, forged, 'GET', '/')).body), { client: null }, 'another authority is not believed')
    t.equal(state.requests.at(-1)?.headers.host, `127.0.0.1:${port}`)
  })

  await t.test('a body over the limit is told as such, and the connection goes on', async t => {
    const big = Buffer.alloc(bodyBytesMax + 1)
    t.match(await h2(session, 'POST', '/big', big), { status: 413 })
    t.match(JSON.parse((await h2(session, 'POST', '/big', big.subarray(1))).body), { fault: undefined })
    t.match(await h1(port, admin, 'POST', '/big', big), { status: 413, headers: { connection: 'close' } })
    t.equal(state.requests.filter(request => request.fault === 'too large').length, 2)
  })

  await t.test('one write reaches every stream; who does not read is told once and bounds nothing but himself', async t => {
    const readers: { stream: ClientHttp2Stream; bytes: number }[] = []
    const known = state.requests.length
    const lazySession = connect(`https://127.0.0.1:${port}`, { ...admin, settings: { initialWindowSize: 65_535 } })
    lazySession.on('error', () => undefined)
    for (let index = 0; index < 50; index++) {
      const reader = { stream: session.request({ ':path': '/watch' }), bytes: 0 }
      reader.stream.on('data', chunk => {
        reader.bytes += chunk.length
      })
      readers.push(reader)
    }
    await until('all streams are open', () => state.requests.length === known + 50)
    const lazy = lazySession.request({ ':path': '/watch' })
    lazy.pause()
    await until('the lazy stream is open', () => state.requests.length === known + 51)
    const ids = state.requests.slice(known).map(request => request.id)
    const lazyId = ids.at(-1) as number
    const chunk = Buffer.alloc(1 << 16, 'x')
    const writes = bufferedBytesMax / chunk.length + 12
    for (let index = 1; index <= writes; index++) {
      await call('fan', { ids, bytes: chunk })
      await until('every reader has all of it', () => readers.every(reader => reader.bytes === index * chunk.length))
    }
    t.same(state.stalled, [lazyId])
    const flood = call<{ taken: boolean }>('flood', { id: ids[0], bytes: Buffer.alloc(4 << 20) })
    t.same(await flood, { taken: true }, 'an asked write is answered when it was taken')
    t.same(state.stalled, [lazyId], 'and stalls nobody')
    lazySession.destroy()
    await until('the owner hears of it', () => state.closed.includes(lazyId))
    for (const reader of readers) reader.stream.close()
    await until('the owner hears of all', () => state.closed.length === 51)
    t.equal((await h2(session, 'GET', '/')).status, 200)
    t.equal(state.closed.length, 51, 'an answered request is not told as closed')
  })

  await t.test('what a dead owner held is closed', async t => {
    const hanging = session.request({ ':path': '/hang' })
    hanging.on('error', () => undefined)
    const ended = new Promise(resolve => hanging.on('close', resolve))
    await until('it hangs', () => state.requests.at(-1)?.path === '/hang')
    host.kill('m/owner')
    await ended
    await t.rejects(h1(port, admin, 'GET', '/'))
  })
})

t.test('without TLS it is plain HTTP/1.1, chunked where the length is not known', async t => {
  const { state, host, call, port } = await scene(undefined)
  t.teardown(() => host.close())
  const socket = connectTcp(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let seen = ''
  socket.on('data', bytes => {
    seen += bytes
  })
  socket.write('GET /watch HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n')
  await until('the head', () => seen.includes('\r\n\r\n'))
  t.match(seen, /^HTTP\/1.1 200 OK\r\nx-kind: watch\r\n/)
  t.notMatch(seen, /date:/i)
  t.equal(state.requests[0]?.headers['x-twice'], '1, 2')
  await call('fan', { ids: [state.requests[0]?.id], bytes: Buffer.from('hello\n') })
  await until('the chunk', () => seen.endsWith('6\r\nhello\n\r\n'))
  const busy = await call<{ code?: string }>('serve')
  t.type((busy as { port?: number }).port, 'number')
})
