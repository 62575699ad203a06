// Continuation: where the next page of a list begins, as an opaque token of upstream's form.

import { errors } from '../object/index.js'

export interface Continuation {
  /** As of which revision; -1: as of now, whatever that is. */
  readonly revision: number
  /** The first key of the page. */
  readonly start: string
}

interface Token {
  readonly v: string
  readonly rv: number
  readonly start: string
}

const version = 'meta.k8s.io/v1'

/** Keys in tokens are without the resource's prefix. */
export function continueToken({ revision, start }: Continuation, prefix: string): string {
  const token: Token = { v: version, rv: revision, start: start.slice(prefix.length) }
  return btoa(JSON.stringify(token)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

export function parseContinue(text: string, prefix: string): Continuation {
  const token = decode(text)
  if (token?.v !== version) throw errors.badRequest('continue key is not valid: server does not recognize this encoded version')
  const { rv, start } = token
  if (!Number.isInteger(rv) || rv === 0)
    throw errors.badRequest('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  if (typeof start !== 'string' || start === '')
    throw errors.badRequest('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)')
  return { revision: rv, start: prefix + start }
}

function decode(text: string): Token | undefined {
  try {
    return JSON.parse(atob(text.replaceAll('-', '+').replaceAll('_', '/'))) as Token
  } catch (error) {
    throw errors.badRequest(`continue key is not valid: ${error instanceof Error ? error.message : String(error)}`)
  }
}
