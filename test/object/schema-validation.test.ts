import fc from 'fast-check'
import t from 'tap'
import type { Schema } from '../../lib/object/schema.js'
import { canonicalBase64, isCanonicalBase64 } from '../../lib/object/validate-base64.js'
import { findDuplicateFields } from '../../lib/object/validate-duplicates.js'
import { canonicalQuantity, isCanonicalQuantity } from '../../lib/object/validate-quantity.js'
import {
  createValidators,
  decodeErrorText,
  duplicateFieldText,
  strictErrorText,
  unknownFieldText,
  unknownMax
} from '../../lib/object/validate-schema.js'
import { canonicalTime, isCanonicalTime, type Precision } from '../../lib/object/validate-time.js'

const models: Record<string, Schema> = {
  'x.v1.Thing': {
    type: 'object',
    properties: {
      kind: { type: 'string', omitEmpty: true },
      metadata: { ref: 'x.v1.Meta' },
      spec: { ref: 'x.v1.ThingSpec' },
      raw: { ref: 'x.Raw' }
    }
  },
  'x.v1.Meta': {
    type: 'object',
    properties: {
      labels: { type: 'object', additionalProperties: { type: 'string' }, omitEmpty: true },
      created: { ref: 'x.Time' },
      micro: { ref: 'x.MicroTime' }
    }
  },
  'x.v1.ThingSpec': {
    type: 'object',
    properties: {
      replicas: { type: 'integer', format: 'int32' },
      big: { type: 'integer', format: 'int64' },
      ratio: { type: 'number', format: 'double' },
      paused: { type: 'boolean', omitEmpty: true },
      policy: { type: 'string', goType: 'v1.Policy' },
      parts: { type: 'array', items: { ref: 'x.v1.Part' } },
      names: { type: 'array', items: { type: 'string' }, omitEmpty: true },
      amounts: { type: 'object', additionalProperties: { ref: 'x.Quantity' }, goType: 'v1.ResourceList' },
      port: { ref: 'x.IntOrString' },
      data: { type: 'object', additionalProperties: { type: 'string', format: 'byte' } }
    }
  },
  'x.v1.Part': { type: 'object', properties: { name: { type: 'string' }, parts: { type: 'array', items: { ref: 'x.v1.Part' } } } },
  'x.Raw': { type: 'object', preserveUnknownFields: true },
  'x.Quantity': { type: 'string', format: 'quantity' },
  'x.IntOrString': { format: 'int-or-string', intOrString: true },
  'x.Time': { type: 'string', format: 'date-time' },
  'x.MicroTime': { type: 'string', format: 'date-time-micro' }
}
const schemas = { get: (name: string) => models[name] }

function validate(object: unknown) {
  const validator = createValidators(schemas).get('x.v1.Thing')
  if (!validator) throw new Error('no validator')
  return validator(object)
}

t.test('what is clean comes back as the very same value', async t => {
  const clean = {
    kind: 'Thing',
    metadata: { labels: { a: 'b' }, created: '2024-02-29T23:59:59Z', micro: '2024-02-29T23:59:59.000001Z' },
    spec: {
      replicas: -1,
      big: 2 ** 53,
      ratio: 1.5,
      policy: '',
      parts: [{ name: 'a', parts: [{ name: 'b' }] }],
      amounts: { cpu: '100m', memory: '128Mi', pods: '0' },
      port: 'http',
      data: { a: 'aGVsbG8=', empty: '' }
    },
    raw: { anything: [null, { x: 1 }] }
  }
  const { object, unknown, failure } = validate(clean)
  t.equal(object, clean)
  t.same(unknown, [])
  t.equal(failure, undefined)
  t.equal(createValidators(schemas).get('x.v1.Nothing'), undefined)
})

