// Paths: what the server answers outside resources: health, version, discovery, OpenAPI.

import { ask, type Flow } from '../actor/index.js'
import { errors } from '../object/index.js'
import { resourcesPort } from '../ports/index.js'
import { aggregatedDiscovery, aggregatedType, coreVersions, groupDocument, groupList, resourceList, wantsAggregated } from './discovery.js'
import { parseAccept } from './negotiation.js'
import { jsonReply } from './presentation.js'
import type { Query } from './request.js'
import type { Reply, Serving } from './serving.js'

const encoder = new TextEncoder()
const resourceTimeoutMs = 5_000

export const serverVersion = {
  major: '1',
  minor: '34',
  emulationMajor: '1',
  emulationMinor: '34',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '33',
  gitVersion: 'v1.34.0+kabuki',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'node'
}

export interface PathRequest {
  readonly method: string
  readonly path: string
  readonly query: Query
  readonly accept: string | undefined
}

export function* answerPath(serving: Serving, request: PathRequest, ready: boolean): Flow<Reply> {
  const { path } = request
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw errors.methodNotAllowed({ group: '', resource: path }, request.method.toLowerCase())
  const [, first = '', ...rest] = path.replace(/\/$/, '').split('/')
  switch (first) {
    case '':
      return jsonReply({ paths: rootPaths(serving) })
    case 'version':
      return jsonReply(serverVersion)
    case 'healthz':
    case 'livez':
    case 'readyz':
      return health(first, request.query, first === 'readyz' ? ready : true)
    case 'api':
    case 'apis':
      return discovery(serving, request, first, rest)
    case 'openapi':
      return yield* openApi(serving, request, rest)
    default:
      throw errors.unknownPath()
  }
}

function discovery({ resources }: Serving, { accept }: PathRequest, root: string, rest: readonly string[]): Reply {
  const core = root === 'api'
  if (rest.length === 0) {
    if (!wantsAggregated(accept)) return jsonReply(core ? coreVersions() : groupList(resources))
    const body = encoder.encode(JSON.stringify(aggregatedDiscovery(resources, core)))
    return { status: 200, contentType: aggregatedType, body, headers: { vary: 'Accept' } }
  }
  const [group = '', version] = core ? ['', ...rest] : rest
  const document = version === undefined ? groupDocument(resources, group) : resourceList(resources, group, version)
  if (document === undefined || rest.length > (core ? 1 : 2)) throw errors.unknownPath()
  return jsonReply(document)
}

function health(name: string, query: Query, healthy: boolean): Reply {
  const verbose = query.get('verbose') !== undefined || !healthy
  const checks = [`[+]ping ok`, healthy ? '[+]watch-cache ok' : '[-]watch-cache failed: reason withheld']
  const text = verbose ? `${checks.join('\n')}\n${name} check ${healthy ? 'passed' : 'failed'}\n` : 'ok'
  return { status: healthy ? 200 : 500, contentType: 'text/plain; charset=utf-8', body: encoder.encode(text) }
}

function* openApi(serving: Serving, { accept }: PathRequest, rest: readonly string[]): Flow<Reply> {
  const wanted = parseAccept(accept || '*/*').map(({ type }) => type)
  if (!wanted.some(type => ['application/json', '*/*', 'application/*'].includes(type))) throw errors.notAcceptable(['application/json'])
  const name = openApiFile(rest)
  if (name === undefined) throw errors.unknownPath()
  // Large, and asked for seldom: read when needed, not kept.
  const file = yield* ask(serving.ctx.port(resourcesPort), resourceTimeoutMs, 'read', { name })
  if (!file.ok) throw file.error.code === 'not found' ? errors.unknownPath() : errors.internalError(file.error.detail)
  return { status: 200, contentType: 'application/json', body: file.value }
}

function openApiFile([version, ...rest]: readonly string[]): string | undefined {
  if (version === 'v2' && rest.length === 0) return 'openapi/v2.json'
  if (version !== 'v3') return undefined
  if (rest.length === 0) return 'openapi/index.json'
  return rest.every(part => /^[\w.-]+$/.test(part) && part !== '..') ? `openapi/v3/${rest.join('/')}.json` : undefined
}

const rootPaths = ({ resources }: Serving): string[] => [
  '/api',
  '/api/v1',
  '/apis',
  ...resources.groups
    .filter(group => group !== '')
    .flatMap(group => [`/apis/${group}`, ...(resources.versions(group) ?? []).map(version => `/apis/${group}/${version}`)]),
  '/healthz',
  '/livez',
  '/openapi/v2',
  '/openapi/v3',
  '/readyz',
  '/version'
]
