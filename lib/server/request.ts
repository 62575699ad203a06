// Request: what a path and a method ask for, as upstream's RequestInfo reads them.

import { errors } from '../object/index.js'

export interface Query {
  get(name: string): string | undefined
  all(name: string): readonly string[]
}

export type ResourceVerb = 'create' | 'get' | 'list' | 'watch' | 'update' | 'patch' | 'delete' | 'deletecollection'

export interface ResourceRequest {
  readonly verb: ResourceVerb
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string // '' without.
  readonly namespace: string // '' without.
  readonly name: string // '' without.
  /** What comes after the subresource: a path to proxy to. */
  readonly rest: string
}

export interface RequestTarget {
  readonly path: string
  readonly query: Query
  /** Undefined: not a request of a resource: discovery, health, OpenAPI. */
  readonly resource: ResourceRequest | undefined
}

const queryPairsMax = 256

export function parseTarget(method: string, url: string): RequestTarget {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? emptyQuery : parseQuery(url.slice(mark + 1))
  return { path, query, resource: parseResource(method, path, query) }
}

const isTrue = (text: string | undefined): boolean => text !== undefined && text.toLowerCase() !== 'false' && text !== '0'

/** A boolean as upstream reads it from a query: anything but `false` and `0` is true. */
export const flag = (query: Query, name: string): boolean => isTrue(query.get(name))

function parseResource(method: string, path: string, query: Query): ResourceRequest | undefined {
  const parts = path.split('/').slice(1).map(decode)
  if (parts.at(-1) === '') parts.pop()
  const head = parts[0]
  if (parts.length < 3 || (head !== 'api' && head !== 'apis') || (head === 'apis' && parts.length < 4)) return undefined
  const group = head === 'api' ? '' : (parts[1] as string)
  const version = parts[head === 'api' ? 1 : 2] as string
  let rest = parts.slice(head === 'api' ? 2 : 3)
  const oldWatch = rest[0] === 'watch' && rest.length > 1
  if (oldWatch) rest = rest.slice(1)
  let namespace = ''
  // A namespace is itself a resource, with subresources of its own.
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] as string)) {
    namespace = rest[1] as string
    rest = rest.slice(2)
  }
  const [resource = '', name = '', subresource = '', ...more] = rest
  if (resource === 'namespaces' && name !== '') namespace = name
  const verb = oldWatch ? 'watch' : verbOf(method, name, query)
  return verb === undefined ? undefined : { verb, group, version, resource, subresource, namespace, name, rest: more.join('/') }
}

function verbOf(method: string, name: string, query: Query): ResourceVerb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return name !== '' ? 'get' : flag(query, 'watch') ? 'watch' : 'list'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name !== '' ? 'delete' : 'deletecollection'
    default:
      return undefined
  }
}

const none: readonly string[] = []
const emptyQuery: Query = { get: () => undefined, all: () => none }

function parseQuery(text: string): Query {
  const values = new Map<string, string[]>()
  const pairs = text.split('&', queryPairsMax)
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(plus(equals < 0 ? pair : pair.slice(0, equals)))
    const value = equals < 0 ? '' : decode(plus(pair.slice(equals + 1)))
    const known = values.get(name)
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  return { get: name => values.get(name)?.[0], all: name => values.get(name) ?? none }
}

const plus = (text: string): string => text.replaceAll('+', ' ')

function decode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    throw errors.badRequest(`invalid URL escape ${JSON.stringify(text)}`)
  }
}
