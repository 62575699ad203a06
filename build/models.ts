// Models: upstream's API types under their OpenAPI names, with everything our products need to know of each.
//
// Structure, JSON names, patch strategies and Go types come from the Go types (they are what upstream's decoder goes by); which fields are
// required and what they mean comes from the client's classes; list types come from the overlay. Where the first two must agree, they are compared.

import type { Schema } from '../lib/object/index.js'
import type { ClientModel, ClientProperty } from './client-models.js'
import type { GoField, GoStruct, GoType } from './go-types.js'
import { atomicStructs, type ListType, listTypes, mapTypes, schemaDefaults } from './list-types.js'

export interface Model {
  readonly name: string
  readonly description: string
  readonly schema: Schema
  /** Descriptions of properties; a property that is absent here has none of its own. */
  readonly descriptions: Readonly<Record<string, string>>
  /** Zero values that upstream's OpenAPI states as defaults: of fields that are always written. */
  readonly zeros: Readonly<Record<string, unknown>>
  /** An object of the API: has apiVersion and kind. */
  readonly hasKind: boolean
  readonly clientClass?: string
}

export interface Models {
  readonly byName: ReadonlyMap<string, Model>
  readonly nameOfClass: ReadonlyMap<string, string>
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.'

/** Types with a JSON form of their own (Go's json.Unmarshaler). */
const ownForms: Readonly<Record<string, Schema>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', format: 'quantity' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { format: 'int-or-string', intOrString: true },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object', preserveUnknownFields: true },
  [`${meta}Time`]: { type: 'string', format: 'date-time' },
  [`${meta}MicroTime`]: { type: 'string', format: 'date-time-micro' },
  [`${meta}Duration`]: { type: 'string', format: 'duration' },
  [`${meta}FieldsV1`]: { type: 'object', preserveUnknownFields: true }
}

export const modelName = (goName: string): string => goName.replace(/^k8s\.io\//, 'io.k8s.').replaceAll('/', '.')

export function buildModels(structs: ReadonlyMap<string, GoStruct>, classes: ReadonlyMap<string, ClientModel>): Models {
  const byName = new Map<string, Model>()
  const nameOfClass = new Map<string, string>()
  for (const [goName, struct] of structs) {
    const name = modelName(goName)
    const fields = inlineFields(struct, structs)
    const clientClass = findClass(struct, fields, classes)
    const model = ownForms[name]
      ? { name, description: '', schema: ownForms[name], descriptions: {}, zeros: {}, hasKind: false }
      : buildModel(name, struct, fields, clientClass === undefined ? undefined : classes.get(clientClass))
    byName.set(name, clientClass === undefined ? model : { ...model, clientClass })
    if (clientClass !== undefined) nameOfClass.set(clientClass, name)
  }
  checkOverlay(structs)
  return { byName, nameOfClass }
}

/** The models reached from those named, themselves included, in alphabetical order. */
export function closure(models: Models, roots: Iterable<string>): Model[] {
  const found = new Map<string, Model>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    const model = models.byName.get(name)
    if (!model) throw new Error(`models: there is no ${name}`)
    found.set(name, model)
    for (const reference of references(model.schema)) visit(reference)
  }
  for (const root of roots) visit(root)
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function* references(schema: Schema): Generator<string> {
  if (schema.ref !== undefined) yield schema.ref
  for (const property of Object.values(schema.properties ?? {})) yield* references(property)
  if (schema.additionalProperties) yield* references(schema.additionalProperties)
  if (schema.items) yield* references(schema.items)
}

function buildModel(name: string, struct: GoStruct, fields: readonly OwnedField[], client: ClientModel | undefined): Model {
  const properties: Record<string, Schema> = {}
  const descriptions: Record<string, string> = {}
  const zeros: Record<string, unknown> = {}
  const required: string[] = []
  const isList = fields.some(({ field }) => field.json === 'items') && fields.some(({ field }) => field.json === 'kind')
  for (const owned of fields) {
    const { field } = owned
    const client1 = client?.properties.get(field.json)
    const schema = propertySchema(owned, isList && field.json === 'items')
    if (client1) checkAgreement(`${name}.${field.json}`, schema, client1)
    properties[field.json] = schema
    if (client1?.description) descriptions[field.json] = client1.description
    // Without a class of the client to tell, what is always written is required.
    if (client1 ? client1.required : !client && !field.omitEmpty) required.push(field.json)
    const zero = zeroValue(field)
    if (zero !== undefined) zeros[field.json] = zero
  }
  const schema: Schema = {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required: required.sort() } : {}),
    ...(atomicStructs.has(overlayKey(struct)) ? { mapType: 'atomic' as const } : {})
  }
  const hasKind = 'kind' in properties && 'apiVersion' in properties && fields.some(({ owner }) => owner.name === 'TypeMeta')
  return { name, description: client?.description ?? '', schema, descriptions, zeros, hasKind }
}

interface OwnedField {
  readonly field: GoField
  /** The struct that declares the field: itself, or one it inlines. */
  readonly owner: GoStruct
}

/** Fields as encoding/json sees them: those of inlined structs count as the struct's own, unless it has one of that name itself. */
function inlineFields(struct: GoStruct, structs: ReadonlyMap<string, GoStruct>): OwnedField[] {
  const own = struct.fields.filter(field => field.json !== '').map(field => ({ field, owner: struct }))
  const names = new Set(own.map(({ field }) => field.json))
  for (const field of struct.fields) {
    if (field.json !== '') continue
    const type = field.type.kind === 'pointer' ? field.type.elem : field.type
    const inlined = type.kind === 'struct' ? structs.get(type.struct) : undefined
    if (!inlined) continue
    own.push(...inlineFields(inlined, structs).filter(candidate => !names.has(candidate.field.json)))
  }
  return own.sort((a, b) => (a.field.json < b.field.json ? -1 : 1))
}

