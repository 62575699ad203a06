// OpenAPI v2: the one document of all group versions, as older clients read it.

import { closure, type Models } from './models.js'
import {
  type Dialect,
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
import { tagOf } from './openapi-v3.js'
import { listModelOf, modelOf, type ServedKind } from './served.js'

export function buildSwagger(models: Models, operations: readonly ServedOperation[], kinds: readonly ServedKind[]): Json {
  const gvks = groupVersionKinds(kinds)
  const roots = new Set(operations.flatMap(operation => [...modelsOfOperation(operation, models)]))
  for (const kind of kinds) for (const name of [modelOf(kind), listModelOf(kind)]) if (models.byName.has(name)) roots.add(name)
  const definitions: Record<string, Json> = {}
  for (const model of closure(models, roots)) definitions[model.name] = modelDocument(model, models, dialect, gvks.get(model.name))
  definitions[patchModel] = { description: patchDescription, type: 'object' }
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    paths[operation.path] ??= pathItem(operation)
    ;(paths[operation.path] as Record<string, unknown>)[operation.method] = operationDocument(operation, models)
  }
  const securityDefinitions = {
    BearerToken: { description: 'Bearer Token authentication', in: 'header', name: 'authorization', type: 'apiKey' }
  }
  return { swagger: '2.0', info, paths, definitions, securityDefinitions, security: [{ BearerToken: [] }] }
}

function pathItem(operation: ServedOperation): Record<string, unknown> {
  const parameters = operation.pathParameters.map(({ name, description }) => ({
    ...(description ? { description } : {}),
    in: 'path',
    name,
    required: true,
    type: 'string',
    uniqueItems: true
  }))
  return parameters.length > 0 ? { parameters } : {}
}

function operationDocument(operation: ServedOperation, models: Models): Json {
  const parameters: Json[] = operation.queryParameters.map(({ name, description, type }) => ({
    ...(description ? { description } : {}),
    in: 'query',
    name,
    type: type === 'number' ? 'integer' : type,
    uniqueItems: true
  }))
  if (operation.body !== undefined) {
    const schema = operation.method === 'patch' ? reference(patchModel) : schemaOfClass(operation.body, models)
    parameters.push({ in: 'body', name: 'body', ...(operation.method === 'delete' ? {} : { required: true }), schema })
  }
  const responses: Record<string, Json> = {}
  for (const [status, type] of Object.entries(operation.answers)) {
    responses[status] = {
      description: status === '200' ? 'OK' : status === '201' ? 'Created' : 'Accepted',
      schema: schemaOfClass(type, models)
    }
  }
  if (Object.keys(responses).length === 0) responses['200'] = { description: 'OK' }
  return {
    consumes: operation.method === 'patch' ? patchTypes : ['*/*'],
    description: operation.description,
    operationId: operation.name,
    parameters,
    produces: ['application/json', 'application/yaml', ...(operation.action === 'list' ? ['application/json;stream=watch'] : [])],
    responses: { ...responses, '401': { description: 'Unauthorized' } },
    schemes: ['https'],
    tags: [tagOf(operation)],
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.gvk
  }
}

function schemaOfClass(type: string, models: Models): Json {
  const name = models.nameOfClass.get(type)
  return name === undefined ? { type: type === 'string' ? 'string' : 'object' } : reference(name)
}

const reference = (model: string): Json => ({ $ref: `#/definitions/${model}` })

const dialect: Dialect = {
  reference,
  ownForm: ({ format, preserveUnknownFields, type }) => {
    if (format === 'quantity' || format === 'duration') return { type: 'string' }
    if (format === 'int-or-string') return { type: 'string', format }
    if (format === 'date-time-micro') return { type: 'string', format: 'date-time' }
    return preserveUnknownFields ? { ...(type ? { type } : {}) } : undefined
  }
}