t.test('what is not clean is pruned and brought to canonical form', async t => {
  const cases: readonly (readonly [name: string, input: object, output: object, unknown?: readonly string[]])[] = [
    ['nulls are dropped', { kind: null, spec: { replicas: null, port: 1 } }, { spec: { port: 1 } }],
    [
      'nulls in maps and lists are zero values',
      { metadata: { labels: { a: null } }, spec: { names: [null], parts: [null] } },
      { metadata: { labels: { a: '' } }, spec: { names: [''], parts: [{}] } }
    ],
    [
      'empty values that are never written are dropped',
      { kind: '', metadata: { labels: {} }, spec: { paused: false, names: [], policy: '', parts: [] } },
      { metadata: {}, spec: { policy: '', parts: [] } }
    ],
    [
      'unknown fields are dropped and named',
      { foo: 1, spec: { parts: [{ name: 'a', bar: {} }, { baz: 0 }], foo: null } },
      { spec: { parts: [{ name: 'a' }, {}] } },
      ['foo', 'spec.parts[0].bar', 'spec.parts[1].baz', 'spec.foo']
    ],
    [
      'an unknown field of several elements is named for each',
      { spec: { parts: [{ parts: [{ x: 1 }] }] } },
      { spec: { parts: [{ parts: [{}] }] } },
      ['spec.parts[0].parts[0].x']
    ],
    [
      'quantities',
      { spec: { amounts: { cpu: 1, memory: '1024Mi', milli: '0.5', small: 0.1 } } },
      { spec: { amounts: { cpu: '1', memory: '1Gi', milli: '500m', small: '100m' } } }
    ],
    [
      'times',
      { metadata: { created: '2024-01-01T01:00:00.5+02:00', micro: '2024-12-31T23:30:00.123456-01:00' } },
      { metadata: { created: '2023-12-31T23:00:00Z', micro: '2025-01-01T00:30:00.123456Z' } }
    ],
    ['bytes with line breaks', { spec: { data: { a: 'aGVs\nbG8=\n' } } }, { spec: { data: { a: 'aGVsbG8=' } } }],
    ['raw values keep what is unknown and null', { foo: 1, raw: { a: null } }, { raw: { a: null } }, ['foo']]
  ]
  for (const [name, input, output, unknown = []] of cases) {
    const result = validate(input)
    t.strictSame(result.object, output, name)
    t.same(result.unknown, unknown, name)
    t.equal(result.failure, undefined, name)
    t.equal(validate(result.object).object, result.object, `${name}: the result is clean`)
  }
})

