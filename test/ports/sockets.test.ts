import * as http from 'node:http'
import * as net from 'node:net'
import type { Actor, Outcome, Ref } from '../../lib/actor/index.js'
import { ask } from '../../lib/actor/index.js'
import { loadSockets } from '../../lib/host/ports/sockets.js'
import { type SocketAddress, type SocketsOwner, type SocketsProtocol, socketsPort } from '../../lib/ports/index.js'
import { type SimulatedServer, SimulatedSockets, World } from '../../lib/sim/index.js'
import { PortHarness } from './port-harness.js'
import { type Decide, type SocketsHarness, socketsConformance } from './sockets-conformance.js'

const listening = (server: net.Server): Promise<SocketAddress> =>
  new Promise(resolve =>
    server.listen(0, '127.0.0.1', () => resolve({ address: '127.0.0.1', port: (server.address() as net.AddressInfo).port }))
  )

socketsConformance('real', async (decide): Promise<SocketsHarness> => {
  const servers: net.Server[] = []
  const port = await PortHarness.start('sockets', loadSockets, { connection: (_, __, connection) => decide(connection) })
  const opened = (server: net.Server): Promise<SocketAddress> => {
    servers.push(server)
    return listening(server)
  }
  return {
    ask: (type, body) => port.ask(type, body),
    http: () => opened(http.createServer((request, response) => response.end(`${request.method} ${request.url}`))),
    taken: () => opened(net.createServer()),
    stop: () => {
      port.kill()
      for (const server of servers) server.close()
    }
  }
})

interface OwnerProtocol extends SocketsOwner {
  ask(call: { readonly type: string; readonly body: unknown }): Outcome<unknown>
}

const ownerOf = (decide: Decide): Actor<OwnerProtocol, void, null> => ({
  name: 'owner',
  ports: [socketsPort],
  init: () => null,
  on: {
    connection: (_ctx, _state, connection) => decide(connection),
    *ask(ctx, _state, { type, body }) {
      return (yield* ask(ctx.port(socketsPort) as Ref<SocketsProtocol>, 10_000, type as 'listen', body as never)) as Outcome<unknown>
    }
  }
})

const server: Actor<SimulatedServer, void, null> = {
  name: 'server',
  init: () => null,
  on: {
    serveFetch: (_ctx, _state, { method, path }) => ({ status: 200, headers: {}, body: new TextEncoder().encode(`${method} ${path}`) })
  }
}

socketsConformance('simulated', async (decide): Promise<SocketsHarness> => {
  const sockets = new SimulatedSockets()
  const world = new World({ seed: 7, ports: { sockets: sockets.port } })
  const owner = 'm/owner' as Ref<OwnerProtocol>
  world.start(owner, ownerOf(decide))
  world.start('n/server', server)
  world.runUntil(() => world.lives(owner) && world.lives('n/server'), 1000)
  return {
    async ask<T>(type: string, body?: unknown) {
      const answer = world.client.call(owner, 20_000, 'ask', { type, body })
      if (!answer.ok) throw new Error(answer.error.detail)
      return answer.value as Outcome<T>
    },
    async http() {
      const at = { address: '127.0.0.1', port: 8080 }
      sockets.serve(at, 'n/server' as Ref<SimulatedServer>)
      return at
    },
    async taken() {
      sockets.taken.add('127.0.0.1:8081')
      return { address: '127.0.0.1', port: 8081 }
    },
    stop: () => undefined
  }
})
