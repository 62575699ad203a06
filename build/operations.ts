// Operations: paths, verbs, parameters and types of upstream's API, read from the JavaScript client's generated code.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { clientPackage, unescapeComment } from './client-models.js'
import { packageDirectory } from './kubectl-layer.js'

export interface Operation {
  /** `/api/v1/namespaces/{namespace}/pods/{name}/status` */
  readonly path: string
  readonly method: Method
  /** The client's name of it: `readNamespacedPod`. */
  readonly name: string
  readonly description: string
  readonly pathParameters: readonly Parameter[]
  readonly queryParameters: readonly Parameter[]
  /** The class of the body: `V1Pod`; `any` for patches. */
  readonly body?: string
  /** Classes of the answers, by status code. */
  readonly answers: Readonly<Record<string, string>>
}

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch' | 'head' | 'options'

export interface Parameter {
  readonly name: string
  readonly description: string
  readonly type: string
}

export function readOperations(): Operation[] {
  const directory = join(packageDirectory(clientPackage), 'dist', 'gen', 'apis')
  const operations: Operation[] = []
  for (const file of readdirSync(directory)) {
    if (!/V\d\w*Api\.js$/.test(file)) continue
    operations.push(...readApi(readFileSync(join(directory, file), 'utf8')))
  }
  if (operations.length === 0) throw new Error('operations: the client has none where they were expected')
  return operations.sort((a, b) => compare(a.path, b.path) || compare(a.method, b.method))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function readApi(code: string): Operation[] {
  const end = code.indexOf('ResponseProcessor {')
  if (end < 0) throw new Error('operations: an API of the client has no response processor')
  const answers = readAnswers(code.slice(end))
  const operations: Operation[] = []
  // A method of the request factory: its comment, its name, and what it does up to its return.
  const pattern = /\/\*\*\n((?:\s+\* [^\n]*\n)+)\s+\*\/\n\s+async (\w+)\([^)]*\) \{\n([\s\S]*?)\n\s+return requestContext;/g
  for (const [, comment, name, body] of code.slice(0, end).matchAll(pattern)) {
    operations.push(readOperation(comment as string, name as string, body as string, answers))
  }
  return operations
}

function readOperation(comment: string, name: string, body: string, answers: ReadonlyMap<string, Record<string, string>>): Operation {
  const path = /localVarPath = '([^']+)'/.exec(body)?.[1]
  const method = /HttpMethod\.(\w+)/.exec(body)?.[1]?.toLowerCase() as Method | undefined
  if (path === undefined || method === undefined) throw new Error(`operations: cannot read ${name}`)
  const descriptions = new Map<string, string>()
  for (const [, parameter, text] of comment.matchAll(/@param (\w+) ?([^\n]*)/g)) descriptions.set(parameter as string, text as string)
  // The client's own name of a parameter may differ (`_continue`), but its description stands under that.
  const describe = (parameter: string): string => unescapeComment(descriptions.get(parameter) ?? descriptions.get(`_${parameter}`) ?? '')
  const query = [...body.matchAll(/setQueryParam\("([^"]+)", ObjectSerializer\.serialize\(\w+, "([^"]+)"/g)]
  const bodyClass = /serialize\(body, "([^"]+)"/.exec(body)?.[1]
  return {
    path,
    method,
    name,
    description: unescapeComment(/\* ([^\n]*)/.exec(comment)?.[1] ?? ''),
    pathParameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => ({
      name: parameter,
      description: describe(parameter),
      type: 'string'
    })),
    queryParameters: query.map(([, parameter = '', type = '']) => ({ name: parameter, description: describe(parameter), type })),
    ...(bodyClass === undefined ? {} : { body: bodyClass }),
    answers: answers.get(name) ?? {}
  }
}

function readAnswers(code: string): Map<string, Record<string, string>> {
  const answers = new Map<string, Record<string, string>>()
  for (const part of code.split(/\n\s+async /).slice(1)) {
    const name = /^(\w+)WithHttpInfo\(/.exec(part)?.[1]
    if (name === undefined) continue
    const byCode: Record<string, string> = {}
    for (const [, status, type] of part.matchAll(/isCodeInRange\("(\d+)"[^{]*\{\s*const body = [\s\S]*?, "([^"]+)", ""\);/g)) {
      byCode[status as string] = type as string
    }
    answers.set(name, byCode)
  }
  return answers
}
