// OpenAPI v3: one document per group version, and the index that names them with the hash of their content.
//
// kubectl reads them for `explain`, to find out whether a PATCH takes `fieldValidation`, and to compute strategic merge patches.

import { createHash } from 'node:crypto'
import { closure, type Model, type Models } from './models.js'
import {
  type Dialect,
  type GroupVersionKind,
  groupVersionKinds,
  info,
  type Json,
  modelDocument,
  modelsOfOperation,
  patchDescription,
  patchModel,
  patchTypes,
  type ServedOperation
} from './openapi.js'
import type { Parameter } from './operations.js'
import { listModelOf, modelOf, type ServedKind } from './served.js'

/** Documents by name: `api/v1`, `apis/apps/v1`. */
export function buildDocuments(models: Models, operations: readonly ServedOperation[], kinds: readonly ServedKind[]): Map<string, Json> {
  const gvks = groupVersionKinds(kinds)
  const documents = new Map<string, Json>()
  // A kind that is only the body of a subresource appears in the document of that subresource, and makes no group of its own.
  for (const name of new Set(kinds.filter(kind => kind.resource !== undefined).map(documentOf))) {
    const own = operations.filter(operation => operation.document === name)
    const roots = new Set(own.flatMap(operation => [...modelsOfOperation(operation, models)]))
    for (const kind of kinds.filter(candidate => documentOf(candidate) === name)) {
      for (const model of [modelOf(kind), listModelOf(kind)]) if (models.byName.has(model)) roots.add(model)
    }
    documents.set(name, buildDocument(own, closure(models, roots), models, gvks))
  }
  return documents
}

export const documentOf = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`

/** The answer to `GET /openapi/v3`, given the documents as they are served. */
export function buildIndex(texts: ReadonlyMap<string, string>): Json {
  const paths: Record<string, Json> = {}
  for (const [name, text] of texts) {
    const hash = createHash('sha512').update(text).digest('hex').toUpperCase()
    paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }
  }
  return { paths }
}

function buildDocument(
  operations: readonly ServedOperation[],
  used: readonly Model[],
  models: Models,
  gvks: ReadonlyMap<string, GroupVersionKind>
): Json {
  const schemas: Record<string, Json> = {}
  for (const model of used) schemas[model.name] = modelDocument(model, models, dialect, gvks.get(model.name))
  schemas[patchModel] = { description: patchDescription, type: 'object' }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    paths[operation.path] ??= pathItem(operation)
    ;(paths[operation.path] as Record<string, unknown>)[operation.method] = operationDocument(operation, models)
  }
  const securitySchemes = {
    BearerToken: { description: 'Bearer Token authentication', in: 'header', name: 'authorization', type: 'apiKey' }
  }
  return { openapi: '3.0.0', info, paths, components: { schemas, securitySchemes } }
}

function pathItem(operation: ServedOperation): Record<string, unknown> {
  const parameters = operation.pathParameters.map(parameter => ({ ...parameterDocument(parameter, 'path'), required: true }))
  return parameters.length > 0 ? { parameters } : {}
}

function operationDocument(operation: ServedOperation, models: Models): Json {
  const responses: Record<string, Json> = {}
  for (const [status, type] of Object.entries(operation.answers)) {
    responses[status] = { description: descriptions[status] ?? 'OK', content: contentOf(type, operation.action === 'list', models) }
  }
  if (Object.keys(responses).length === 0) responses['200'] = { description: 'OK' }
  return {
    description: operation.description,
    operationId: operation.name,
    parameters: operation.queryParameters.map(parameter => parameterDocument(parameter, 'query')),
    ...(operation.body === undefined ? {} : { requestBody: requestBody(operation, models) }),
    responses: { ...responses, '401': { description: 'Unauthorized' } },
    tags: [tagOf(operation)],
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.gvk
  }
}

const descriptions: Readonly<Record<string, string>> = { '200': 'OK', '201': 'Created', '202': 'Accepted' }

function requestBody(operation: ServedOperation, models: Models): Json {
  const content: Record<string, Json> = {}
  if (operation.method === 'patch') for (const type of patchTypes) content[type] = { schema: reference(patchModel) }
  else content['*/*'] = { schema: schemaOfClass(operation.body as string, models) }
  return { content, ...(operation.method === 'delete' ? {} : { required: true }) }
}

function contentOf(type: string, isList: boolean, models: Models): Json {
  const schema = schemaOfClass(type, models)
  if (type === 'string') return { '*/*': { schema }, 'text/plain': { schema } }
  const content = { 'application/json': { schema }, 'application/yaml': { schema } }
  return isList ? { ...content, 'application/json;stream=watch': { schema } } : content
}

function schemaOfClass(type: string, models: Models): Json {
  const name = models.nameOfClass.get(type)
  return name === undefined ? { type: type === 'string' ? 'string' : 'object' } : reference(name)
}

const parameterDocument = ({ name, description, type }: Parameter, where: 'path' | 'query'): Json => ({
  ...(description ? { description } : {}),
  in: where,
  name,
  schema: { type: type === 'number' ? 'integer' : type, uniqueItems: true }
})

export const tagOf = ({ document }: { document: string }): string => {
  const [, group = '', version] = document.split('/')
  return version === undefined ? `core_${group}` : `${(group.replace(/\.k8s\.io$/, '').split('.')[0] as string) || group}_${version}`
}

const reference = (model: string): Json => ({ $ref: `#/components/schemas/${model}` })

const dialect: Dialect = {
  // A reference may have no siblings in OpenAPI 3.0, so upstream wraps it.
  reference: model => ({ allOf: [reference(model)] }),
  ownForm: ({ format, preserveUnknownFields, type }) => {
    if (format === 'quantity') return { oneOf: [{ type: 'string' }, { type: 'number' }] }
    if (format === 'int-or-string') return { format, oneOf: [{ type: 'integer' }, { type: 'string' }] }
    if (format === 'date-time-micro') return { type: 'string', format: 'date-time' }
    if (format === 'duration') return { type: 'string' }
    return preserveUnknownFields ? { ...(type ? { type } : {}) } : undefined
  }
}
