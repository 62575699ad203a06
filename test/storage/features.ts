// What etcd's API has beyond what the apiserver uses today, and StorageProtocol with it: sorted and bounded ranges, comparisons over ranges,
// puts that keep a part of what was there, transactions in transactions, filters of watches.

import {
  compare,
  del,
  eventsOf,
  get,
  gives,
  kv,
  must,
  put,
  range,
  refused,
  type Scope,
  type Step,
  type StorageCase,
  script,
  txn,
  write
} from './harness.js'

/** Three keys whose names, values, versions, creations and changes are each in another order. */
const three = ({ key, revision: r }: Scope) => {
  const steps: Step[] = [
    [write(put(key('b'), 'x')), gives({ revision: r + 1 })],
    [write(put(key('a'), 'x')), gives({ revision: r + 2 })],
    [write(put(key('b'), 'z')), gives({ revision: r + 3 })],
    [write(put(key('c'), 'y')), gives({ revision: r + 4 })],
    [write(put(key('c'), 'y')), gives({ revision: r + 5 })],
    [write(put(key('c'), 'y')), gives({ revision: r + 6 })]
  ]
  const a = kv(key('a'), 'x', r + 2, r + 2, 1)
  const b = kv(key('b'), 'z', r + 1, r + 3, 2)
  const c = kv(key('c'), 'y', r + 4, r + 6, 3)
  return { steps, a, b, c }
}

const ranges: readonly StorageCase[] = [
  script('a range sorted by each target, up and down', scope => {
    const { steps, a, b, c } = three(scope)
    const sorted = (sortTarget: string, sortOrder: string, more: object = {}) =>
      range(scope.all.key, { end: scope.all.end, sortTarget, sortOrder, ...more })
    return [
      ...steps,
      [sorted('key', 'descend'), gives({ kvs: [c, b, a], count: 3, more: false })],
      [sorted('key', 'ascend'), gives({ kvs: [a, b, c] })],
      [sorted('version', 'descend'), gives({ kvs: [c, b, a] })],
      [sorted('create', 'ascend'), gives({ kvs: [b, a, c] })],
      [sorted('mod', 'descend'), gives({ kvs: [c, b, a] })],
      [sorted('value', 'ascend'), gives({ kvs: [a, c, b] })],
      [sorted('value', 'descend', { limit: 2 }), gives({ kvs: [b, c], count: 3, more: true })],
      [sorted('create', 'ascend', { limit: 1 }), gives({ kvs: [b], count: 3, more: true })]
    ]
  }),
  script('a range bounded by revisions gives fewer, and counts all', scope => {
    const { steps, a, b, c } = three(scope)
    const { revision: r, all } = scope
    const bounded = (more: object) => range(all.key, { end: all.end, ...more })
    return [
      ...steps,
      [bounded({ minModRevision: r + 3 }), gives({ kvs: [b, c], count: 3 })],
      [bounded({ maxModRevision: r + 3 }), gives({ kvs: [a, b], count: 3 })],
      [bounded({ minCreateRevision: r + 2, maxCreateRevision: r + 2 }), gives({ kvs: [a], count: 3 })],
      [bounded({ minModRevision: r + 7 }), gives({ kvs: [], count: 3 })]
    ]
  })
]

