// Schema: the structural schema of an API type, as generated at build time from upstream's packages.
//
// References are by upstream's model name (`io.k8s.api.core.v1.PodSpec`), resolved through `Schemas`,
// so a schema is small plain data and recursive types cost nothing.

export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly format?: string // int32, int64, double, byte, date-time, date-time-micro, duration, quantity, int-or-string
  readonly ref?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
  readonly required?: readonly string[]
  readonly enum?: readonly string[]
  readonly patchStrategy?: readonly ('merge' | 'retainKeys' | 'replace')[]
  readonly patchMergeKey?: string
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
  readonly intOrString?: true
  readonly preserveUnknownFields?: true
  /** Of a struct or map, or of the field that holds one: replaced as a whole by server-side apply, or field by field (the default). */
  readonly mapType?: 'atomic' | 'granular'
  /** Filled in where absent. A list's map keys may rest on it (ServicePort.protocol). */
  readonly default?: string
  /** Upstream never writes the field's empty value ('', 0, false, [] or {}): absent and empty are one. */
  readonly omitEmpty?: true
  /** Upstream's Go type where it differs from the JSON type (`v1.PullPolicy`): error texts name it. */
  readonly goType?: string
}

export interface Schemas {
  /** The schema of that model; undefined if upstream has none of that name. */
  get(name: string): Schema | undefined
}
