// What the apiserver relies on of ranges, transactions and compaction: one promise a case, as requests and what they give.
// The words are etcd's (api/v3rpc/rpctypes): clients compare them.

import { compare, del, get, gives, kv, put, range, refused, type Scope, type StorageCase, script, txn, write } from './harness.js'

const none = { kvs: [], count: 0, more: false }

const ranges: readonly StorageCase[] = [
  script('a key that is not there is an empty answer', ({ key, all, revision: r }) => [
    [range(key('a')), gives({ ...none, revision: r })],
    [range(all.key, { end: all.end }), gives({ ...none, revision: r })]
  ]),
  script('a put makes one revision; create, mod and version count', ({ key, revision: r }) => [
    [write(put(key('a'), '1')), gives({ succeeded: true, revision: r + 1 })],
    [range(key('a')), gives({ kvs: [kv(key('a'), '1', r + 1, r + 1, 1)], count: 1, more: false, revision: r + 1 })],
    [write(put(key('a'), '2')), gives({ succeeded: true, revision: r + 2 })],
    [range(key('a')), gives({ kvs: [kv(key('a'), '2', r + 1, r + 2, 2)] })],
    [write(del(key('a'))), gives({ revision: r + 3 })],
    [range(key('a')), gives({ ...none, revision: r + 3 })],
    [write(put(key('a'), '3')), gives({ revision: r + 4 })],
    [range(key('a')), gives({ kvs: [kv(key('a'), '3', r + 4, r + 4, 1)] })]
  ]),
  script('keys come in the order of their bytes, from the first on, the end not included', ({ key, all, revision: r }) => {
    const at = r + 1
    const b = kv(key('b'), '1', at, at, 1)
    const b0 = kv(`${key('b')}\0`, '2', at, at, 1)
    const bang = kv(key('b!'), '3', at, at, 1)
    const high = kv(key('b\u00ff'), '4', at, at, 1)
    const c = kv(key('c'), '5', at, at, 1)
    return [
      [write(...[c, high, b, bang, b0].map(({ key, value }) => put(key, value))), gives({ revision: at })],
      [range(all.key, { end: all.end }), gives({ kvs: [b, b0, bang, high, c], count: 5, more: false })],
      [range(key('b'), { end: key('c') }), gives({ kvs: [b, b0, bang, high], count: 4 })],
      [range(key('b')), gives({ kvs: [b], count: 1 })],
      [range(key('b!'), { end: all.end }), gives({ kvs: [bang, high, c] })],
      [range(key('c'), { end: key('b') }), gives(none)]
    ]
  }),
  script('a limit cuts the answer, not the count; pages go on after the last key', ({ key, all, revision: r }) => [
    [write(put(key('a')), put(key('b')), put(key('c'))), gives({ revision: r + 1 })],
    [
      range(all.key, { end: all.end, limit: 2 }),
      gives({ kvs: [kv(key('a'), 'v', r + 1, r + 1, 1), kv(key('b'), 'v', r + 1, r + 1, 1)], count: 3, more: true })
    ],
    [range(`${key('b')}\0`, { end: all.end, limit: 2 }), gives({ kvs: [kv(key('c'), 'v', r + 1, r + 1, 1)], count: 1, more: false })],
    [range(all.key, { end: all.end, limit: 3 }), gives({ count: 3, more: false })],
    [range(all.key, { end: all.end, countOnly: true }), gives(counted(3, r + 1))],
    [range(all.key, { end: all.end, limit: 1, keysOnly: true }), gives({ kvs: [kv(key('a'), '', r + 1, r + 1, 1)], count: 3, more: true })]
  ]),
  script('a revision that was not compacted reads the same for ever', ({ key, all, revision: r }) => [
    [write(put(key('a'), '1'), put(key('b'), '1')), gives({ revision: r + 1 })],
    [write(put(key('a'), '2')), gives({ revision: r + 2 })],
    [write(del(key('b'))), gives({ revision: r + 3 })],
    [
      range(all.key, { end: all.end, revision: r + 1 }),
      gives({ kvs: [kv(key('a'), '1', r + 1, r + 1, 1), kv(key('b'), '1', r + 1, r + 1, 1)], count: 2, revision: r + 3 })
    ],
    [
      range(all.key, { end: all.end, revision: r + 2, limit: 1 }),
      gives({ kvs: [kv(key('a'), '2', r + 1, r + 2, 2)], count: 2, more: true })
    ],
    [range(all.key, { end: all.end, revision: r + 3 }), gives({ kvs: [kv(key('a'), '2', r + 1, r + 2, 2)], count: 1 })],
    [range(all.key, { end: all.end, revision: 0 }), gives({ count: 1 })]
  ]),
  script('a revision that is not there yet is refused', ({ key, revision: r }) => [
    [range(key('a'), { revision: r + 1 }), refused('future revision', 'etcdserver: mvcc: required revision is a future revision')],
    [write(put(key('a'))), gives({ revision: r + 1 })],
    [range(key('a'), { revision: r + 1 }), gives({ count: 1 })]
  ]),
  {
    name: 'any bytes are a value, and any length',
    async run(t, storage, { key }) {
      const every = Uint8Array.from({ length: 256 }, (_, at) => at)
      const large = new Uint8Array(1 << 20).fill(7)
      for (const value of [every, large, new Uint8Array(0)]) {
        const put = { type: 'put', key: key('a'), value }
        t.match(await storage.ask('txn', { compares: [], success: [put], failure: [] }), { ok: true })
        const read = await storage.ask('range', { key: key('a') })
        t.ok(read.ok && Buffer.from(read.value.kvs[0].value).equals(value), `${value.length} bytes`)
      }
    }
  }
]