t.test('a wrong type is told as Go tells it', async t => {
  const field = (value: string, where: string, type: string) =>
    `json: cannot unmarshal ${value} into Go struct field ${where} of type ${type}`
  const cases: readonly (readonly [input: unknown, message: string, path: string])[] = [
    [{ spec: { replicas: '3' } }, field('string', 'ThingSpec.spec.replicas', 'int32'), 'spec.replicas'],
    [{ spec: { replicas: 1.5 } }, field('number 1.5', 'ThingSpec.spec.replicas', 'int32'), 'spec.replicas'],
    [{ spec: { replicas: 2147483648 } }, field('number 2147483648', 'ThingSpec.spec.replicas', 'int32'), 'spec.replicas'],
    [{ spec: { big: 2 ** 63 } }, field('number 9223372036854776000', 'ThingSpec.spec.big', 'int64'), 'spec.big'],
    [{ spec: { paused: 'yes' } }, field('string', 'ThingSpec.spec.paused', 'bool'), 'spec.paused'],
    [{ spec: { policy: 1 } }, field('number', 'ThingSpec.spec.policy', 'v1.Policy'), 'spec.policy'],
    [{ spec: { ratio: true } }, field('bool', 'ThingSpec.spec.ratio', 'float64'), 'spec.ratio'],
    [{ spec: { parts: {} } }, field('object', 'ThingSpec.spec.parts', '[]v1.Part'), 'spec.parts'],
    [{ spec: { parts: [{}, { name: 7 }] } }, field('number', 'Part.spec.parts.name', 'string'), 'spec.parts[1].name'],
    [{ spec: { parts: ['a'] } }, field('string', 'ThingSpec.spec.parts', 'v1.Part'), 'spec.parts[0]'],
    [{ spec: { amounts: [] } }, field('array', 'ThingSpec.spec.amounts', 'v1.ResourceList'), 'spec.amounts'],
    [{ spec: [] }, field('array', 'Thing.spec', 'v1.ThingSpec'), 'spec'],
    [{ metadata: { labels: { a: 1 } } }, field('number', 'Meta.metadata.labels', 'string'), 'metadata.labels.a'],
    [{ metadata: { labels: 'a' } }, field('string', 'Meta.metadata.labels', 'map[string]string'), 'metadata.labels'],
    [{ metadata: { created: 5 } }, field('number', 'Meta.metadata.created', 'string'), 'metadata.created'],
    [{ spec: { port: 1.5 } }, field('number 1.5', 'ThingSpec.spec.port', 'int32'), 'spec.port'],
    [{ spec: { port: {} } }, field('object', 'ThingSpec.spec.port', 'int32'), 'spec.port'],
    [{ spec: { data: { a: '!' } } }, 'illegal base64 data at input byte 0', 'spec.data.a'],
    [
      { spec: { amounts: { cpu: 'lots' } } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      'spec.amounts.cpu'
    ],
    ['text', 'json: cannot unmarshal string into Go value of type v1.Thing', '']
  ]
  for (const [input, message, path] of cases) t.same(validate(input).failure, { message, path })
})

t.test('the first wrong type counts, but a type that reads itself ends the decoding', async t => {
  t.match(validate({ spec: { replicas: 'a', big: 'b' } }).failure, { path: 'spec.replicas' })
  t.match(validate({ spec: { replicas: 'a', port: {}, amounts: { cpu: 'x' } } }).failure, { path: 'spec.port' })
})

t.test('names that mean something to JavaScript are names like any other', async t => {
  const input = JSON.parse('{"foo":1,"metadata":{"labels":{"__proto__":"a","constructor":"b"}}}')
  const result = validate(input)
  t.equal(JSON.stringify(result.object), '{"metadata":{"labels":{"__proto__":"a","constructor":"b"}}}')
  t.same(validate(JSON.parse('{"__proto__":1,"toString":2}')).unknown, ['__proto__', 'toString'])
})

t.test('unknown fields are counted up to a limit', async t => {
  const input = Object.fromEntries(Array.from({ length: unknownMax + 5 }, (_, i) => [`f${i}`, i]))
  t.equal(validate(input).unknown.length, unknownMax)
})

t.test('texts of errors', async t => {
  const strict = strictErrorText([unknownFieldText('spec.foo'), duplicateFieldText('spec.bar')])
  t.equal(strict, 'strict decoding error: unknown field "spec.foo", duplicate field "spec.bar"')
  t.equal(
    decodeErrorText('Deployment', 'v1', 'Deployment', strict),
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", duplicate field "spec.bar"'
  )
})

t.test('quantities', async t => {
  const cases: Record<string, string> = {
    '0': '0',
    '-0': '0',
    '00.0': '0',
    '+1': '1',
    '1': '1',
    '1000': '1k',
    '1500': '1500',
    '1000m': '1',
    '1500m': '1500m',
    '0.5': '500m',
    '.5': '500m',
    '5.': '5',
    '1Ki': '1Ki',
    '1024': '1024',
    '1024Ki': '1Mi',
    '0.5Gi': '512Mi',
    '1.5Gi': '1536Mi',
    '512Ki': '512Ki',
    '0.5Ki': '512',
    '0.1Ki': '102400m',
    '100000k': '100M',
    '1e3': '1e3',
    '12e1': '120',
    '1E3': '1e3',
    '1E': '1E',
    '10E': '9223372036854775807',
    '0.1n': '1n',
    '-1.5': '-1500m',
    '1e-30': '1e-9',
    '0m': '0',
    '9223372036854775807': '9223372036854775807',
    '1e99999': '9223372036854775807'
  }
  for (const [input, text] of Object.entries(cases)) t.same(canonicalQuantity(input), { text }, input)
  for (const input of ['', ' 1', 'a', '1x', '1.2.3', '1e', '1Kim', '--1', '1 Gi', '1-2'])
    t.hasProp(canonicalQuantity(input), 'error', input)
})

t.test('quantities: canonical is a fixed point, and the quick look agrees', async () => {
  const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E2')
  const quantity = fc
    .tuple(fc.integer({ min: -100000, max: 100000 }), fc.constantFrom('', '.5', '.25', '.001'), suffix)
    .map(parts => parts.join(''))
  fc.assert(
    fc.property(quantity, input => {
      const texts = [input]
      for (let round = 0; round < 3; round++) {
        const result = canonicalQuantity(texts[round] as string)
        if (!('text' in result)) return false
        texts.push(result.text)
      }
      const keepsFormat = !input.includes('i') || texts[1]?.includes('i')
      return texts[3] === texts[2] && (!keepsFormat || texts[2] === texts[1]) && (!isCanonicalQuantity(input) || texts[1] === input)
    }),
    { numRuns: 2000 }
  )
})

t.test('times', async t => {
  const cases: readonly (readonly [input: string, precision: Precision, expected: string])[] = [
    ['2024-05-01T10:00:00Z', 'seconds', '2024-05-01T10:00:00Z'],
    ['2024-05-01T10:00:00.999999999Z', 'seconds', '2024-05-01T10:00:00Z'],
    ['2024-03-01T00:30:00+01:00', 'seconds', '2024-02-29T23:30:00Z'],
    ['2023-12-31T23:30:00-01:00', 'seconds', '2024-01-01T00:30:00Z'],
    ['2024-05-01T10:00:00.123456Z', 'micros', '2024-05-01T10:00:00.123456Z']
  ]
  for (const [input, precision, text] of cases) t.same(canonicalTime(input, precision), { text }, input)
  const layout = '2006-01-02T15:04:05Z07:00'
  const errors: Record<string, string> = {
    '': `parsing time "" as "${layout}": cannot parse "" as "2006"`,
    yesterday: `parsing time "yesterday" as "${layout}": cannot parse "yesterday" as "2006"`,
    '2024-05-01': `parsing time "2024-05-01" as "${layout}": cannot parse "" as "T"`,
    '2024-05-01T10:00:00': `parsing time "2024-05-01T10:00:00" as "${layout}": cannot parse "" as "Z07:00"`,
    '2024-13-01T00:00:00Z': 'parsing time "2024-13-01T00:00:00Z": month out of range',
    '2023-02-29T00:00:00Z': 'parsing time "2023-02-29T00:00:00Z": day out of range',
    '2024-05-01T10:00:00Zx': 'parsing time "2024-05-01T10:00:00Zx": extra text: "x"'
  }
  for (const [input, error] of Object.entries(errors)) t.same(canonicalTime(input, 'seconds'), { error }, input)
  t.match(canonicalTime('2024-05-01T10:00:00Z', 'micros'), { error: /cannot parse "Z" as ".000000"$/ })
})

t.test('times: every offset agrees with the host', async () => {
  const moment = fc.date({ min: new Date('0100-01-02T00:00:00Z'), max: new Date('9998-12-30T00:00:00Z'), noInvalidDate: true })
  fc.assert(
    fc.property(moment, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, offset) => {
      const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19)
      const size = Math.abs(offset)
      const zone = `${offset < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`
      const expected = `${date.toISOString().slice(0, 19)}Z`
      const result = canonicalTime(local + zone, 'seconds')
      return 'text' in result && result.text === expected && isCanonicalTime(expected, 'seconds')
    }),
    { numRuns: 2000 }
  )
})

