// What a patch comes to: a new object, or the error to answer with. The object patched is never changed.

import type { Json } from '../api-object.js'
import { badRequest, requestEntityTooLarge, StatusError } from '../status.js'

export type PatchResult = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly error: StatusError }

export const patchOperationsMax = 10_000 // Operations in one JSON patch; upstream's limit.
export const patchDepthMax = 128 // Levels of nesting a patch is followed to.
export const patchCopyBytesMax = 3 * 1024 * 1024 // What all copy operations of one patch may add; upstream's limit.

/** A fault of a patch, thrown inside this folder and never out of it. */
export class PatchFault extends Error {
  readonly malformed: boolean

  constructor(message: string, malformed = false) {
    super(message)
    this.malformed = malformed
  }
}

/** Upstream tells why only for malformed patches; one that does not apply is refused without a word of which operation. */
export function unprocessable(): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'the server rejected our request due to an error in our request',
    reason: 'Invalid',
    details: {},
    code: 422
  })
}

export const tooManyOperations = (count: number): StatusError =>
  requestEntityTooLarge(`The allowed maximum operations in a JSON patch is ${patchOperationsMax}, got ${count}`)

export const faultError = (fault: PatchFault): StatusError => (fault.malformed ? badRequest(fault.message) : unprocessable())

export type JsonObject = { [name: string]: Json }

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