const counted = (count: number, revision: number) => ({ kvs: [], count, revision })

/** Of a key put twice, so that its numbers differ: [target, result, operand relative to them, holds]. */
const comparisons = ({ key, revision: r }: Scope) => {
  const a = key('a')
  const absent = key('absent')
  return [
    [compare(a, 'version', 'equal', 2), true],
    [compare(a, 'version', 'greater', 2), false],
    [compare(a, 'version', 'less', 3), true],
    [compare(a, 'version', 'notEqual', 2), false],
    [compare(a, 'create', 'equal', r + 1), true],
    [compare(a, 'create', 'greater', r), true],
    [compare(a, 'mod', 'equal', r + 2), true],
    [compare(a, 'mod', 'less', r + 2), false],
    [compare(a, 'mod', 'notEqual', r + 1), true],
    [compare(a, 'lease', 'equal', 0), true],
    [compare(a, 'value', 'equal', 'two'), true],
    [compare(a, 'value', 'equal', 'tw'), false],
    [compare(a, 'value', 'greater', 'tw'), true],
    [compare(a, 'value', 'less', 'u'), true],
    [compare(a, 'value', 'notEqual', 'one'), true],
    [compare(absent, 'version', 'equal', 0), true],
    [compare(absent, 'create', 'equal', 0), true],
    [compare(absent, 'mod', 'equal', 0), true],
    [compare(absent, 'mod', 'greater', 0), false],
    [compare(absent, 'create', 'less', 1), true],
    [compare(absent, 'value', 'equal', ''), false],
    [compare(absent, 'value', 'notEqual', 'x'), false]
  ] as const
}