t.test('base64', async t => {
  const cases: Record<string, object> = {
    '': { text: '' },
    'aGVsbG8=': { text: 'aGVsbG8=' },
    'aGVs\r\nbG8=\n': { text: 'aGVsbG8=' },
    'QR==': { text: 'QQ==' },
    aGVsbG8: { error: 'illegal base64 data at input byte 4' },
    'aGVsbG8==': { error: 'illegal base64 data at input byte 8' },
    'not base64!': { error: 'illegal base64 data at input byte 3' },
    'a===': { error: 'illegal base64 data at input byte 1' },
    'QQ=': { error: 'illegal base64 data at input byte 3' },
    'QQ=a': { error: 'illegal base64 data at input byte 2' }
  }
  for (const [input, expected] of Object.entries(cases)) t.same(canonicalBase64(input), expected, input)
  fc.assert(fc.property(fc.uint8Array(), bytes => isCanonicalBase64(Buffer.from(bytes).toString('base64'))))
})

t.test('duplicate fields', async t => {
  const cases: Record<string, readonly string[]> = {
    '{}': [],
    '{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}': [],
    '{"a":1,"a":2,"a":3}': ['a'],
    '{ "spec" : { "x" : [ 1, {"y":"}\\"{,"}, { "z": 1 , "z" : [] } ], "x": {} } }': ['spec.x[2].z', 'spec.x'],
    '{"a":"b\\\\","a":1}': ['a'],
    '{"a":1,"\\u0061":2}': ['a'],
    '[[{"k":1}],[{"k":1,"k":{}}]]': ['[1][0].k'],
    '{"a":"a","b":"a","c":["a","a"]}': []
  }
  for (const [text, paths] of Object.entries(cases)) {
    JSON.parse(text)
    t.same(findDuplicateFields(text), paths, text)
  }
  fc.assert(
    fc.property(fc.json(), text => {
      const named = findDuplicateFields(JSON.stringify(JSON.parse(text)))
      return named.length === 0
    })
  )
})
