// Incoming: a request, however it came: over HTTP, or by message from inside the process.

import type { ApiRequest } from '../client/index.js'
import type { HttpRequest } from '../ports/index.js'
import { type User, userOfAddress, userOfCertificate } from './authentication.js'

/** As upstream's limit of a body. */
export const bodyBytesMax = 3 << 20

export interface Incoming {
  readonly method: string
  readonly url: string
  readonly body: Uint8Array
  readonly contentType: string | undefined
  readonly accept: string | undefined
  readonly agent: string
  readonly user: User | undefined
  readonly tooLarge: boolean
  readonly timeoutMs: number
}

const none = new Uint8Array(0)

export function incomingOfHttp(request: HttpRequest, timeoutMs: number): Incoming {
  const { headers } = request
  return {
    method: request.method,
    url: request.path,
    body: request.body,
    contentType: headers['content-type'],
    accept: headers.accept,
    agent: (headers['user-agent'] ?? 'unknown').split('/')[0] as string,
    user: userOfCertificate(request.client),
    tooLarge: request.fault === 'too large',
    timeoutMs
  }
}

/** `from`, the sender's address, is the identity. */
export function incomingOfMessage(from: string, request: ApiRequest, timeoutMs: number): Incoming {
  return {
    method: request.method,
    url: request.path,
    body: request.body ?? none,
    contentType: request.contentType,
    accept: undefined,
    agent: from.slice(from.indexOf('/') + 1),
    user: userOfAddress(from),
    tooLarge: (request.body?.length ?? 0) > bodyBytesMax,
    timeoutMs
  }
}
