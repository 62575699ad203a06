// The codec against protobufjs, which reads the same proto files: random messages of etcd's API go both ways; damage is refused.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { loadSync } from '@grpc/proto-loader'
import fc from 'fast-check'
import t from 'tap'
import { Codec, type Descriptor, WireFault, type WireField } from '../../lib/protobuf/index.js'

const descriptor: Descriptor = JSON.parse(readFileSync(new URL('../../resources/etcd.json', import.meta.url), 'utf8'))
const codec = new Codec(descriptor, { isKey: field => field === 'key' || field === 'rangeEnd' })
const protos = join(dirname(createRequire(import.meta.url).resolve('etcd3/package.json')), 'proto')
/** Fields that the build adds (build/etcd-protos.ts): protobufjs, which reads the client's files, knows nothing of them. */
const added: ReadonlySet<string> = new Set(['hashedPassword'])
const services: any = loadSync('rpc.proto', { includeDirs: [protos], longs: BigInt as never, enums: Number as never })

/** Values of a message as the codec has them. Depth is bounded: transactions nest. */
function messageOf(name: string, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const all = descriptor.messages[name] as readonly WireField[]
  const fields = all.filter(([, field, type]) => (depth > 0 || type !== 'message') && !added.has(field))
  return fc.record(Object.fromEntries(fields.map(field => [field[1], fieldOf(field, depth)])), { requiredKeys: [] })
}

function fieldOf([, name, type, repeated, inner]: WireField, depth: number): fc.Arbitrary<unknown> {
  const one = (): fc.Arbitrary<unknown> => {
    switch (type) {
      case 'message':
        return messageOf(inner as string, depth - 1)
      case 'bytes': {
        const bytes = fc.uint8Array({ maxLength: 300 })
        return name === 'key' || name === 'rangeEnd' ? bytes.map(one => Buffer.from(one).toString('latin1')) : bytes
      }
      case 'string':
        return fc.string({ unit: 'grapheme', maxLength: 20 })
      case 'bool':
        return fc.boolean()
      case 'enum':
        return fc.constantFrom(0, 1, 2)
      case 'uint64':
        return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
      case 'uint32':
        return fc.nat(2 ** 32 - 1)
      case 'int64':
        return fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -3, max: 300 }))
      default:
        return fc.integer()
    }
  }
  return repeated === 1 ? fc.array(one(), { maxLength: 3 }) : one()
}

/** As protobufjs takes and gives values: bytes, and 64 bits as decimal text. */
function plain(value: unknown, name: string): unknown {
  if (name === 'key' || name === 'rangeEnd') return Buffer.from(value as string, 'latin1')
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(item => plain(item, ''))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, key)]))
}

const methods = Object.entries(descriptor.methods)

t.test('what it writes protobufjs reads the same, and the other way round', async t => {
  t.ok(methods.length > 30)
  for (const [path, { request, response }] of methods) {
    const [, service = '', method = ''] = path.split('/')
    const reference = services[service][method]
    for (const [name, side] of [
      [request, 'request'],
      [response, 'response']
    ] as const) {
      fc.assert(
        fc.property(messageOf(name, 3), message => {
          const bytes = codec.encode(name, message)
          const decoded = codec.decode<Record<string, unknown>>(name, bytes)
          const theirs = reference[`${side}Deserialize`](Buffer.from(bytes))
          const again = reference[`${side}Serialize`](theirs)
          // Their bytes, read and written by ours, are ours: equal values, whatever the order of fields.
          if (!Buffer.from(codec.encode(name, codec.decode(name, again))).equals(Buffer.from(bytes))) throw new Error('theirs differ')
          if (!Buffer.from(codec.encode(name, decoded)).equals(Buffer.from(bytes))) throw new Error('it does not come back')
          for (const [field, value] of Object.entries(message)) {
            if (typeof value !== 'object' || value instanceof Uint8Array) t.same(plain(decoded[field], field), plain(value, field), field)
          }
        }),
        { numRuns: 20, seed: 1 }
      )
    }
  }
})

t.test('values by hand', async t => {
  const put = codec.encode('etcdserverpb.PutRequest', { key: 'a\xff', value: Uint8Array.of(1, 2), lease: -1 }, 5)
  t.same([...put.subarray(0, 5)], [0, 0, 0, 0, 0], 'room is left before it')
  t.equal(Buffer.from(put.subarray(5)).toString('hex'), '0a0261ff1202010218ffffffffffffffffff01')
  t.match(codec.decode('etcdserverpb.PutRequest', put.subarray(5)), { key: 'a\xff', lease: -1, prevKv: false })
  t.same(codec.decode('etcdserverpb.RangeResponse', new Uint8Array(0)), { header: undefined, kvs: [], more: false, count: 0 })
  const packed = Buffer.from('2a020001', 'hex')
  t.same(codec.decode<{ filters: number[] }>('etcdserverpb.WatchCreateRequest', packed).filters, [0, 1], 'packed')
  const single = Buffer.from('28002801', 'hex')
  t.same(codec.decode<{ filters: number[] }>('etcdserverpb.WatchCreateRequest', single).filters, [0, 1], 'not packed')
  t.equal(
    codec.decode<{ key: string }>('etcdserverpb.PutRequest', Buffer.from('fa0f01610a0162', 'hex')).key,
    'b',
    'unknown fields are passed over'
  )
})

t.test('damage is refused, and what comes after it is not affected', async t => {
  const damaged = ['0a', '0a05', '0a0561', '08', '0801', '18ff', '18ffffffffffffffffffffff', '0b', 'ff', '1a0100']
  for (const hex of damaged) t.throws(() => codec.decode('etcdserverpb.PutRequest', Buffer.from(hex, 'hex')), { name: 'WireFault' }, hex)
  let nested = Buffer.alloc(0)
  for (let i = 0; i < 100; i++) {
    const length = Buffer.from(nested.length < 128 ? [nested.length] : [(nested.length & 127) | 128, nested.length >> 7])
    const inner = Buffer.concat([Buffer.of(i % 2 === 0 ? 0x22 : 0x12), length, nested])
    nested = inner
  }
  t.throws(() => codec.decode('etcdserverpb.TxnRequest', nested), { name: 'WireFault' }, 'nested too deeply')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      try {
        codec.decode('etcdserverpb.TxnRequest', bytes)
      } catch (error) {
        if (!(error instanceof WireFault)) throw error
      }
    }),
    { numRuns: 2000, seed: 1 }
  )
  t.throws(() => codec.encode('etcdserverpb.RangeResponse', { kvs: [null] }))
  t.equal(codec.encode('etcdserverpb.PutRequest', { key: 'a' }).length, 3)
})