const txns: readonly StorageCase[] = [
  script('each comparison, of a key that is there and of one that is not', scope => [
    [write(put(scope.key('a'), 'one')), gives({ succeeded: true })],
    [write(put(scope.key('a'), 'two')), gives({ succeeded: true })],
    ...comparisons(scope).map(([one, holds]) => [txn([one], []), gives({ succeeded: holds, revision: scope.revision + 2 })] as const)
  ]),
  script('all comparisons must hold; the other branch is what then happens', ({ key, revision: r }) => [
    [write(put(key('a'), '1')), gives({ revision: r + 1 })],
    [
      txn([compare(key('a'), 'mod', 'equal', r + 1), compare(key('b'), 'mod', 'greater', 0)], [put(key('a'), '2')], [get(key('a'))]),
      gives({
        succeeded: false,
        revision: r + 1,
        results: [{ type: 'range', kvs: [kv(key('a'), '1', r + 1, r + 1, 1)], count: 1, more: false }]
      })
    ],
    [txn([compare(key('a'), 'mod', 'equal', r + 1)], [put(key('a'), '2')], [del(key('a'))]), gives({ succeeded: true, revision: r + 2 })],
    [range(key('a')), gives({ kvs: [kv(key('a'), '2', r + 1, r + 2, 2)] })],
    [
      txn([compare(key('a'), 'mod', 'equal', r + 1)], [put(key('a'), '3')], [put(key('b'), 'else')]),
      gives({ succeeded: false, revision: r + 3 })
    ],
    [range(key('b')), gives({ kvs: [kv(key('b'), 'else', r + 3, r + 3, 1)] })]
  ]),
  script('a transaction is one revision, and its ops see those before them', ({ key, all, revision: r }) => [
    [
      write(put(key('a'), '1'), put(key('b'), '1'), get(all.key, { end: all.end, limit: 1 }), del(key('c')), get(key('b'))),
      gives({
        revision: r + 1,
        results: [
          { type: 'put' },
          { type: 'put' },
          { type: 'range', kvs: [kv(key('a'), '1', r + 1, r + 1, 1)], count: 2, more: true },
          { type: 'delete', deleted: 0, prevs: [] },
          { type: 'range', kvs: [kv(key('b'), '1', r + 1, r + 1, 1)], count: 1, more: false }
        ]
      })
    ],
    [range(key('b')), gives({ kvs: [kv(key('b'), '1', r + 1, r + 1, 1)] })]
  ]),
  script('deletes count what they took, and tell it if asked', ({ key, all, revision: r }) => {
    const a = kv(key('a'), '1', r + 1, r + 1, 1)
    const b = kv(key('b'), '2', r + 1, r + 1, 1)
    return [
      [write(put(key('a'), '1'), put(key('b'), '2'), put(key('c'), '3')), gives({ revision: r + 1 })],
      [write(del(key('c'))), gives({ revision: r + 2, results: [{ type: 'delete', deleted: 1, prevs: [] }] })],
      [
        write(del(all.key, { end: all.end, prevKv: true })),
        gives({ revision: r + 3, results: [{ type: 'delete', deleted: 2, prevs: [a, b] }] })
      ],
      [range(all.key, { end: all.end }), gives({ ...none, revision: r + 3 })],
      [range(all.key, { end: all.end, revision: r + 2 }), gives({ count: 2 })]
    ]
  }),
  script('what changes nothing makes no revision', ({ key, revision: r }) => [
    [write(del(key('a'))), gives({ revision: r, results: [{ type: 'delete', deleted: 0, prevs: [] }] })],
    [write(get(key('a'))), gives({ succeeded: true, revision: r })],
    [write(), gives({ succeeded: true, revision: r, results: [] })]
  ]),
  script('a key changes once in a revision; nothing of a transaction refused has happened', ({ key, all, revision: r }) => [
    [write(put(key('a')), put(key('b')), put(key('a'))), refused('duplicate key', 'etcdserver: duplicate key given in txn request')],
    [write(put(key('b')), del(all.key, { end: all.end })), refused('duplicate key')],
    [write(put(key('a')), put('')), refused('empty key', 'etcdserver: key is not provided')],
    [range(''), refused('empty key')],
    [range(all.key, { end: all.end }), gives({ ...none, revision: r })]
  ]),
  script('up to 128 ops', ({ key, all, revision: r }) => {
    const puts = (count: number) => Array.from({ length: count }, (_, at) => put(key(String(at))))
    return [
      [write(...puts(129)), refused('too many ops', 'etcdserver: too many operations in txn request')],
      [write(...puts(128)), gives({ revision: r + 1 })],
      [range(all.key, { end: all.end, countOnly: true }), gives(counted(128, r + 1))]
    ]
  }),
  {
    name: 'of many who compare and swap, each change happens once',
    async run(t, storage, { key, revision }) {
      const counter = key('counter')
      let conflicts = 0
      const increments = async (count: number): Promise<void> => {
        for (let done = 0; done < count; ) {
          const read = await storage.ask('range', { key: counter })
          if (!read.ok) throw new Error(JSON.stringify(read.error))
          const { modRevision = 0, value } = read.value.kvs[0] ?? {}
          const next = Number(value === undefined ? 0 : Buffer.from(value).toString()) + 1
          const [type, body] = txn([compare(counter, 'mod', 'equal', modRevision)], [put(counter, String(next))])
          const wrote = await storage.ask(type, body)
          if (!wrote.ok) throw new Error(JSON.stringify(wrote.error))
          if (wrote.value.succeeded) done++
          else conflicts++
        }
      }
      await Promise.all([increments(5), increments(5), increments(5), increments(5)])
      const read = await storage.ask('range', { key: counter })
      t.match(read.ok && read.value.kvs[0], { version: 20, createRevision: revision + 1, modRevision: revision + 20 })
      t.equal(read.ok && Buffer.from(read.value.kvs[0].value).toString(), '20', `with ${conflicts} conflicts`)
    }
  },
  {
    name: 'the revision is that of the newest write acknowledged, and never goes back',
    async run(t, storage, { key, revision: r }) {
      let last = r
      for (let at = 1; at <= 10; at++) {
        const [type, body] = write(put(key('a'), String(at)))
        const asked = await Promise.all([storage.ask(type, body), storage.ask('revision')])
        const now = await storage.ask('revision')
        if (!asked[0].ok || !asked[1].ok || !now.ok) throw new Error(JSON.stringify([asked, now]))
        t.equal(now.value.revision, r + at)
        t.ok(asked[1].value.revision >= last && asked[1].value.revision <= r + at, 'asked at the same time: before or after')
        last = now.value.revision
      }
    }
  }
]

const compaction: readonly StorageCase[] = [
  script('what is older than a compaction is gone, and only that', ({ key, revision: r }) => [
    [write(put(key('a'), '1')), gives({ revision: r + 1 })],
    [write(put(key('a'), '2'), put(key('b'), '1')), gives({ revision: r + 2 })],
    [write(del(key('b'))), gives({ revision: r + 3 })],
    [['compact', { revision: r + 2 }], gives({ revision: r + 3 })],
    [range(key('a'), { revision: r + 1 }), refused('compacted', 'etcdserver: mvcc: required revision has been compacted')],
    [range(key('a'), { revision: r + 2 }), gives({ kvs: [kv(key('a'), '2', r + 1, r + 2, 2)] })],
    [range(key('b'), { revision: r + 2 }), gives({ count: 1 })],
    [range(key('a')), gives({ kvs: [kv(key('a'), '2', r + 1, r + 2, 2)], revision: r + 3 })],
    [['compact', { revision: r + 1 }], refused('compacted')],
    [['compact', { revision: r + 2 }], refused('compacted')],
    [['compact', { revision: r + 4 }], refused('future revision')],
    [['compact', { revision: r + 3 }], gives({ revision: r + 3 })],
    [write(put(key('a'), '3')), gives({ revision: r + 4 })]
  ])
]

export const requestCases: readonly StorageCase[] = [...ranges, ...txns, ...compaction]
