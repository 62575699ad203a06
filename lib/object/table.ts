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
  conditions?: { type: string; status: string; reason?: string; message?: string }[]
  object?: ApiObject | PartialObjectMetadata
}

export interface Table {
  kind: 'Table'
  apiVersion: 'meta.k8s.io/v1'
  metadata: ListMeta
  columnDefinitions: TableColumn[]
  rows: TableRow[]
}

export interface PartialObjectMetadata {
  kind: 'PartialObjectMetadata'
  apiVersion: 'meta.k8s.io/v1'
  metadata: ObjectMeta
}
