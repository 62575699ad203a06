// http: a port that serves HTTP/1.1 and HTTP/2 on a real socket, and hands whole requests to its owner.
//
// TLS, framing, body limits and back-pressure are the port's; what to answer is the owner's. Bodies are bytes.
// The port keeps at most `bufferedBytesMax` a stream; a stream over it is told as stalled, once, and may be aborted.

import type { PortKind } from '../actor/index.js'

export const httpPort: PortKind<HttpProtocol> = { name: 'http' }

/** What the owner asks of the port. A request is named by the `id` it came with. */
export interface HttpProtocol {
  /** Refused with `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` or `invalid`. `port` 0: any free one. */
  listen(options: HttpListenOptions): { readonly port: number }
  closeListener(listener: { readonly address: string; readonly port: number }): void
  /** The whole answer. */
  respond(response: HttpResponse): void
  /** The head of an answer whose body follows by `write` and `end`. */
  begin(response: Omit<HttpResponse, 'body'>): void
  /**
   * The same bytes to every stream: one call, whatever their number. Told, a stream over `bufferedBytesMax` is stalled.
   * Asked, it is answered once every stream has taken the bytes: how one writes much without stalling anybody.
   */
  write(fanout: { readonly ids: readonly number[]; readonly bytes: Uint8Array }): void
  end(streams: { readonly ids: readonly number[] }): void
  abort(streams: { readonly ids: readonly number[] }): void
}

export interface HttpListenOptions {
  readonly address: string
  readonly port: number
  readonly tls?: {
    readonly certPem: string
    readonly keyPem: string
    /** Client certificates are asked for, and accepted if one of these signed them. */
    readonly clientCaPem?: string
  }
  readonly bodyBytesMax: number
}

export interface HttpResponse {
  readonly id: number
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** What the owner must accept. All of it comes as tells. */
export interface HttpOwner {
  httpRequest(request: HttpRequest): void
  /** The client went away before it was answered whole (by `respond` or `end`). Nothing more will be sent to it. */
  httpClosed(stream: { readonly id: number }): void
  /** The stream's client does not read: `bufferedBytes` wait for it. */
  httpStalled(stream: { readonly id: number; readonly bufferedBytes: number }): void
}

export interface HttpRequest {
  readonly id: number
  readonly method: string
  readonly path: string // With its query, as sent.
  readonly headers: Readonly<Record<string, string>> // Lower-case names; repeated ones joined by ', '.
  readonly body: Uint8Array
  /** The subject of a verified client certificate: common name and organizations. */
  readonly client: { readonly commonName: string; readonly organizations: readonly string[] } | null
  readonly remoteAddress: string
  readonly localAddress: string
  /** `too large`: the body was over the limit and was not kept. */
  readonly fault?: 'too large'
}

export const bufferedBytesMax = 1 << 20
