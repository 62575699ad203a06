// Protobuf: `resources/protobuf.json`, how the fields of upstream's messages are numbered, from the tags of the Go types.
//
// kubectl's commands that make objects (create, auth can-i) send their bodies in this form only. Per model a list of fields:
// `[number, JSON name ('' for an inlined message), type, 1 if a zero value is left out]`. Types: `s` string, `i` integer, `b` boolean,
// `d` double, `y` bytes, `q` Quantity, `x` IntOrString, `t` Time, `u` MicroTime, `D` Duration, `f` FieldsV1, `r` RawExtension,
// `m:<model>`; before it `[]` for a list, `{}` for a map of strings to it.

import type { GoField, GoStruct, GoType } from './go-types.js'
import { modelName } from './models.js'

export type WireField = readonly [number: number, json: string, type: string, omitZero: 0 | 1]

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.'
const ownForms: Readonly<Record<string, string>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'q',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'x',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'r',
  [`${meta}Time`]: 't',
  [`${meta}MicroTime`]: 'u',
  [`${meta}Duration`]: 'D',
  [`${meta}FieldsV1`]: 'f'
}

/** The messages reached from the models named. */
export function buildMessages(structs: ReadonlyMap<string, GoStruct>, roots: Iterable<string>): Record<string, WireField[]> {
  const byModel = new Map([...structs].map(([goName, struct]) => [modelName(goName), struct]))
  const messages: Record<string, WireField[]> = {}
  const visit = (model: string): void => {
    const struct = byModel.get(model)
    if (struct === undefined || messages[model] !== undefined) return
    const fields: WireField[] = []
    messages[model] = fields
    for (const field of struct.fields) {
      const number = Number(field.tags.protobuf?.split(',')[1])
      if (!Number.isInteger(number)) continue
      const type = wireType(field.type)
      fields.push([number, field.json, type, omitsZero(field) ? 1 : 0])
      const at = type.indexOf('m:')
      if (at >= 0) visit(type.slice(at + 2))
    }
  }
  for (const root of roots) visit(root)
  return messages
}

const scalars: ReadonlySet<GoType['kind']> = new Set(['bool', 'int32', 'int64', 'uint8', 'uint32', 'uint64', 'float64', 'string'])
const omitsZero = (field: GoField): boolean => field.omitEmpty && scalars.has(field.type.kind)

function wireType(type: GoType): string {
  switch (type.kind) {
    case 'pointer':
      return wireType(type.elem)
    case 'slice':
      return type.elem.kind === 'uint8' ? 'y' : `[]${wireType(type.elem)}`
    case 'map':
      return `{}${wireType(type.elem)}`
    case 'struct': {
      const model = modelName(type.struct)
      return ownForms[model] ?? `m:${model}`
    }
    case 'string':
      return 's'
    case 'bool':
      return 'b'
    case 'float64':
      return 'd'
    case 'interface':
    case 'other':
      throw new Error(`protobuf: no wire form of ${type.text}`)
    default:
      return 'i'
  }
}
