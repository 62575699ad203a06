// Schemas: `resources/schemas.json`, the structural schemas of the served kinds, by model name.
//
// The file is read on the start-up path, so it holds nothing but what lib/object/schema.ts describes. Reading it takes about a millisecond.

import type { Schema } from '../lib/object/index.js'
import { closure, type Models } from './models.js'
import { listModelOf, metaModels, modelOf, type ServedKind } from './served.js'

/** The models that the kinds are made of, with those of the machinery, reduced to their schemas. */
export function buildSchemas(models: Models, kinds: readonly ServedKind[]): Record<string, Schema> {
  const schemas: Record<string, Schema> = {}
  for (const model of closure(models, rootsOf(models, kinds))) schemas[model.name] = model.schema
  return schemas
}

export function rootsOf(models: Models, kinds: readonly ServedKind[]): string[] {
  const lists = kinds.map(listModelOf).filter(name => models.byName.has(name))
  return [...kinds.map(modelOf), ...lists, ...metaModels]
}
