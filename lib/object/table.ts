// Table: meta.k8s.io/v1 Table, what `kubectl get` asks for and prints.
//
// The server decides the columns; kubectl prints those of priority 0, and the others with `-o wide`.

import type { ApiObject, ListMeta, ObjectMeta } from './api-object.js'

export type Cell = string | number | boolean | null

export interface TableColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format: string // `name` for the column that names the row.
  readonly description: string
  readonly priority: number // 0 always, 1 with -o wide.
}

export interface TableRow {
  cells: Cell[]
  object?: ApiObject | PartialObjectMetadata
}

export interface Table {
  kind: 'Table'
  apiVersion: 'meta.k8s.io/v1'
  metadata: ListMeta
  columnDefinitions: readonly TableColumn[]
  rows: TableRow[]
}

export interface PartialObjectMetadata {
  kind: 'PartialObjectMetadata'
  apiVersion: 'meta.k8s.io/v1'
  metadata: ObjectMeta
}

export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** What a table needs of a kind. */
export interface TableSource<T extends ApiObject = ApiObject> {
  readonly columns: readonly TableColumn[]
  cells(object: T, nowMs: number): Cell[]
}

/** Rows in the order given. Upstream leaves `rows` empty, never absent. */
export function table<T extends ApiObject>(
  source: TableSource<T>,
  objects: readonly T[],
  metadata: ListMeta,
  include: IncludeObject,
  nowMs: number
): Table {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: source.columns,
    rows: objects.map(object => tableRow(source, object, include, nowMs))
  }
}

export function tableRow<T extends ApiObject>(source: TableSource<T>, object: T, include: IncludeObject, nowMs: number): TableRow {
  const cells = source.cells(object, nowMs)
  switch (include) {
    case 'None':
      return { cells }
    case 'Metadata':
      return { cells, object: partialMetadata(object) }
    case 'Object':
      return { cells, object }
  }
}

export const partialMetadata = (object: ApiObject): PartialObjectMetadata => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object.metadata
})

type ColumnType = TableColumn['type']

export const column = (name: string, description: string, type: ColumnType = 'string'): TableColumn => ({
  name,
  type,
  format: '',
  description,
  priority: 0
})

/** Printed with -o wide only. */
export const wideColumn = (name: string, description: string, type: ColumnType = 'string'): TableColumn => ({
  ...column(name, description, type),
  priority: 1
})

export const nameColumn: TableColumn = { ...column('Name', 'The name of the object, unique within its namespace.'), format: 'name' }
export const ageColumn: TableColumn = column('Age', 'The time since the object was created.')
