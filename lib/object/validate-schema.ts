// Validation against a schema: what upstream's decoder does between the bytes of a request and the object that is admitted.
//
// Guarantee: the object that comes back holds only fields its schema knows, of the types it states, without nulls and in canonical form
// (quantities, times, bytes); an object that already is so comes back as the very same value, at the cost of a look at each field.
// It says nothing about required fields, defaults, names or enumerations: those are the kind's validation.
//
// Texts are those of Go's encoding/json and sigs.k8s.io/json. What parsing has already erased cannot be told: 1.0 and 1e0 pass as 1
// (Go refuses them for integers), and integers beyond 2^53 have lost digits.

import type { Schema, Schemas } from './schema.js'
import {
  anyNode,
  bytesNode,
  type Failure,
  IntegerNode,
  intOrStringNode,
  ListNode,
  MapNode,
  type Node,
  quantityNode,
  Run,
  ScalarNode,
  StructNode,
  timeNode
} from './validate-nodes.js'

export { type Failure, unknownMax } from './validate-nodes.js'

export interface Validation {
  /** The object, pruned; meaningful only without a failure. */
  readonly object: unknown
  /** Paths of unknown fields, each once, at most `unknownMax`: `spec.containers[0].bar`. */
  readonly unknown: readonly string[]
  readonly failure?: Failure
}

export type Validate = (object: unknown) => Validation

const noUnknown: readonly string[] = []

/** Validators of models by name; undefined for a model that is unknown. Each is compiled when first asked for. */
export function createValidators(schemas: Schemas): { get(model: string): Validate | undefined } {
  const compiler = new Compiler(schemas)
  const validators = new Map<string, Validate>()
  return {
    get(model) {
      const known = validators.get(model)
      if (known || !schemas.get(model)) return known
      const node = compiler.model(model)
      const validate: Validate = object => (node.isClean(object) ? { object, unknown: noUnknown } : validateSlowly(node, object))
      validators.set(model, validate)
      return validate
    }
  }
}

/** `unknown field "spec.foo"`: the text of a warning, or a part of a strict error. */
export const unknownFieldText = (path: string): string => `unknown field ${JSON.stringify(path)}`

/** `duplicate field "spec.foo"` */
export const duplicateFieldText = (path: string): string => `duplicate field ${JSON.stringify(path)}`

/** What `fieldValidation=Strict` answers: `strict decoding error: unknown field "spec.foo", ...` */
export const strictErrorText = (parts: readonly string[]): string => `strict decoding error: ${parts.join(', ')}`

/** The message of the BadRequest: `Deployment in version "v1" cannot be handled as a Deployment: ...` */
export function decodeErrorText(kind: string, version: string, expectedKind: string, text: string): string {
  return `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expectedKind}: ${text}`
}

function validateSlowly(node: Node, object: unknown): Validation {
  const run = new Run()
  const pruned = object === null ? node.zero : node.walk(object, run)
  const failure = run.failure
  return { object: pruned, unknown: [...run.unknown], ...(failure ? { failure } : {}) }
}

class Compiler {
  readonly #schemas: Schemas
  readonly #models = new Map<string, Node>()

  constructor(schemas: Schemas) {
    this.#schemas = schemas
  }

  model(name: string): Node {
    const known = this.#models.get(name)
    if (known) return known
    const schema = this.#schemas.get(name)
    if (!schema) throw new Error(`validate: no schema of ${name}`)
    const [packageName, typeName] = name.split('.').slice(-2) as [string, string]
    if (!schema.properties) return this.#remember(name, this.node(schema))
    // Remembered before its fields are compiled: types may contain themselves.
    const struct = new StructNode(typeName, `${packageName}.${typeName}`, schema.preserveUnknownFields === true)
    this.#models.set(name, struct)
    for (const [field, property] of Object.entries(schema.properties)) struct.add(field, this.node(property), property.omitEmpty === true)
    return struct
  }

  node(schema: Schema): Node {
    if (schema.ref !== undefined) return this.model(schema.ref)
    if (schema.intOrString) return intOrStringNode
    switch (schema.type) {
      case 'string':
        return this.#text(schema)
      case 'boolean':
        return new ScalarNode('boolean', schema.goType ?? 'bool')
      case 'number':
        return new ScalarNode('number', schema.goType ?? 'float64')
      case 'integer':
        return new IntegerNode(schema.goType ?? schema.format ?? 'int64', schema.format === 'int32' ? 32 : 64)
      case 'array': {
        const element = schema.items ? this.node(schema.items) : anyNode
        return new ListNode(element, schema.goType ?? `[]${element.goType}`)
      }
      case 'object':
        return this.#object(schema)
      default:
        return anyNode
    }
  }

  #text(schema: Schema): Node {
    switch (schema.format) {
      case 'byte':
        return bytesNode
      case 'quantity':
        return quantityNode
      case 'date-time':
        return timeNode('seconds')
      case 'date-time-micro':
        return timeNode('micros')
      default:
        return new ScalarNode('string', schema.goType ?? 'string')
    }
  }

  #object(schema: Schema): Node {
    if (schema.properties) {
      const struct = new StructNode('', schema.goType ?? 'struct', schema.preserveUnknownFields === true)
      for (const [field, property] of Object.entries(schema.properties)) struct.add(field, this.node(property), property.omitEmpty === true)
      return struct
    }
    if (!schema.additionalProperties) return anyNode
    const element = this.node(schema.additionalProperties)
    return new MapNode(element, schema.goType ?? `map[string]${element.goType}`)
  }

  #remember(name: string, node: Node): Node {
    this.#models.set(name, node)
    return node
  }
}
