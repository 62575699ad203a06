// OpenAPI: what the documents of version 2 and 3 have in common: which operations are served, on which kind, and how a model reads.

import type { Schema } from '../lib/object/index.js'
import type { Model, Models } from './models.js'
import type { Operation } from './operations.js'
import { modelOf, type ServedKind } from './served.js'

export type Json = { readonly [key: string]: unknown }

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface ServedOperation extends Operation {
  /** `api/v1`, `apis/apps/v1`: the document it belongs to. */
  readonly document: string
  readonly action: string
  readonly gvk: GroupVersionKind
}

export const patchModel = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'
export const patchDescription = 'A change to an object: which form it has follows from the content type.'
export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml'
] as const

export const info = { title: 'Kubernetes', version: 'v1.34.0' } as const

/** The subset of operations whose resource is among the kinds served. */
export function serve(operations: readonly Operation[], kinds: readonly ServedKind[], models: Models): ServedOperation[] {
  const served: ServedOperation[] = []
  const groups = groupVersionKinds(kinds)
  for (const operation of operations) {
    const match =
      /^\/(api\/v1|apis\/([^/]+)\/([^/]+))(?:\/namespaces\/\{namespace\}(?=\/))?\/([a-z]+)(?:\/\{name\}(?:\/([a-z]+))?)?(\/\{path\})?$/.exec(
        operation.path
      )
    if (!match) continue
    const [, document = '', group = '', version = 'v1', resource = '', subresource] = match
    const kind = kinds.find(candidate => candidate.group === group && candidate.version === version && candidate.resource === resource)
    if (!kind) continue
    const gvk = subresource === undefined ? kind : kindOfSubresource(operation, kind, subresource, models, groups)
    served.push({ ...operation, document, action: actionOf(operation), gvk: { group: gvk.group, version: gvk.version, kind: gvk.kind } })
  }
  return served
}

// What a connection's parameters are called; no operation names these kinds as body or answer.
const connectKinds: Readonly<Record<string, string>> = {
  attach: 'PodAttachOptions',
  exec: 'PodExecOptions',
  portforward: 'PodPortForwardOptions'
}

function kindOfSubresource(
  operation: Operation,
  kind: ServedKind,
  subresource: string,
  models: Models,
  groups: ReadonlyMap<string, GroupVersionKind>
): GroupVersionKind {
  if (subresource === 'proxy') return { ...kind, kind: `${kind.kind}ProxyOptions` }
  if (connectKinds[subresource] !== undefined) return { ...kind, kind: connectKinds[subresource] }
  const type =
    operation.body !== undefined && operation.body !== 'any' ? operation.body : (operation.answers['200'] ?? operation.answers['201'])
  return groups.get(models.nameOfClass.get(type ?? '') ?? '') ?? kind
}

function actionOf({ name, method }: Operation): string {
  if (name.startsWith('connect')) return 'connect'
  if (name.startsWith('list')) return 'list'
  return name.startsWith('deleteCollection') ? 'deletecollection' : method
}

/** The kind of each model that is one, lists included. */
export function groupVersionKinds(kinds: readonly ServedKind[]): Map<string, GroupVersionKind> {
  const found = new Map<string, GroupVersionKind>()
  for (const { group, version, kind, resource } of kinds) {
    const name = modelOf({ group, version, kind })
    found.set(name, { group, version, kind })
    if (resource !== undefined) found.set(`${name}List`, { group, version, kind: `${kind}List` })
  }
  for (const kind of ['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'DeleteOptions', 'Status', 'WatchEvent']) {
    found.set(`io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`, { group: '', version: 'v1', kind })
  }
  return found
}

/** Models that an operation names. */
export function* modelsOfOperation(operation: Operation, models: Models): Generator<string> {
  for (const type of [operation.body, ...Object.values(operation.answers)]) {
    const name = models.nameOfClass.get(type ?? '')
    if (name !== undefined) yield name
  }
}

/** How the two versions differ in saying the same. */
export interface Dialect {
  readonly reference: (model: string) => Json
  readonly ownForm: (schema: Schema) => Json | undefined
}

export function modelDocument(model: Model, models: Models, dialect: Dialect, gvk: GroupVersionKind | undefined): Json {
  const description = model.description ? { description: model.description } : {}
  const own = dialect.ownForm(model.schema)
  if (own) return { ...description, ...own }
  const properties: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(model.schema.properties ?? {})) {
    // The client has lost the description of such a property; what its model says is the next best.
    const text = model.descriptions[name] ?? models.byName.get(schema.ref ?? '')?.description
    const zero = schema.default ?? model.zeros[name]
    properties[name] = {
      ...(text ? { description: text } : {}),
      ...(zero === undefined ? {} : { default: zero }),
      ...schemaDocument(schema, dialect)
    }
  }
  return {
    ...description,
    ...schemaDocument({ ...model.schema, properties: {} }, dialect),
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(gvk ? { 'x-kubernetes-group-version-kind': [gvk] } : {})
  }
}

function schemaDocument(schema: Schema, dialect: Dialect): Json {
  if (schema.ref !== undefined) return { ...dialect.reference(schema.ref), ...extensions(schema) }
  const own = dialect.ownForm(schema)
  return {
    ...(own ?? { ...(schema.type ? { type: schema.type } : {}), ...(schema.format ? { format: schema.format } : {}) }),
    ...(schema.required ? { required: schema.required } : {}),
    ...(schema.items ? { items: elementDocument(schema.items, dialect) } : {}),
    ...(schema.additionalProperties ? { additionalProperties: elementDocument(schema.additionalProperties, dialect) } : {}),
    ...extensions(schema)
  }
}

// Upstream states the zero value of elements too.
function elementDocument(schema: Schema, dialect: Dialect): Json {
  const zero =
    schema.type === 'string' && schema.format !== 'byte' ? '' : schema.type === 'integer' || schema.type === 'number' ? 0 : undefined
  return { ...schemaDocument(schema, dialect), ...(zero === undefined ? {} : { default: zero }) }
}

function extensions(schema: Schema): Json {
  return {
    ...(schema.patchStrategy ? { 'x-kubernetes-patch-strategy': schema.patchStrategy.join(',') } : {}),
    ...(schema.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': schema.patchMergeKey }),
    ...(schema.listType ? { 'x-kubernetes-list-type': schema.listType } : {}),
    ...(schema.listMapKeys ? { 'x-kubernetes-list-map-keys': schema.listMapKeys } : {}),
    ...(schema.mapType ? { 'x-kubernetes-map-type': schema.mapType } : {})
  }
}
