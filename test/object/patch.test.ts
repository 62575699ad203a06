// Patches by tables: what comes of a document and a patch.

import fc from 'fast-check'
import t from 'tap'
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  cloneJson,
  type Json,
  type PatchResult,
  type Schema
} from '../../lib/object/index.js'

/** The value, or the error's reason and message. */
const outcome = (result: PatchResult): Json => (result.ok ? result.value : `${result.error.code} ${result.error.message}`)
const unprocessable = '422 the server rejected our request due to an error in our request'

t.test('merge patch (the table of RFC 7386, appendix A)', async t => {
  const table: readonly [Json, Json, Json][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd']
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }]
  ]
  for (const [target, patch, expected] of table) {
    const before = cloneJson(target)
    t.same(outcome(applyMergePatch(target, patch)), expected, JSON.stringify(patch))
    t.same(target, before, 'the target is not changed')
  }
  const polluting = JSON.parse('{"__proto__": {"polluted": true}}') as Json
  const result = outcome(applyMergePatch({}, polluting))
  t.equal(JSON.stringify(result), '{"__proto__":{"polluted":true}}')
  t.equal(({} as Record<string, unknown>).polluted, undefined)
  let deep: Json = {}
  for (let level = 0; level < 200; level++) deep = { a: deep }
  t.match(outcome(applyMergePatch({}, deep)), /^400 /)
})