const txns: readonly StorageCase[] = [
  script('a comparison over a range holds for every key there is', ({ key, all, revision: r }) => {
    const over = (target: 'version' | 'create', result: 'equal' | 'greater', operand: number) => ({
      ...compare(all.key, target, result, operand),
      end: all.end
    })
    return [
      [txn([over('version', 'equal', 0)], []), gives({ succeeded: true })],
      [txn([over('version', 'greater', 0)], []), gives({ succeeded: false })],
      [write(put(key('a')), put(key('b'))), gives({ revision: r + 1 })],
      [txn([over('version', 'equal', 1)], []), gives({ succeeded: true })],
      [write(put(key('b'))), gives({ revision: r + 2 })],
      [txn([over('version', 'equal', 1)], []), gives({ succeeded: false })],
      [txn([over('create', 'greater', r)], []), gives({ succeeded: true })]
    ]
  }),
  script('a put tells what was there, and keeps the value that is there', ({ key, revision: r }) => {
    const ignoring = { type: 'put', key: key('a'), value: new Uint8Array(0), ignoreValue: true } as const
    const first = kv(key('a'), '1', r + 1, r + 1, 1)
    return [
      [write(ignoring), refused('key not found', 'etcdserver: key not found')],
      [write({ ...put(key('a'), '1'), prevKv: true } as never), gives({ revision: r + 1, results: [{ type: 'put' }] })],
      [write({ ...put(key('a'), '2'), prevKv: true } as never), gives({ revision: r + 2, results: [{ type: 'put', prev: first }] })],
      [write(ignoring), gives({ revision: r + 3 })],
      [range(key('a')), gives({ kvs: [kv(key('a'), '2', r + 1, r + 3, 3)] })],
      [write({ ...put(key('a'), '3'), ignoreValue: true } as never), refused('value provided', 'etcdserver: value is provided')],
      [write({ ...put(key('a'), '3'), lease: 77 } as never), refused('lease not found', 'etcdserver: requested lease not found')],
      [range(key('a')), gives({ kvs: [kv(key('a'), '2', r + 1, r + 3, 3)], revision: r + 3 })]
    ]
  }),
  script(
    'a transaction in a transaction: its comparisons are of the state before, its branch is one of the ops',
    ({ key, revision: r }) => {
      const nested = (value: string) => ({
        type: 'txn' as const,
        compares: [compare(key('a'), 'value', 'equal', '1')],
        success: [put(key('b'), `yes ${value}`)],
        failure: [put(key('b'), `no ${value}`), get(key('a'))]
      })
      return [
        [write(put(key('a'), '1')), gives({ revision: r + 1 })],
        [
          write(put(key('a'), '2'), nested('x')),
          gives({ revision: r + 2, results: [{ type: 'put' }, { type: 'txn', succeeded: true, results: [{ type: 'put' }] }] })
        ],
        [range(key('b')), gives({ kvs: [kv(key('b'), 'yes x', r + 2, r + 2, 1)] })],
        [
          write(nested('y'), del(key('a'))),
          gives({
            revision: r + 3,
            results: [
              {
                type: 'txn',
                succeeded: false,
                results: [{ type: 'put' }, { type: 'range', kvs: [kv(key('a'), '2', r + 1, r + 2, 2)], count: 1, more: false }]
              },
              { type: 'delete', deleted: 1 }
            ]
          })
        ],
        [write(put(key('b'), 'w'), nested('z')), refused('duplicate key')],
        [range(key('b')), gives({ kvs: [kv(key('b'), 'no y', r + 2, r + 3, 2)], revision: r + 3 })]
      ]
    }
  )
]

const watches: readonly StorageCase[] = [
  {
    name: 'a watch can leave out puts, or deletes',
    async run(t, storage, { key, all, revision: r }) {
      await storage.watch('deletes', { ...all, startRevision: r + 1, noPut: true })
      await storage.watch('puts', { ...all, startRevision: r + 1, noDelete: true })
      for (const op of [put(key('a'), '1'), del(key('a')), put(key('a'), '2'), put(key('b'), '3'), del(key('b'))]) {
        const [type, body] = write(op)
        await must(storage, type, body)
      }
      t.same(await eventsOf(storage, 'deletes', 2), [`delete ${key('a')} @${r + 2}`, `delete ${key('b')} @${r + 5}`])
      t.same(await eventsOf(storage, 'puts', 3), [
        `put ${key('a')} 1 @${r + 1}`,
        `put ${key('a')} 2 @${r + 3}`,
        `put ${key('b')} 3 @${r + 4}`
      ])
    }
  }
]

export const featureCases: readonly StorageCase[] = [...ranges, ...txns, ...watches]
