// Bind: which port a listener really gets. Decided by trying, never by who the user is.

import type { Listener } from '../../ports/index.js'
import type { AddressTable } from '../address-table.js'
import { socketError } from './sockets-network.js'

/** Opens a socket on that port (0: any) and tells which one it got; throws what the system said. */
export type TryBind<S> = (port: number) => Promise<{ readonly socket: S; readonly port: number }>

const moveBy = 20_000

/**
 * A port that is privileged or taken by another process is moved by 20,000, else to any free one. A port taken by this
 * cluster is refused: two containers of a pod that listen on one port are a mistake their user must see.
 */
export async function bind<S>(
  addresses: AddressTable,
  { transport, address, port, mayMove = true }: Listener & { readonly mayMove?: boolean },
  tryBind: TryBind<S>
): Promise<{ readonly socket: S; readonly port: number; readonly moved: boolean }> {
  const noted = (bound: { readonly socket: S; readonly port: number }, moved: boolean) => {
    addresses.note(transport, address, port === 0 ? bound.port : port, bound.port)
    return { ...bound, moved }
  }
  const known = addresses.boundAt(transport, address, port)
  // A thread that died leaves its notes behind: an entry is believed only if the port it names is really taken.
  if (known !== undefined && known !== port) return noted(await tryBind(known), true)
  try {
    return noted(await tryBind(port), false)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const movable = mayMove && port !== 0 && known === undefined && (code === 'EADDRINUSE' || code === 'EACCES')
    if (!movable) throw error
  }
  for (const other of [port + moveBy, 0]) {
    if (other > 65_535) continue
    try {
      return noted(await tryBind(other), true)
    } catch (error) {
      if (other === 0) throw error
    }
  }
  throw socketError('EADDRINUSE', `no free port on ${address}`)
}