t.test('JSON patch', async t => {
  const table: readonly [Json, Json, Json][] = [
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 2] }, [{ op: 'add', path: '/a/1', value: 9 }], { a: [1, 9, 2] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/2', value: 2 }], unprocessable],
    [{ a: 1 }, [{ op: 'remove', path: '/a' }], {}],
    [{ a: 1 }, [{ op: 'remove', path: '/b' }], unprocessable],
    [
      { a: { 'x/y': 1, 'm~n': 2 } },
      [
        { op: 'remove', path: '/a/x~1y' },
        { op: 'replace', path: '/a/m~0n', value: 3 }
      ],
      { a: { 'm~n': 3 } }
    ],
    [{ a: 1 }, [{ op: 'replace', path: '/b', value: 2 }], unprocessable],
    [{ a: 1, b: 2 }, [{ op: 'move', from: '/a', path: '/c' }], { b: 2, c: 1 }],
    [{ a: { b: 1 } }, [{ op: 'move', from: '/a', path: '/a/b' }], unprocessable],
    [{ a: 1 }, [{ op: 'copy', from: '/a', path: '/b' }], { a: 1, b: 1 }],
    [
      { a: 1 },
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'add', path: '/ok', value: true }
      ],
      { a: 1, ok: true }
    ],
    [{ a: 1 }, [{ op: 'test', path: '/a', value: 2 }], unprocessable],
    [{ a: [{ b: 1 }] }, [{ op: 'test', path: '/a/0', value: { b: 1 } }], { a: [{ b: 1 }] }],
    [{ a: 1 }, [{ op: 'add', path: '/x/y', value: 1 }], unprocessable],
    [{ a: 1 }, [{ op: 'replace', path: '', value: { z: 1 } }], { z: 1 }],
    [{ a: 1 }, [{ op: 'spin', path: '/a' }], unprocessable],
    [{ a: 1 }, [{ op: 'add', path: 'a', value: 1 }], unprocessable],
    [{ a: 1 }, [{ op: 'replace', path: '/toString', value: 1 }], unprocessable],
    [{ a: 1 }, [{ op: 'add', path: '/__proto__/x', value: 1 }], unprocessable],
    [{ a: 1 }, { op: 'add' }, '400 json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    [{ a: 1 }, [], { a: 1 }]
  ]
  for (const [target, patch, expected] of table) {
    const before = cloneJson(target)
    t.same(outcome(applyJsonPatch(target, patch)), expected, JSON.stringify(patch))
    t.same(target, before, 'the target is not changed')
  }
  const many = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }))
  t.match(outcome(applyJsonPatch({ a: 1 }, many)), /^413 .*maximum operations in a JSON patch is 10000, got 10001/)
  const bomb = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/x${index}` }))
  t.equal(outcome(applyJsonPatch({ a: { seed: 'x'.repeat(100) } }, bomb)), unprocessable, 'copies of copies are bounded')
})

const schemas: Record<string, Schema> = {
  Pod: { type: 'object', properties: { metadata: { ref: 'Meta' }, spec: { ref: 'Spec' } } },
  Meta: {
    type: 'object',
    properties: {
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      finalizers: { type: 'array', items: { type: 'string' }, patchStrategy: ['merge'] }
    }
  },
  Spec: {
    type: 'object',
    properties: {
      containers: { type: 'array', items: { ref: 'Container' }, patchStrategy: ['merge'], patchMergeKey: 'name' },
      strategy: { ref: 'Strategy', patchStrategy: ['retainKeys'] },
      tolerations: { type: 'array', items: { type: 'object' } },
      whole: { type: 'object', properties: {}, patchStrategy: ['replace'] }
    }
  },
  Strategy: { type: 'object', properties: { type: { type: 'string' }, rollingUpdate: { type: 'object' } } },
  Container: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      args: { type: 'array', items: { type: 'string' } },
      env: { type: 'array', items: { type: 'object', properties: {} }, patchStrategy: ['merge'], patchMergeKey: 'name' }
    }
  }
}
const types = { get: (name: string): Schema | undefined => schemas[name] }
const strategic = (target: Json, patch: Json): Json => outcome(applyStrategicMergePatch(target, patch, 'Pod', types))
const containers = (...list: Json[]): Json => ({ spec: { containers: list } })
const c = (name: string, more: { [name: string]: Json } = {}): Json => ({ name, ...more })

t.test('strategic merge patch', async t => {
  const table: readonly [string, Json, Json, Json][] = [
    [
      'maps merge, null removes',
      { metadata: { labels: { a: '1', b: '2' } } },
      { metadata: { labels: { a: null, c: '3' } } },
      { metadata: { labels: { b: '2', c: '3' } } }
    ],
    [
      'items merge by key',
      containers(c('a', { image: 'x' }), c('b')),
      containers(c('a', { image: 'y' })),
      containers(c('a', { image: 'y' }), c('b'))
    ],
    ['new items come first without an order', containers(c('a')), containers(c('n')), containers(c('n'), c('a'))],
    [
      'setElementOrder decides',
      containers(c('a')),
      { spec: { containers: [c('n')], '$setElementOrder/containers': [c('a'), c('n')] } },
      containers(c('a'), c('n'))
    ],
    [
      'setElementOrder alone reorders',
      containers(c('a'), c('b')),
      { spec: { '$setElementOrder/containers': [c('b'), c('a')] } },
      containers(c('b'), c('a'))
    ],
    [
      'server-only items keep their place',
      containers(c('a'), c('s'), c('b')),
      { spec: { '$setElementOrder/containers': [c('b'), c('a')] } },
      containers(c('s'), c('b'), c('a'))
    ],
    ['$patch delete removes an item', containers(c('a'), c('b')), containers({ name: 'a', $patch: 'delete' }), containers(c('b'))],
    ['$patch delete of what is not there', containers(c('a')), containers({ name: 'x', $patch: 'delete' }), containers(c('a'))],
    ['$patch replace replaces a list', containers(c('a'), c('b')), containers({ $patch: 'replace' }, c('z')), containers(c('z'))],
    [
      '$patch replace replaces a map',
      { metadata: { labels: { a: '1' } } },
      { metadata: { labels: { $patch: 'replace', z: '1' } } },
      { metadata: { labels: { z: '1' } } }
    ],
    [
      '$patch delete empties a map',
      { metadata: { labels: { a: '1' } } },
      { metadata: { labels: { $patch: 'delete' } } },
      { metadata: { labels: {} } }
    ],
    [
      'nested lists merge',
      containers(c('a', { env: [{ name: 'X', value: '1' }] })),
      containers(c('a', { env: [{ name: 'Y', value: '2' }] })),
      containers(
        c('a', {
          env: [
            { name: 'Y', value: '2' },
            { name: 'X', value: '1' }
          ]
        })
      )
    ],
    [
      'lists without strategy are replaced',
      containers(c('a', { args: ['1', '2'] })),
      containers(c('a', { args: ['3'] })),
      containers(c('a', { args: ['3'] }))
    ],
    [
      'lists of maps without strategy are replaced',
      { spec: { tolerations: [{ key: 'a' }] } },
      { spec: { tolerations: [{ key: 'b' }] } },
      { spec: { tolerations: [{ key: 'b' }] } }
    ],
    [
      'primitive lists merge as sets',
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { finalizers: ['c', 'a'] } },
      { metadata: { finalizers: ['c', 'a', 'b'] } }
    ],
    [
      'deleteFromPrimitiveList',
      { metadata: { finalizers: ['a', 'b', 'c'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'] } },
      { metadata: { finalizers: ['a', 'c'] } }
    ],
    [
      'add and delete with order',
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], '$setElementOrder/finalizers': ['c', 'b'], finalizers: ['c'] } },
      { metadata: { finalizers: ['c', 'b'] } }
    ],
    [
      'retainKeys drops the others',
      { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      { spec: { strategy: { type: 'Recreate' } } }
    ],
    [
      'retainKeys must list what is set',
      { spec: { strategy: {} } },
      { spec: { strategy: { $retainKeys: [], type: 'x' } } },
      '400 invalid patch format of retainKeys'
    ],
    ['replace strategy takes the patch whole', { spec: { whole: { a: 1 } } }, { spec: { whole: { b: 2 } } }, { spec: { whole: { b: 2 } } }],
    [
      'directives do not leak into new values',
      {},
      {
        spec: {
          containers: [c('a'), { name: 'b', $patch: 'delete' }],
          '$setElementOrder/containers': [c('a')],
          strategy: { $retainKeys: ['type'], type: 'x' }
        }
      },
      { spec: { containers: [c('a')], strategy: { type: 'x' } } }
    ],
    ['nulls in new values go', {}, { metadata: { labels: { a: null, b: '1' } } }, { metadata: { labels: { b: '1' } } }],
    ['other types replace', { spec: { strategy: 'x' } }, { spec: { strategy: { type: 'y' } } }, { spec: { strategy: { type: 'y' } } }],
    ['an item without key is refused', containers(c('a')), containers({ image: 'x' }), unprocessable],
    ['an unknown $patch is refused', containers(c('a')), containers({ name: 'a', $patch: 'burn' }), unprocessable],
    ['lists of lists are refused', { metadata: { finalizers: ['a'] } }, { metadata: { finalizers: [['b']] } }, unprocessable],
    [
      'an order that contradicts the patch',
      containers(c('a')),
      { spec: { containers: [c('x'), c('y')], '$setElementOrder/containers': [c('y'), c('x')] } },
      unprocessable
    ],
    [
      'a malformed order',
      containers(c('a')),
      { spec: { '$setElementOrder/containers': 'x' } },
      '400 invalid patch format of setElementOrder list'
    ],
    [
      'a malformed deletion',
      { metadata: { finalizers: ['a'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': 'a' } },
      '400 invalid patch format of primitive list'
    ]
  ]
  for (const [name, target, patch, expected] of table) {
    const before = cloneJson(target)
    t.strictSame(strategic(target, patch), expected, name)
    t.same(target, before, `${name}: the target is not changed`)
  }
})

t.test('patching twice is patching once, and large lists are quick', async t => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'))
  fc.assert(
    fc.property(names, names, (old, added) => {
      const patch = containers(...added.map(name => c(name, { image: 'new' })))
      const once = strategic(containers(...old.map(name => c(name))), patch)
      t.strictSame(strategic(once, patch), once)
      const have = (once as { spec: { containers: { name: string }[] } }).spec.containers.map(one => one.name)
      return new Set(have).size === have.length && [...old, ...added].every(name => have.includes(name))
    })
  )
  const big = containers(...Array.from({ length: 20_000 }, (_, index) => c(`c${index}`)))
  const result = strategic(big, big) as { spec: { containers: Json[] } }
  t.equal(result.spec.containers.length, 20_000)
})