function propertySchema({ field, owner }: OwnedField, isItems: boolean): Schema {
  const key = `${overlayKey(owner)}.${field.json}`
  const strategies = field.tags.patchStrategy?.split(',') as ('merge' | 'retainKeys' | 'replace')[] | undefined
  const mergeKey = field.tags.patchMergeKey
  const base = typeSchema(field.type)
  const list = base.type === 'array' && !isItems ? (listTypes[key] ?? derivedListType(base, strategies, mergeKey)) : undefined
  const fallback = schemaDefaults[key]
  const mapType = mapTypes[key]
  return {
    ...base,
    ...(strategies ? { patchStrategy: strategies } : {}),
    ...(mergeKey === undefined ? {} : { patchMergeKey: mergeKey }),
    ...(list ?? {}),
    ...(mapType === undefined ? {} : { mapType }),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(field.omitEmpty && !keepsEmpty.has(field.type.kind) ? { omitEmpty: true as const } : {})
  }
}

// encoding/json: a struct is never empty, a pointer is unless it is nil, whatever it points to.
const keepsEmpty: ReadonlySet<GoType['kind']> = new Set(['struct', 'pointer', 'interface', 'other'])

function derivedListType(schema: Schema, strategies: readonly string[] | undefined, mergeKey: string | undefined): ListType {
  if (strategies?.includes('merge')) {
    if (mergeKey !== undefined) return { listType: 'map', listMapKeys: [mergeKey] }
    if (schema.items?.type === 'string') return { listType: 'set' }
  }
  return { listType: 'atomic' }
}

function typeSchema(type: GoType): Schema {
  switch (type.kind) {
    case 'pointer':
      return typeSchema(type.elem)
    case 'slice':
      if (type.elem.kind === 'uint8') return { type: 'string', format: 'byte' }
      return { type: 'array', items: typeSchema(type.elem), ...named(type.text, `[]${type.elem.text}`) }
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.elem), ...named(type.text, `map[string]${type.elem.text}`) }
    case 'struct':
      if (type.struct === '') throw new Error(`models: unnamed struct ${type.text}`)
      return { ref: modelName(type.struct) }
    case 'bool':
      return { type: 'boolean', ...named(type.text, 'bool') }
    case 'string':
      return { type: 'string', ...named(type.text, 'string') }
    case 'int32':
      return { type: 'integer', format: 'int32', ...named(type.text, 'int32') }
    case 'int64':
      return { type: 'integer', format: 'int64', ...named(type.text, 'int64') }
    case 'uint8':
    case 'uint32':
      return { type: 'integer', format: 'int64', goType: type.text }
    case 'uint64':
      return { type: 'integer', format: 'int64', goType: type.text }
    case 'float64':
      return { type: 'number', format: 'double', ...named(type.text, 'float64') }
    case 'interface':
      return { preserveUnknownFields: true, ...named(type.text, 'interface {}') }
    default:
      return { preserveUnknownFields: true, goType: type.text }
  }
}

const named = (text: string, plain: string): Pick<Schema, 'goType'> => (text === plain ? {} : { goType: text })

function zeroValue(field: GoField): unknown {
  const { type } = field
  if (type.kind === 'struct') return ownForms[modelName(type.struct)] ? undefined : {}
  if (field.omitEmpty) return undefined
  if (type.kind === 'string') return ''
  if (type.kind === 'bool') return false
  return ['int32', 'int64', 'uint32', 'uint64', 'float64'].includes(type.kind) ? 0 : undefined
}

/** A fact about what does not exist is a typing error, or has been overtaken by upstream. */
function checkOverlay(structs: ReadonlyMap<string, GoStruct>): void {
  const known = new Set<string>()
  for (const struct of structs.values()) {
    known.add(overlayKey(struct))
    for (const field of struct.fields) known.add(`${overlayKey(struct)}.${field.json}`)
  }
  for (const key of [...Object.keys(listTypes), ...Object.keys(mapTypes), ...Object.keys(schemaDefaults), ...atomicStructs]) {
    if (!known.has(key)) throw new Error(`models: the overlay speaks of ${key}, which does not exist`)
  }
}

/** `core/v1.PodSpec` */
const overlayKey = (struct: GoStruct): string => `${struct.package.split('/').slice(-2).join('/')}.${struct.name}`

/** The client's class of a type: named by version and type, prefixed by the group where two groups have the same. */
function findClass(struct: GoStruct, fields: readonly OwnedField[], classes: ReadonlyMap<string, ClientModel>): string | undefined {
  if (!/^k8s\.io\/(api|apimachinery\/pkg\/apis|apiextensions-apiserver\/pkg\/apis|kube-aggregator\/pkg\/apis)\//.test(struct.package))
    return undefined
  const [group, version] = struct.package.split('/').slice(-2).map(capitalize) as [string, string]
  for (const candidate of [`${group}${version}${struct.name}`, `${version}${struct.name}`]) {
    const model = classes.get(candidate)
    if (model && model.properties.size === fields.length && fields.every(({ field }) => model.properties.has(field.json))) return candidate
  }
  return undefined
}

const capitalize = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function checkAgreement(name: string, schema: Schema, client: ClientProperty): void {
  const format = schema.ref === undefined ? schema.format : ownForms[schema.ref]?.format
  const expected = format === undefined || format === 'quantity' || format === 'duration' ? '' : format
  // The client states the format of a list's or map's elements as its own.
  if (schema.items || schema.additionalProperties || client.format === expected) return
  throw new Error(`models: ${name} is ${client.type} (${client.format}) to the client but ${JSON.stringify(schema)} by its Go type`)
}
