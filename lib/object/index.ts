// object: what all API objects share: metadata, selectors, quantities, patches, errors, tables. Pure.

export type * from './api-object.js'
export * from './field.js'
export type { Schema, Schemas } from './schema.js'
export type { Cell, PartialObjectMetadata, Table, TableColumn, TableRow } from './table.js'
