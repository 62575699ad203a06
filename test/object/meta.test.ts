// Metadata: equality, updates, managed fields, conditions, owners, tables.

import t from 'tap'
import {
  type ApiObject,
  type Condition,
  carryOverMetadata,
  column,
  controllerOf,
  controllerReference,
  deepEqual,
  field,
  isControlledBy,
  nameColumn,
  type ObjectMeta,
  type Schema,
  semanticEqual,
  setCondition,
  subdomainName,
  table,
  updateManagedFields,
  validateMetadata,
  validateMetadataUpdate
} from '../../lib/object/index.js'

t.test('equality', async t => {
  const table: readonly [unknown, unknown, boolean, boolean][] = [
    [{ a: 1 }, { a: 1 }, true, true],
    [{ a: 1, b: undefined }, { a: 1 }, true, true],
    [{ a: [] }, {}, false, true],
    [{ a: {} }, { a: undefined }, false, true],
    [{ a: 0 }, {}, false, false],
    [[1, 2], [2, 1], false, false],
    [{ a: [{}] }, { a: [] }, false, false],
    [{ toString: 1 }, {}, false, false],
    [[], {}, false, true],
    [null, undefined, false, true]
  ]
  for (const [a, b, deep, semantic] of table) {
    t.equal(deepEqual(a, b), deep, JSON.stringify([a, b]))
    t.equal(deepEqual(b, a), deep)
    t.equal(semanticEqual(a, b), semantic)
    t.equal(semanticEqual(b, a), semantic)
  }
})

const rule = { namespaced: true, nameFaults: subdomainName }
const texts = (errors: ReturnType<typeof validateMetadata>): string[] => errors.map(field.fieldErrorText)

t.test('metadata of new objects', async t => {
  const table: readonly [ObjectMeta, RegExp[]][] = [
    [{ name: 'a', namespace: 'b' }, []],
    [{ namespace: 'b' }, [/^metadata.name: Required value: name or generateName is required$/]],
    [{ name: 'a' }, [/^metadata.namespace: Required value$/]],
    [{ name: 'A', namespace: 'b' }, [/^metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain/]],
    [
      { name: 'a', namespace: 'b', labels: { '': 'x' } },
      [/^metadata.labels: Invalid value: "": name part must be non-empty/, /^metadata.labels: .*name part must consist/]
    ],
    [{ name: 'a', namespace: 'b', annotations: { 'A/B': 'anything at all' } }, []],
    [
      { name: 'a', namespace: 'b', annotations: { x: 'x'.repeat(262_144) } },
      [/^metadata.annotations: Too long: may not be more than 262144 bytes$/]
    ],
    [
      { name: 'a', namespace: 'b', finalizers: ['orphan', 'foregroundDeletion'] },
      [/finalizer orphan and foregroundDeletion cannot be both set$/]
    ],
    [
      { name: 'a', namespace: 'b', ownerReferences: [{ apiVersion: 'v1', kind: '', name: 'n', uid: 'u' }] },
      [/^metadata.ownerReferences.kind: Invalid value: "": must not be empty$/]
    ],
    [
      {
        name: 'a',
        namespace: 'b',
        ownerReferences: ['x', 'y'].map(name => ({ apiVersion: 'v1', kind: 'Pod', name, uid: name, controller: true }))
      },
      [/Only one reference can have Controller set to true. Found "true" in references for Pod\/x and Pod\/y$/]
    ]
  ]
  for (const [meta, expected] of table) {
    const found = texts(validateMetadata(meta, rule))
    t.equal(found.length, expected.length, JSON.stringify(found))
    expected.forEach((pattern, index) => {
      t.match(found[index], pattern)
    })
  }
  t.same(texts(validateMetadata({ name: 'a', namespace: 'b' }, { ...rule, namespaced: false })), [
    'metadata.namespace: Forbidden: not allowed on this type'
  ])
})

