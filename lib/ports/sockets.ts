// sockets: a port that dials, listens and pipes on real TCP and UDP sockets (loopback).
//
// Bytes do not pass through turns: the owner decides where a connection goes, and the port pipes. Every dial from
// inside the cluster is bound to the dialler's own address and goes through the cluster's table of moved ports.

import type { PortKind } from '../actor/index.js'

export const socketsPort: PortKind<SocketsProtocol> = { name: 'sockets' }

export type Transport = 'TCP' | 'UDP'

export interface SocketAddress {
  readonly address: string
  readonly port: number
}

export interface SocketsProtocol {
  /**
   * Listens, and for each connection (or UDP session) asks the owner (`SocketsOwner.connection`) where it goes.
   * A port that cannot be bound because it is privileged or taken is moved, and the cluster's table remembers it.
   * Refused with `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES` or `invalid`.
   */
  listen(
    options: SocketAddress & { readonly transport: Transport; readonly mayMove?: boolean }
  ): SocketAddress & { readonly moved: boolean }
  closeListener(listener: SocketAddress & { readonly transport: Transport }): void
  /** Whether that port could be bound now. */
  probe(options: SocketAddress & { readonly transport: Transport }): boolean
  /** Notes that `from` is really served at `to`, so that dials from inside find it. */
  moved(entry: { readonly from: SocketAddress; readonly to: SocketAddress; readonly transport: Transport }): void
  /** Opens and closes a TCP connection. Refused with `ECONNREFUSED`, `ETIMEDOUT`, ... */
  dial(options: SocketAddress & { readonly from?: string; readonly timeoutMs: number }): void
  /** One HTTP request, redirects not followed. Refused as `dial` is; the body is cut at `bodyBytesMax`. */
  fetch(request: FetchRequest): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array }
  /** Sends bytes, half-closes, and collects what comes back until the peer closes or `timeoutMs` passed. */
  exchange(
    request: SocketAddress & {
      readonly transport: Transport
      readonly from?: string
      readonly bytes: Uint8Array
      readonly timeoutMs: number
      readonly bodyBytesMax: number
    }
  ): Uint8Array
  /** Breaks open connections between these two addresses (null: any): what a cut cable does. */
  sever(between: { readonly from: string | null; readonly to: string | null }): number
}

export interface FetchRequest extends SocketAddress {
  readonly scheme: 'http' | 'https'
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly from?: string
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}

/** What an owner that listens must accept. */
export interface SocketsOwner {
  /** Where a new connection goes: endpoints to try in turn, or an empty list to refuse it. */
  connection(request: {
    readonly transport: Transport
    readonly listener: SocketAddress // As asked for, before any move.
    readonly client: SocketAddress
  }): { readonly endpoints: readonly SocketAddress[]; readonly from?: string }
}
