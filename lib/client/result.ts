// Result: what a call to the API came to. A failure is a value that says whether anything may have happened.

import type { Failure } from '../actor/index.js'
import type { Status } from '../object/index.js'

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ApiError }

export interface ApiError {
  /** The server's answer; of a failure on the way there, one that we made up with code 0. */
  readonly status: Status
  readonly code: number // HTTP status; 0: no answer.
  /** The Status's reason (`NotFound`, `Conflict`, `Expired`, ...), or that of a failure on the way: `unreachable`, `timeout`, `down`, ... */
  readonly reason: string
  readonly message: string
  /** The same request may succeed later: no answer, overload, a timeout, a fault of the server. */
  readonly retryable: boolean
  /** It took no effect, ever. */
  readonly definite: boolean
}

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })

export const failed = (error: ApiError): { readonly ok: false; readonly error: ApiError } => ({ ok: false, error })

/** An answer of 400 and above. */
export function statusError(code: number, body: unknown): ApiError {
  const status: Status = isStatus(body)
    ? body
    : {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: typeof body === 'string' ? body : `status ${code}`,
        code
      }
  const reason = status.reason ?? ''
  // Timeout (504) and internal faults may come after the write was made.
  const indefinite = code >= 500 && reason !== 'ServerTimeout' && code !== 503
  return { status, code, reason, message: status.message ?? '', retryable: code === 429 || code >= 500, definite: !indefinite }
}

/** No answer came: the failure of the message itself. */
export function transportError(failure: Failure): ApiError {
  const message = failure.detail
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 0 }
  return { status, code: 0, reason: failure.code, message, retryable: true, definite: failure.definite }
}

export const isStatus = (body: unknown): body is Status =>
  typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status'

export const isNotFound = (result: Result<unknown>): boolean => !result.ok && result.error.reason === 'NotFound'
export const isConflict = (result: Result<unknown>): boolean => !result.ok && result.error.reason === 'Conflict'
export const isAlreadyExists = (result: Result<unknown>): boolean => !result.ok && result.error.reason === 'AlreadyExists'

/** The revision asked for is gone, whatever the server calls it: the client has to list again. */
export const isExpired = (error: ApiError): boolean =>
  error.code === 410 || ['Expired', 'Gone', 'expired', 'gone', 'compacted'].includes(error.reason)