t.test('metadata of updates', async t => {
  const old: ObjectMeta = {
    name: 'a',
    namespace: 'b',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2025-01-01T00:00:00Z',
    generation: 2
  }
  const table: readonly [Partial<ObjectMeta>, Partial<ObjectMeta>, string[]][] = [
    [{}, {}, []],
    [{ uid: '', creationTimestamp: '2000-01-01T00:00:00Z', generation: 9 }, {}, []],
    [{ uid: 'v' }, {}, ['metadata.uid: Invalid value: "v": field is immutable']],
    [{ name: 'z' }, {}, ['metadata.name: Invalid value: "z": field is immutable']],
    [{ resourceVersion: '' }, {}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']],
    [
      { deletionTimestamp: '2025-01-01T00:00:00Z' },
      {},
      ['metadata.deletionTimestamp: Invalid value: "2025-01-01T00:00:00Z": field is immutable']
    ],
    [{}, { deletionTimestamp: '2025-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 }, []],
    [
      { finalizers: ['x/a', 'x/b'] },
      { deletionTimestamp: '2025-01-01T00:00:00Z', finalizers: ['x/a'] },
      [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/b"}'
      ]
    ]
  ]
  for (const [change, was, expected] of table) {
    const before = { ...old, ...was }
    const meta = { ...old, ...change }
    carryOverMetadata(meta, before)
    t.same(texts(validateMetadataUpdate(meta, before)), expected, JSON.stringify(change))
    t.equal(meta.generation, 2)
    t.equal(meta.creationTimestamp, old.creationTimestamp)
  }
})

t.test('conditions', async t => {
  const now = 1_000_000
  const first = setCondition(undefined, { type: 'Ready', status: 'False', reason: 'No' }, now)
  t.same(first, [{ type: 'Ready', status: 'False', reason: 'No', lastTransitionTime: '1970-01-01T00:16:40Z' }])
  t.equal(setCondition(first, { type: 'Ready', status: 'False', reason: 'No' }, now + 5000), first, 'nothing changes: the same list')
  const reworded = setCondition(first, { type: 'Ready', status: 'False', reason: 'Still' }, now + 5000) as Condition[]
  t.equal(reworded[0]?.lastTransitionTime, '1970-01-01T00:16:40Z', 'the status is the same')
  const turned = setCondition(first, { type: 'Ready', status: 'True' }, now + 5000) as Condition[]
  t.equal(turned[0]?.lastTransitionTime, '1970-01-01T00:16:45Z')
  t.equal(first[0]?.status, 'False', 'the given list is left alone')
})

t.test('owners', async t => {
  const owner: ApiObject = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'r', uid: '1' } }
  const owned: ApiObject = { apiVersion: 'v1', kind: 'Pod', metadata: { ownerReferences: [controllerReference(owner)] } }
  t.same(controllerOf(owned), {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'r',
    uid: '1',
    controller: true,
    blockOwnerDeletion: true
  })
  t.equal(isControlledBy(owned, owner), true)
  t.equal(isControlledBy(owned, { ...owner, metadata: { name: 'r', uid: '2' } }), false, 'a namesake is another')
})

t.test('tables', async t => {
  const source = { columns: [nameColumn, column('N', '', 'integer')], cells: (object: ApiObject) => [object.metadata.name ?? '', 1] }
  const object: ApiObject = { apiVersion: 'v1', kind: 'X', metadata: { name: 'a' } }
  const metadata = { resourceVersion: '5' }
  t.same(table(source, [object], metadata, 'None', 0).rows, [{ cells: ['a', 1] }])
  t.same(table(source, [object], metadata, 'Object', 0).rows[0]?.object, object)
  t.same(table(source, [object], metadata, 'Metadata', 0).rows[0]?.object, {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { name: 'a' }
  })
  t.same(table(source, [], metadata, 'None', 0).rows, [])
})

const schemas: Record<string, Schema> = {
  X: {
    type: 'object',
    properties: { metadata: { ref: 'M' }, spec: { ref: 'S' }, status: { type: 'object', properties: { n: { type: 'integer' } } } }
  },
  M: {
    type: 'object',
    properties: {
      name: {},
      labels: { type: 'object', additionalProperties: {} },
      finalizers: { type: 'array', listType: 'set', items: {} }
    }
  },
  S: {
    type: 'object',
    properties: {
      replicas: { type: 'integer' },
      list: { type: 'array', listType: 'map', listMapKeys: ['name'], items: { ref: 'I' } },
      atoms: { type: 'array', listType: 'atomic', items: {} }
    }
  },
  I: { type: 'object', properties: { name: {}, value: {} } }
}
const typed = { schemas: { get: (name: string): Schema | undefined => schemas[name] }, schemaName: 'X' }

t.test('managed fields', async t => {
  type X = ApiObject & { spec: Record<string, unknown>; status?: unknown }
  const object = (spec: Record<string, unknown>, labels?: Record<string, string>): X => ({
    apiVersion: 'v1',
    kind: 'X',
    metadata: { name: 'a', ...(labels === undefined ? {} : { labels }) },
    spec
  })
  const by = (manager: string, subresource?: string) => ({
    manager,
    apiVersion: 'v1',
    time: `at-${manager}`,
    ...(subresource === undefined ? {} : { subresource })
  })
  const first = object({ replicas: 1, list: [{ name: 'p', value: 1 }], atoms: [1] }, { l: 'v' })
  const entries = updateManagedFields(first, undefined, by('alice'), typed)
  t.strictSame(entries, [
    {
      manager: 'alice',
      operation: 'Update',
      apiVersion: 'v1',
      time: 'at-alice',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
        'f:spec': {
          'f:atoms': {},
          'f:list': { '.': {}, 'k:{"name":"p"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
          'f:replicas': {}
        }
      }
    }
  ])
  first.metadata.managedFields = entries
  const second = object(
    {
      replicas: 2,
      list: [
        { name: 'p', value: 1 },
        { name: 'q', value: 2 }
      ]
    },
    { l: 'v' }
  )
  const after = updateManagedFields(second, first, by('bob'), typed)
  t.strictSame(
    after.map(entry => [entry.manager, entry.fieldsV1]),
    [
      [
        'alice',
        {
          'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
          'f:spec': { 'f:list': { '.': {}, 'k:{"name":"p"}': { '.': {}, 'f:name': {}, 'f:value': {} } } }
        }
      ],
      ['bob', { 'f:spec': { 'f:list': { 'k:{"name":"q"}': { '.': {}, 'f:name': {}, 'f:value': {} } }, 'f:replicas': {} } }]
    ],
    'what bob changed is his, what he removed is nobody’s'
  )
  second.metadata.managedFields = after
  t.equal(updateManagedFields(second, second, by('carol'), typed), after, 'no change, no entry')
  let current: X = second
  for (let index = 0; index < 30; index++) {
    const next: X = object({ ...current.spec, replicas: 100 + index }, { ...current.metadata.labels, [`k${index}`]: 'x' })
    next.metadata.managedFields = updateManagedFields(next, current, { ...by(`m${index}`), time: `t${100 + index}` }, typed)
    current = next
  }
  t.equal(current.metadata.managedFields?.length, 10, 'managers are bounded')
  t.ok(current.metadata.managedFields?.some(entry => entry.manager === 'ancient-changes'))
})
