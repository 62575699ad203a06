// What people read and write: quantities, names, times, selectors, errors. Expectations are upstream's.

import fc from 'fast-check'
import t from 'tap'
import {
  addQuantities,
  age,
  byteLength,
  compareQuantities,
  configKeyFaults,
  dns1035LabelFaults,
  dns1123LabelFaults,
  dns1123SubdomainFaults,
  envNameFaults,
  errors,
  exactField,
  field,
  formatMicroTime,
  formatQuantity,
  formatSelector,
  formatTime,
  generateName,
  humanDuration,
  labelValueFaults,
  matchesFields,
  matchesLabels,
  milliValue,
  nameAlphabet,
  parseFieldSelector,
  parseLabelSelector,
  parseQuantity,
  parseTime,
  portNameFaults,
  qualifiedNameFaults,
  quantity,
  roundUpToMilli,
  selectorOf,
  shortHumanDuration,
  subdomainName,
  unitValue,
  validateLabelSelector
} from '../../lib/object/index.js'
import { seededRandom } from '../../lib/std/index.js'

t.test('quantities take their canonical form', async t => {
  const table: readonly [string, string][] = [
    ['0', '0'],
    ['-0', '0'],
    ['0.0', '0'],
    ['0Ki', '0'],
    ['.', '0'],
    ['k', '0'],
    ['1', '1'],
    ['+1', '1'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['1000m', '1'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.', '1'],
    ['100m', '100m'],
    ['1500m', '1500m'],
    ['0.0001', '100u'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['1.00000000001', '1000000001n'],
    ['1Ki', '1Ki'],
    ['1024Ki', '1Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['512Ki', '512Ki'],
    ['1.2Ki', '1228800m'],
    ['-1Ki', '-1Ki'],
    ['12e6', '12e6'],
    ['12000e3', '12e6'],
    ['1e0', '1'],
    ['1E3', '1e3'],
    ['1e-3', '1e-3'],
    ['1E', '1E'],
    ['1000E', '1000E'],
    ['1Ei', '1Ei'],
    ['128Mi', '128Mi'],
    ['131072Ki', '128Mi'],
    ['9223372036854775807', '9223372036854775807'],
    ['9999Ei', '9223372036854775807']
  ]
  for (const [text, canonical] of table) {
    t.equal(formatQuantity(quantity(text)), canonical, text)
    t.equal(formatQuantity(quantity(canonical)), canonical, `${canonical} is canonical`)
  }
})

t.test('what is no quantity is refused in upstream words', async t => {
  const regexp = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
  const suffix = "unable to parse quantity's suffix"
  const table: readonly [string, string][] = [
    ['', regexp],
    ['abc', regexp],
    ['1..5', regexp],
    ['1 ', regexp],
    [' 1', regexp],
    ['1Kib', regexp],
    ['1i', suffix],
    ['K', suffix],
    ['1K', suffix],
    ['1kk', suffix],
    ['1Mi5', suffix],
    ['1e1.5', regexp],
    ['9'.repeat(257), regexp]
  ]
  for (const [text, fault] of table) t.same(parseQuantity(text), { ok: false, fault }, text)
})

t.test('quantities are exact', async t => {
  t.equal(formatQuantity(addQuantities(quantity('100m'), quantity('0.9'))), '1')
  t.equal(formatQuantity(addQuantities(quantity('0'), quantity('1Gi'))), '1Gi')
  t.equal(compareQuantities(quantity('1Gi'), quantity('1G')), 1)
  t.equal(compareQuantities(quantity('1000m'), quantity('1')), 0)
  t.equal(milliValue(quantity('100u')), 1, 'rounded up')
  t.equal(unitValue(quantity('1.1')), 2, 'rounded up')
  t.equal(formatQuantity(roundUpToMilli(quantity('1.0001'))), '1001m')
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
      fc.constantFrom('DecimalSI', 'BinarySI', 'DecimalExponent'),
      (nano, format) => {
        const again = quantity(formatQuantity({ nano, format }))
        return again.nano === nano
      }
    )
  )
})

t.test('names', async t => {
  const label =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric " +
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  const subdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an " +
    "alphanumeric character (e.g. 'example.com', regex used for validation is " +
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  const dns1035 =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an " +
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
  const qualified =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or " +
    "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  const table: readonly [(text: string) => string[], string, string[]][] = [
    [dns1123LabelFaults, 'a-1', []],
    [dns1123LabelFaults, '1', []],
    [dns1123LabelFaults, 'A', [label]],
    [dns1123LabelFaults, '-a', [label]],
    [dns1123LabelFaults, '', [label]],
    [dns1123LabelFaults, 'a.b', ['must not contain dots']],
    [dns1123LabelFaults, 'a'.repeat(64), ['must be no more than 63 bytes']],
    [dns1123SubdomainFaults, 'a.b-c.1', []],
    [dns1123SubdomainFaults, 'a..b', [subdomain]],
    [dns1123SubdomainFaults, 'a_b', [subdomain]],
    [dns1123SubdomainFaults, `${'a'.repeat(254)}`, ['must be no more than 253 bytes']],
    [dns1035LabelFaults, 'a1', []],
    [dns1035LabelFaults, '1a', [dns1035]],
    [qualifiedNameFaults, 'a.b/C_d', []],
    [qualifiedNameFaults, '/a', ['prefix part must be non-empty']],
    [qualifiedNameFaults, 'a/', ['name part must be non-empty', `name part ${qualified}`]],
    [
      qualifiedNameFaults,
      'a/b/c',
      [`a qualified name ${qualified} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
    ],
    [labelValueFaults, '', []],
    [
      labelValueFaults,
      'a b',
      [
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
      ]
    ],
    [configKeyFaults, '.hidden', []],
    [configKeyFaults, '..', ["must not be '..'"]],
    [configKeyFaults, '..a', ["must not start with '..'"]],
    [envNameFaults, 'my var!', []],
    [envNameFaults, 'a=b', ["a valid environment variable name must consist only of printable ASCII characters other than '='"]],
    [portNameFaults, 'http', []],
    [portNameFaults, '80', ['must contain at least one letter (a-z)']],
    [portNameFaults, 'a--b', ['must not contain consecutive hyphens']],
    [portNameFaults, '-a', ['must not begin or end with a hyphen']],
    [portNameFaults, 'a-very-long-port-name', ['must be no more than 15 bytes']]
  ]
  for (const [check, text, faults] of table) t.same(check(text), faults, text)
  t.same(subdomainName('prefix-', true), [])
  t.not(subdomainName('prefix-', false).length, 0)
  t.equal(byteLength('aé€😀'), new TextEncoder().encode('aé€😀').length)
})

t.test('generated names', async t => {
  const name = generateName('web-', seededRandom(1))
  t.match(name, new RegExp(`^web-[${nameAlphabet}]{5}$`))
  t.equal(generateName('a'.repeat(100), seededRandom(1)).length, 63)
})

t.test('times agree with Date', async t => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), ms => {
      const iso = new Date(ms).toISOString()
      return formatTime(ms) === iso.replace(/\.\d+Z$/, 'Z') && formatMicroTime(ms) === iso.replace('Z', '000Z') && parseTime(iso) === ms
    })
  )
  t.equal(parseTime('2025-01-31T12:00:00+01:30'), Date.parse('2025-01-31T12:00:00+01:30'))
  t.equal(parseTime('2025-01-31T12:00:00.123456Z'), Date.parse('2025-01-31T12:00:00.123Z') + 0.456)
  for (const text of ['', '2025-02-29T00:00:00Z', '2025-13-01T00:00:00Z', '2025-01-01 00:00:00Z', '2025-01-01T24:00:00Z']) {
    t.equal(parseTime(text), undefined, text)
  }
})

t.test('durations', async t => {
  const s = 1000
  const m = 60 * s
  const h = 60 * m
  const d = 24 * h
  const table: readonly [number, string, string][] = [
    [-2 * s, '<invalid>', '<invalid>'],
    [-1 * s, '0s', '0s'],
    [-500, '0s', '0s'],
    [0, '0s', '0s'],
    [119 * s, '119s', '1m'],
    [2 * m, '2m', '2m'],
    [5 * m + s, '5m1s', '5m'],
    [10 * m + 5 * s, '10m', '10m'],
    [179 * m, '179m', '2h'],
    [3 * h, '3h', '3h'],
    [7 * h + 5 * m, '7h5m', '7h'],
    [47 * h, '47h', '1d'],
    [48 * h, '2d', '2d'],
    [3 * d + 4 * h, '3d4h', '3d'],
    [8 * d + h, '8d', '8d'],
    [729 * d, '729d', '1y'],
    [2 * 365 * d, '2y', '2y'],
    [3 * 365 * d + 10 * d, '3y10d', '3y'],
    [8 * 365 * d + d, '8y', '8y']
  ]
  for (const [ms, human, short] of table) {
    t.equal(humanDuration(ms), human)
    t.equal(shortHumanDuration(ms), short)
  }
  t.equal(age(undefined, 0), '<unknown>')
  t.equal(age('1970-01-01T00:00:00Z', 5 * m), '5m')
})

t.test('label selectors parse, print and match', async t => {
  const yes = { app: 'web', tier: 'front', n: '5' }
  const table: readonly [string, string, boolean][] = [
    ['', '', true],
    ['app=web', 'app=web', true],
    ['app==web', 'app==web', true],
    ['app!=web', 'app!=web', false],
    ['x!=web', 'x!=web', true],
    ['app in (web,api)', 'app in (api,web)', true],
    ['app notin (web)', 'app notin (web)', false],
    ['x notin (a)', 'x notin (a)', true],
    ['app', 'app', true],
    ['!app', '!app', false],
    ['! x', '!x', true],
    ['tier=front,app=web', 'app=web,tier=front', true],
    [' app = web , !x ', 'app=web,!x', true],
    ['app=', 'app=', false],
    ['app in ()', 'app in ()', false],
    ['app in (,web)', 'app in (,web)', true],
    ['n>4', 'n>4', true],
    ['n<5', 'n<5', false],
    ['app>4', 'app>4', false],
    ['in in (in)', 'in in (in)', false]
  ]
  for (const [text, printed, matched] of table) {
    const result = parseLabelSelector(text)
    if (!result.ok) {
      t.fail(`${text}: ${result.fault}`)
      continue
    }
    t.equal(formatSelector(result.selector), printed, text)
    t.equal(matchesLabels(result.selector, yes), matched, `${text} matches`)
  }
  t.equal(matchesLabels(selectorOf({}), undefined), true, 'an empty selector selects everything')
  t.equal(matchesLabels(selectorOf(undefined), {}), false, 'an absent selector selects nothing')
  t.equal(
    formatSelector(selectorOf({ matchLabels: { b: '1' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['y', 'x'] }] })),
    'a in (x,y),b=1'
  )
  t.equal(matchesLabels(selectorOf({ matchLabels: { toString: 'x' } }), {}), false)
})

t.test('label selectors that do not parse say why', async t => {
  const table: readonly [string, string][] = [
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (b c)', "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a>x', "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"],
    ['/a=b', 'unable to parse requirement: <nil>: Invalid value: "/a": prefix part must be non-empty']
  ]
  for (const [text, fault] of table) t.same(parseLabelSelector(text), { ok: false, fault }, text)
})

t.test('LabelSelectors in specs', async t => {
  const faults = validateLabelSelector(
    {
      matchExpressions: [
        { key: 'a', operator: 'In' },
        { key: 'a', operator: 'Exists', values: ['x'] },
        { key: 'a', operator: 'Near' }
      ]
    },
    'spec.selector'
  )
  t.same(faults.map(field.fieldErrorText), [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    'spec.selector.matchExpressions[2].operator: Invalid value: "Near": not a valid selector operator'
  ])
})

t.test('field selectors', async t => {
  const parse = (text: string) => parseFieldSelector(text, ['status.phase'])
  const result = parse('status.phase!=Running,metadata.name==a')
  t.ok(result.ok)
  if (!result.ok) return
  t.equal(matchesFields(result.selector, { 'metadata.name': 'a', 'status.phase': 'Pending' }), true)
  t.equal(matchesFields(result.selector, { 'metadata.name': 'a', 'status.phase': 'Running' }), false)
  t.equal(matchesFields(result.selector, { 'metadata.name': 'b' }), false)
  t.equal(exactField(result.selector, 'metadata.name'), 'a')
  t.equal(exactField(result.selector, 'status.phase'), undefined)
  t.same(parse('spec.x=1'), { ok: false, fault: 'field label not supported: spec.x' })
  t.same(parse('nonsense'), { ok: false, fault: "invalid selector: 'nonsense'; can't understand 'nonsense'" })
})

t.test('errors are what clients know', async t => {
  const pods = { group: '', resource: 'pods' }
  const deployments = { group: 'apps', resource: 'deployments' }
  const table: readonly [() => ApiError, number, string, string][] = [
    [() => errors.notFound(pods, 'x'), 404, 'NotFound', 'pods "x" not found'],
    [() => errors.alreadyExists(deployments, 'x'), 409, 'AlreadyExists', 'deployments.apps "x" already exists'],
    [
      () => errors.conflict(deployments, 'x'),
      409,
      'Conflict',
      'Operation cannot be fulfilled on deployments.apps "x": the object has been modified; please apply your changes to the latest version and try again'
    ],
    [
      () =>
        errors.invalid({ group: 'apps', kind: 'Deployment' }, 'x', [
          field.invalid('spec.replicas', -1, 'must be greater than or equal to 0')
        ]),
      422,
      'Invalid',
      'Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    ],
    [
      () => errors.denied({ user: 'u', verb: 'get', group: '', resource: 'pods', subresource: 'log', namespace: 'ns', name: 'x' }),
      403,
      'Forbidden',
      'pods "x" is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "ns"'
    ],
    [
      () => errors.denied({ user: 'u', verb: 'list', group: '', resource: 'nodes' }),
      403,
      'Forbidden',
      'nodes is forbidden: User "u" cannot list resource "nodes" in API group "" at the cluster scope'
    ],
    [
      () => errors.denied({ user: 'u', verb: 'get', group: '', resource: '', path: '/metrics' }),
      403,
      'Forbidden',
      'forbidden: User "u" cannot get path "/metrics"'
    ],
    [() => errors.methodNotAllowed(pods, 'patch'), 405, 'MethodNotAllowed', 'patch is not supported on resources of kind "pods"'],
    [() => errors.watchTooOld(), 410, 'Expired', 'The resourceVersion for the provided watch is too old.'],
    [() => errors.tooLargeResourceVersion(9, 5), 504, 'Timeout', 'Timeout: Too large resource version: 9, current: 5'],
    [() => errors.internalError('boom'), 500, 'InternalError', 'Internal error occurred: boom'],
    [() => errors.requestEntityTooLarge('limit is 3145728'), 413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'],
    [
      () => errors.serverTimeout(pods, 'get'),
      500,
      'ServerTimeout',
      'The get operation against pods could not be completed at this time, please try again.'
    ]
  ]
  for (const [make, code, reason, message] of table) {
    const error = make()
    t.same([error.code, error.reason, error.message], [code, reason, message])
    t.equal(error.status.status, 'Failure')
  }
  t.same(errors.notFound(deployments, 'x').status.details, { name: 'x', group: 'apps', kind: 'deployments' })
  t.same(errors.tooLargeResourceVersion(9, 5).status.details?.causes, [
    { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }
  ])
  t.equal(errors.continueTooOld('abc').status.metadata.continue, 'abc')
})
type ApiError = ReturnType<typeof errors.badRequest>

t.test('field errors', async t => {
  const table: readonly [ReturnType<typeof field.required>, string][] = [
    [field.required('a'), 'a: Required value'],
    [field.required('a', 'or else'), 'a: Required value: or else'],
    [field.invalid('a', 'x"y', 'no'), 'a: Invalid value: "x\\"y": no'],
    [
      field.invalid('a', { matchLabels: { b: 'c' } }, 'field is immutable'),
      'a: Invalid value: {"matchLabels":{"b":"c"}}: field is immutable'
    ],
    [field.invalid('a', undefined, 'no'), 'a: Invalid value: null: no'],
    [field.notSupported('a', 'x', ['A', 'B']), 'a: Unsupported value: "x": supported values: "A", "B"'],
    [field.duplicate('a[1]', 'x'), 'a[1]: Duplicate value: "x"'],
    [field.forbidden('a', 'no'), 'a: Forbidden: no'],
    [field.tooLong('a', 10), 'a: Too long: may not be more than 10 bytes'],
    [field.tooMany('a', 11, 10), 'a: Too many: 11: must have at most 10 items'],
    [field.notFound('a', 'x'), 'a: Not found: "x"']
  ]
  for (const [error, text] of table) t.equal(field.fieldErrorText(error), text)
  const both = [field.required('a'), field.required('b'), field.required('a')]
  t.equal(field.aggregateText(both), '[a: Required value, b: Required value]')
  const { status } = errors.invalid({ group: '', kind: 'Pod' }, 'p', both)
  t.same(status.details?.causes?.[0], { reason: 'FieldValueRequired', message: 'Required value', field: 'a' })
  t.equal(status.details?.kind, 'Pod')
})
