// Listening: what a listener does with its socket, whatever is spoken on it.

import type { Server as NetServer, Socket } from 'node:net'
import { type Refusal, refuse } from '../../actor/index.js'

const connectionsMax = 4096

/**
 * How many streams of one connection a client may give up at once, and a second, before the connection ends (CVE-2023-44487). Whoever
 * closes a thousand watches at a time is no attacker. Node knows the options from 22.10 on; before, 1,000 and 33 hold.
 */
export const resetLimits = { streamResetBurst: 16_384, streamResetRate: 4096 }

export interface Listening {
  readonly server: NetServer
  close(): void
}

/**
 * Closed when the thread ends. Otherwise their sockets are still read, and HTTP/2 without any code left to run aborts the whole process
 * (Node 20: `onread->IsFunction()`).
 */
const open = new Set<Listening>()
process.on('exit', () => {
  for (const listener of open) listener.close()
})

export const opened = (listener: Listening): void => void open.add(listener)
export const closed = (listener: Listening): void => void open.delete(listener)

/** The connections it has, no more than so many. What goes wrong on one ends that one. */
export function acceptedBy(server: NetServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.maxConnections = connectionsMax
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  return sockets
}

/** Binds it to that address and port, 0 for any, and says which it got; if it cannot, it is closed, and the code is the system's. */
export function bind(
  listener: Listening,
  { address, port }: { readonly address: string; readonly port: number },
  done: (outcome: { readonly port: number } | Refusal) => void
): void {
  const { server } = listener
  const failed = (error: NodeJS.ErrnoException): void => {
    listener.close()
    done(refuse(error.code ?? 'invalid', error.message))
  }
  server.once('error', failed)
  server.listen(port, address, () => {
    server.off('error', failed)
    server.on('error', () => undefined)
    const bound = server.address()
    done({ port: typeof bound === 'object' && bound !== null ? bound.port : port })
  })
}
