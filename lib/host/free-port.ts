// FreePort: the first port from one on that can be bound now.

import * as net from 'node:net'

const triesMax = 100

/** Throws an Error that says what to do if none of the next hundred is free. */
export async function freePort(address: string, first: number): Promise<number> {
  for (let port = first; port < Math.min(first + triesMax, 65_536); port++) if (await canListen(address, port)) return port
  throw new Error(`none of the ports ${first} to ${first + triesMax - 1} of ${address} is free: choose another with --port`)
}

export const canListen = (host: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
