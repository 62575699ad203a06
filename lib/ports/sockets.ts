// sockets: a port that dials, listens and pipes on real TCP and UDP sockets (loopback).
//
// Bytes do not pass through turns: the owner decides where a connection goes, and the port pipes. Every dial from
// inside the cluster is bound to the dialler's own address and goes through the cluster's table of moved ports.
//
// Guarantee: what the port holds is closed before its owner's next life starts; a connection between machines that
// are cut off from each other is refused, and an open one broken. A slow link does not slow bytes down.

import type { PortKind } from '../actor/index.js'

export const socketsPort: PortKind<SocketsProtocol> = { name: 'sockets' }

export type Transport = 'TCP' | 'UDP'

export interface SocketAddress {
  readonly address: string
  readonly port: number
}

export interface Listener extends SocketAddress {
  readonly transport: Transport
}

export interface SocketsProtocol {
  /**
   * Listens, and for each connection (or UDP session) asks the owner (`SocketsOwner.connection`) where it goes.
   * A port that cannot be bound because it is privileged or taken by another process is moved, and the cluster's table
   * remembers it; one that is taken by this cluster is refused. The answer is where it really listens.
   * Refused with `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES` or `invalid`.
   */
  listen(options: ListenOptions): SocketAddress & { readonly moved: boolean }
  /** Open connections go on. */
  closeListener(listener: Listener): void
  /** Whether that very port could be bound now. */
  probe(options: Listener): boolean
  /** Where that port is really served, if it was moved; otherwise itself. */
  locate(listener: Listener): SocketAddress
  /** Notes that `from` is really served at `to.port`, so that dials from inside find it. Null: no longer. */
  moved(entry: { readonly from: Listener; readonly to: number | null }): void
  /** Notes that an address, or a whole /24 as `127.9.2`, is on that machine: cuts between machines act on it. */
  place(entry: { readonly address: string; readonly machine: string }): void
  /** Opens and closes a TCP connection. Refused with `ECONNREFUSED`, `ETIMEDOUT`, ... */
  dial(options: SocketAddress & { readonly from?: string; readonly timeoutMs: number }): void
  /** One HTTP request, redirects not followed, certificates not verified. Refused as `dial` is; the body is cut at `bodyBytesMax`. */
  fetch(request: FetchRequest): FetchResponse
  /**
   * Sends bytes, half-closes, and collects what comes back until the peer closes, `bodyBytesMax` or `timeoutMs` passed.
   * Over UDP: one datagram, and the first that comes back; `ETIMEDOUT` without one.
   */
  exchange(request: ExchangeRequest): Uint8Array
  /** Breaks open connections between these two addresses (null: any), in either direction: what a cut cable does. */
  sever(between: { readonly from: string | null; readonly to: string | null }): number
  metrics(): SocketsMetrics
}

export interface ListenOptions extends Listener {
  readonly mayMove?: boolean // Default: true.
  /** The port answers by itself, and the owner is not asked: sends back what comes, or says this and hangs up. */
  readonly serves?: 'echo' | Uint8Array
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

export interface FetchResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>> // Lower-case names.
  readonly body: Uint8Array
}

export interface ExchangeRequest extends SocketAddress {
  readonly transport: Transport
  readonly from?: string
  readonly bytes: Uint8Array
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}

/** What an owner that listens must accept. */
export interface SocketsOwner {
  /** Where a new connection goes: endpoints to try in turn, or an empty list to refuse it. `from`: dial from there, not from the client's address. */
  connection(request: {
    readonly transport: Transport
    readonly listener: SocketAddress // As asked for, before any move.
    readonly client: SocketAddress
  }): { readonly endpoints: readonly SocketAddress[]; readonly from?: string }
}

export interface SocketsMetrics {
  readonly connections: number // Open now: TCP connections and UDP sessions.
  readonly accepted: number
  readonly refused: number
  readonly broken: number // By faults, or severed.
}

/** How long a connection waits for its owner to say where it goes. */
export const decisionTimeoutMs = 2000
/** Of one port, waiting or piped, TCP and UDP each; over it new ones are refused. */
export const connectionsMax = 8192
