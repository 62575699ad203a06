// What every sockets port does, real or simulated.

import t from 'tap'
import type { Outcome } from '../../lib/actor/index.js'
import type { FetchResponse, SocketAddress, SocketsOwner } from '../../lib/ports/index.js'

type Connection = Parameters<SocketsOwner['connection']>[0]
export type Decide = (connection: Connection) => { endpoints: readonly SocketAddress[]; from?: string }

export interface SocketsHarness {
  ask<T>(type: string, body?: unknown): Promise<Outcome<T>>
  /** An HTTP server that answers 200 with `<method> <path>`. */
  http(): Promise<SocketAddress>
  /** Has another process take a free port. */
  taken(): Promise<SocketAddress>
  stop(): void | Promise<void>
}

const timeoutMs = 2000
const nowhere = { address: '127.0.0.1', port: 1 }

export function socketsConformance(name: string, start: (decide: Decide) => Promise<SocketsHarness>): void {
  const within = async (decide: Decide, test: (harness: SocketsHarness) => Promise<void>): Promise<void> => {
    const harness = await start(decide)
    try {
      await test(harness)
    } finally {
      await harness.stop()
    }
  }
  const must = async <T>(outcome: Promise<Outcome<T>>): Promise<T> => {
    const settled = await outcome
    if (!settled.ok) throw new Error(`${settled.error.code} ${settled.error.detail}`)
    return settled.value
  }
  const any = { transport: 'TCP', address: '127.0.0.1', port: 0 }
  const bytes = new TextEncoder().encode('ping')
  const text = (value: Uint8Array): string => new TextDecoder().decode(value)
  const get = { scheme: 'http', method: 'GET', path: '/a', headers: {}, timeoutMs, bodyBytesMax: 1000 }

  t.test(`${name} sockets`, async t => {
    await t.test('listen, serve, close', t =>
      within(
        () => ({ endpoints: [] }),
        async port => {
          const at = await must(port.ask<SocketAddress & { moved: boolean }>('listen', { ...any, serves: 'echo' }))
          t.equal(at.moved, false)
          t.equal(text(await must(port.ask<Uint8Array>('exchange', { ...any, ...at, bytes, timeoutMs, bodyBytesMax: 100 }))), 'ping')
          t.match(await port.ask('dial', { ...at, timeoutMs }), { ok: true })
          t.match(await port.ask('listen', { ...any, ...at }), { ok: false, error: { code: 'EADDRINUSE', definite: true } })
          t.same(await port.ask('probe', { ...any, ...at }), { ok: true, value: false })
          await must(port.ask('closeListener', { ...any, ...at }))
          t.match(await port.ask('dial', { ...at, timeoutMs }), { ok: false, error: { code: 'ECONNREFUSED', definite: true } })
          t.same(await port.ask('probe', { ...any, ...at }), { ok: true, value: true })
          t.match(await port.ask('listen', { ...any, address: 'nowhere' }), { ok: false, error: { code: 'invalid' } })
        }
      )
    )
    await t.test('UDP', t =>
      within(
        () => ({ endpoints: [] }),
        async port => {
          const at = await must(port.ask<SocketAddress>('listen', { ...any, transport: 'UDP', serves: bytes }))
          const request = { ...at, transport: 'UDP', bytes: new Uint8Array([1]), timeoutMs, bodyBytesMax: 100 }
          t.equal(text(await must(port.ask<Uint8Array>('exchange', request))), 'ping')
        }
      )
    )
    await t.test('connections go where the owner says', async t => {
      const asked: Connection[] = []
      let endpoints: readonly SocketAddress[] = []
      const decide: Decide = connection => {
        asked.push(connection)
        return { endpoints }
      }
      await within(decide, async port => {
        const server = await port.http()
        const at = await must(port.ask<SocketAddress>('listen', any))
        endpoints = [nowhere, server]
        const response = await must(port.ask<FetchResponse>('fetch', { ...get, ...at }))
        t.equal(response.status, 200)
        t.equal(text(response.body), 'GET /a')
        t.match(asked, [{ transport: 'TCP', listener: { address: at.address, port: at.port }, client: { address: '127.0.0.1' } }])
        endpoints = [nowhere]
        t.match(await port.ask('fetch', { ...get, ...at }), { ok: false, error: { code: 'ECONNRESET' } }, 'nobody takes it')
        t.match(await port.ask('fetch', { ...get, ...nowhere }), { ok: false, error: { code: 'ECONNREFUSED' } })
        t.match(await port.ask('dial', { ...server, timeoutMs }), { ok: true })
      })
    })
    await t.test('a port of another process is moved', t =>
      within(
        () => ({ endpoints: [] }),
        async port => {
          const taken = await port.taken()
          const at = await must(port.ask<SocketAddress>('listen', { ...any, ...taken, serves: 'echo' }))
          t.match(at, { address: taken.address, moved: true })
          t.same(await port.ask('locate', { ...any, ...taken }), { ok: true, value: { address: at.address, port: at.port } })
          t.equal(text(await must(port.ask<Uint8Array>('exchange', { ...any, ...taken, bytes, timeoutMs, bodyBytesMax: 100 }))), 'ping')
          t.match(await port.ask('listen', { ...any, ...taken, mayMove: false }), { ok: false, error: { code: 'EADDRINUSE' } })
        }
      )
    )
  })
}
