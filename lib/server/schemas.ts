// Schemas: the generated schemas as the resources hold them, with what checks objects against them.
//
// Read once for all who are handed the same bytes, as the apiservers of one thread are: what they are compiled to is shared, too.

import { createValidators, type Schema, type Schemas } from '../object/index.js'

interface ReadSchemas {
  readonly schemas: Schemas
  readonly decoders: ReturnType<typeof createValidators>
}

const known = new WeakMap<Uint8Array, ReadSchemas>() // Resources are never changed.

export function readSchemas(bytes: Uint8Array): ReadSchemas {
  let read = known.get(bytes)
  if (read === undefined) {
    const models = new Map(Object.entries(JSON.parse(new TextDecoder().decode(bytes)) as Record<string, Schema>))
    const schemas: Schemas = { get: name => models.get(name) }
    read = { schemas, decoders: createValidators(schemas) }
    known.set(bytes, read)
  }
  return read
}
