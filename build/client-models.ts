// Client models: what the JavaScript client's generated classes know of upstream's OpenAPI, read as text.
//
// From the declaration come descriptions and which properties are required; from the implementation the JSON names, types and formats.
// The generator of those classes loses the description of a property whose type is another model, and all `x-kubernetes-*`.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageDirectory } from './kubectl-layer.js'

export const clientPackage = '@kubernetes/client-node'

export interface ClientModel {
  readonly description: string
  readonly properties: ReadonlyMap<string, ClientProperty>
}

export interface ClientProperty {
  readonly type: string
  readonly format: string
  readonly required: boolean
  readonly description: string
}

/** Models by class name: `V1Pod`. */
export function readClientModels(): Map<string, ClientModel> {
  const directory = join(packageDirectory(clientPackage), 'dist', 'gen', 'models')
  const models = new Map<string, ClientModel>()
  for (const file of readdirSync(directory)) {
    const name = /^([A-Z]\w*)\.js$/.exec(file)?.[1]
    if (name === undefined || name === 'ObjectSerializer') continue
    const code = readFileSync(join(directory, file), 'utf8')
    const declaration = readFileSync(join(directory, `${name}.d.ts`), 'utf8')
    models.set(name, readModel(name, code, declaration))
  }
  return models
}

function readModel(name: string, code: string, declaration: string): ClientModel {
  const attributes = /attributeTypeMap = (\[[\s\S]*?\n\]|\[\]);/.exec(code)?.[1]
  const start = declaration.indexOf('export declare class')
  if (attributes === undefined || start < 0) throw new Error(`client models: cannot read ${name}`)
  const declared = new Map<string, { required: boolean; description: string }>()
  for (const [, comment, property, optional] of declaration.slice(start).matchAll(propertyPattern)) {
    declared.set(property as string, { required: optional !== '?', description: unescapeComment(comment ?? '') })
  }
  const properties = new Map<string, ClientProperty>()
  for (const attribute of JSON.parse(attributes) as { name: string; baseName: string; type: string; format: string }[]) {
    const facts = declared.get(attribute.name)
    if (!facts) throw new Error(`client models: ${name} does not declare ${attribute.name}`)
    properties.set(attribute.baseName, { type: attribute.type, format: attribute.format, ...facts })
  }
  const comment = /\/\*\*\s*\n\s*\* ([^\n]*)\n\s*\*\/\s*$/.exec(declaration.slice(0, start))?.[1]
  return { description: unescapeComment(comment ?? ''), properties }
}

const propertyPattern = /(?:\/\*\*\s*\n\s*\* ([^\n]*)\n\s*\*\/\s*\n\s*)?'([^']+)'(\??):/g

/** The text of a comment in generated code, which escapes HTML first and quotes second. */
export function unescapeComment(text: string): string {
  return text
    .replace(/&(#39|quot|lt|gt|#x60|#x3D|#123|#125|amp);/g, (entity, name: string) => entities[name] ?? entity)
    .replace(/\\(['"])/g, '$1')
    .replace(/\*_\//g, '*/')
    .trim()
}

const entities: Readonly<Record<string, string>> = {
  '#39': "'",
  quot: '"',
  lt: '<',
  gt: '>',
  '#x60': '`',
  '#x3D': '=',
  '#123': '{',
  '#125': '}',
  amp: '&'
}
