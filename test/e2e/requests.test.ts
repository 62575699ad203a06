// What bad input gets: requests kubectl would never send and some it would, to one cluster, over TLS. Nothing of it changes anything.
// Then the cluster is stopped, the log of one member is damaged, and it is started again.

import { readdirSync, readFileSync, readlinkSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { controlSocketPath, ensurePki } from '../../lib/host/index.js'
import { TestCluster, until } from './cluster.js'
import { type Answered, connectHttp2, overHttp1, overHttp2, readKubeconfig, type Sent } from './requests.js'

const json = { 'content-type': 'application/json' }
const yaml = { 'content-type': 'application/yaml' }
const configMaps = '/api/v1/namespaces/default/configmaps'
const deployments = '/apis/apps/v1/namespaces/default/deployments'
const kept = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' }, data: { a: '1' } }
const map = (name: string, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more })
const pod = (spec: object): string => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bad' }, spec })
const overLimit = 3 * 1024 * 1024

interface BadRequest extends Sent {
  readonly name: string
  readonly status: number
  readonly reason?: string
  readonly says: RegExp
}

const badRequests: BadRequest[] = [
  {
    name: 'cut JSON',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: '{"apiVersion":"v1","kind":',
    status: 400,
    says: /JSON|unexpected end/
  },
  {
    name: 'no JSON at all',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: '\0\x01garbage',
    status: 400,
    says: /invalid character|JSON/
  },
  { name: 'an empty body', method: 'POST', path: configMaps, headers: json, body: '', status: 400, says: /./ },
  { name: 'a list for an object', method: 'POST', path: configMaps, headers: json, body: '[]', status: 400, says: /./ },
  {
    name: 'cut YAML',
    method: 'POST',
    path: configMaps,
    headers: yaml,
    body: 'a: [1,\nb: {',
    status: 400,
    says: /must be of type ConfigMap/
  },
  {
    name: 'bytes that are no UTF-8',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22]),
    status: 400,
    says: /./
  },
  {
    name: 'a nest of 100,000 lists',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: `{"data":${'['.repeat(100_000)}`,
    status: 400,
    says: /./
  },
  {
    name: 'another kind',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: map('x').replace('ConfigMap', 'Secret'),
    status: 400,
    reason: 'BadRequest',
    says: /does not match|Secret/
  },
  {
    name: 'another namespace',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: JSON.stringify({ ...kept, metadata: { name: 'x', namespace: 'kube-system' } }),
    status: 400,
    reason: 'BadRequest',
    says: /namespace of the provided object does not match the namespace sent on the request/
  },
  {
    name: 'a number for a text',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: map('x', { data: { a: 1 } }),
    status: 400,
    says: /cannot unmarshal number into Go struct field .*data of type string/
  },
  {
    name: 'a text for a number',
    method: 'POST',
    path: deployments,
    headers: json,
    body: JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' }, spec: { replicas: 'three' } }),
    status: 400,
    says: /cannot unmarshal string into Go struct field .*replicas of type int32/
  },
  {
    name: 'a bad name',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: map('Bad_Name'),
    status: 422,
    reason: 'Invalid',
    says: /RFC 1123 subdomain/
  },
  {
    name: 'a missing field',
    method: 'POST',
    path: '/api/v1/namespaces/default/pods',
    headers: json,
    body: pod({ containers: [{ name: 'a' }] }),
    status: 422,
    reason: 'Invalid',
    says: /spec\.containers\[0\]\.image: Required value/
  },
  {
    name: 'an unknown field, strict',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Strict`,
    headers: json,
    body: map('x', { dta: { a: 'b' } }),
    status: 400,
    reason: 'BadRequest',
    says: /strict decoding error: unknown field \\?"dta\\?"/
  },
  {
    name: 'a duplicate field, strict',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Strict`,
    headers: json,
    body: map('x').replace('{', '{"kind":"ConfigMap",'),
    status: 400,
    says: /strict decoding error: .*(duplicate|already set)/
  },
  {
    name: 'a bad fieldValidation',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Maybe`,
    headers: json,
    body: map('x'),
    status: 422,
    says: /fieldValidation/
  },
  {
    name: 'over 3 MiB',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: map('x', { data: { a: 'a'.repeat(overLimit) } }),
    status: 413,
    reason: 'RequestEntityTooLarge',
    says: /limit is 3145728/
  },
  {
    name: 'over 1 MiB of data',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: map('x', { data: { a: 'a'.repeat(1_100_000) } }),
    status: 422,
    says: /may not be more than 1048576/
  },
  { name: 'an unknown path', path: '/nowhere', status: 404, says: /404|not found|could not find/ },
  {
    name: 'an unknown resource',
    path: '/api/v1/namespaces/default/gadgets',
    status: 404,
    reason: 'NotFound',
    says: /could not find the requested resource/
  },
  { name: 'an unknown group', path: '/apis/example.com/v1/gadgets', status: 404, says: /./ },
  { name: 'a path with ..', path: '/api/v1/namespaces/default/configmaps/%2e%2e', status: 404, says: /./ },
  { name: 'a broken escape', path: '/api/v1/namespaces/default/configmaps/%zz', status: 400, says: /./ },
  {
    name: 'a bad label selector',
    path: `${configMaps}?labelSelector=a%20in%20(`,
    status: 400,
    reason: 'BadRequest',
    says: /unable to parse requirement|found/
  },
  {
    name: 'a bad field selector',
    path: `${configMaps}?fieldSelector=spec.nothing%3Da`,
    status: 400,
    reason: 'BadRequest',
    says: /field label not supported|not a known field selector/
  },
  { name: 'a bad limit', path: `${configMaps}?limit=many`, status: 400, says: /./ },
  { name: 'a bad resourceVersion', path: `${configMaps}?resourceVersion=soon`, status: 400, says: /resource ?[vV]ersion/ },
  { name: 'a bad continue token', path: `${configMaps}?limit=1&continue=nonsense`, status: 400, says: /continue key is not valid/ },
  {
    name: 'a resourceVersion of the future',
    path: `${configMaps}?resourceVersion=999999999&timeout=1s`,
    status: 504,
    says: /Too large resource version/
  },
  {
    name: 'a stale update',
    method: 'PUT',
    path: `${configMaps}/kept`,
    headers: json,
    body: map('kept', { metadata: { name: 'kept', resourceVersion: '1' } }),
    status: 409,
    reason: 'Conflict',
    says: /the object has been modified; please apply your changes to the latest version/
  },
  {
    name: 'a second create',
    method: 'POST',
    path: configMaps,
    headers: json,
    body: map('kept'),
    status: 409,
    reason: 'AlreadyExists',
    says: /configmaps "kept" already exists/
  },
  {
    name: 'a stale delete',
    method: 'DELETE',
    path: `${configMaps}/kept`,
    headers: json,
    body: '{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"resourceVersion":"1"}}',
    status: 409,
    says: /Precondition failed/
  },
  {
    name: 'a method nobody has',
    method: 'POST',
    path: `${configMaps}/kept`,
    headers: json,
    body: map('kept'),
    status: 405,
    reason: 'MethodNotAllowed',
    says: /not allow|not supported/
  },
  {
    name: 'an answer as a picture',
    path: configMaps,
    headers: { accept: 'image/png' },
    status: 406,
    reason: 'NotAcceptable',
    says: /media types/
  },
  {
    name: 'a body as a picture',
    method: 'POST',
    path: configMaps,
    headers: { 'content-type': 'image/png' },
    body: 'x',
    status: 415,
    reason: 'UnsupportedMediaType',
    says: /media types|media type/
  },
  {
    name: 'a patch without a patch type',
    method: 'PATCH',
    path: `${configMaps}/kept`,
    headers: json,
    body: '{}',
    status: 415,
    says: /media type/
  },
  {
    name: 'a merge patch of garbage',
    method: 'PATCH',
    path: `${configMaps}/kept`,
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{',
    status: 400,
    says: /./
  },
  {
    name: 'a JSON patch that does not fit',
    method: 'PATCH',
    path: `${configMaps}/kept`,
    headers: { 'content-type': 'application/json-patch+json' },
    body: '[{"op":"test","path":"/data/a","value":"2"}]',
    status: 422,
    says: /rejected our request due to an error in our request/
  },
  {
    name: 'a patch that breaks the object',
    method: 'PATCH',
    path: `${configMaps}/kept`,
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{"data":{"a b":"x"}}',
    status: 422,
    reason: 'Invalid',
    says: /valid config key/
  }
]

t.test('bad input, to one cluster', { timeout: 600_000 }, async t => {
  const dataDir = t.testdir()
  const cluster = await TestCluster.up({ dataDir })
  let running = cluster
  t.teardown(() => running.end('SIGKILL'))
  const admin = readKubeconfig(cluster.kubeconfig)
  const session = connectHttp2(admin)
  const send = (request: Sent): Promise<Answered> => overHttp2(session, request)
  t.equal((await send({ method: 'POST', path: configMaps, headers: json, body: JSON.stringify(kept) })).status, 201)
  const everything = async (): Promise<object> => {
    const { json: list } = await send({ path: '/api/v1/configmaps' })
    const { json: rest } = await send({ path: deployments })
    return [...list.items, ...rest.items].map(({ metadata }: any) => [metadata.namespace, metadata.name, metadata.resourceVersion])
  }
  const before = await everything()

  await t.test('each is refused as upstream does, over both protocols, and changes nothing', async t => {
    for (const { name, status, reason, says, ...request } of badRequests) {
      for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
        const answer = await (protocol === 'HTTP/2' ? send(request) : overHttp1(admin, request)).catch(error => error as Error)
        if (answer instanceof Error) {
          t.fail(`${name}, ${protocol}: ${answer.message}`)
          continue
        }
        t.equal(answer.status, status, `${name}, ${protocol}: ${answer.text.slice(0, 300)}`)
        t.match(answer.json?.message ?? answer.text, says, name)
        if (reason !== undefined) t.match(answer.json, { kind: 'Status', status: 'Failure', reason, code: status }, name)
      }
    }
    t.same(await everything(), before, 'nothing was written')
  })

  await t.test('unknown fields: a warning, or nothing', async t => {
    for (const [validation, warned] of [
      ['Warn', true],
      ['Ignore', false]
    ] as const) {
      const answer = await send({
        method: 'POST',
        path: `${configMaps}?dryRun=All&fieldValidation=${validation}`,
        headers: json,
        body: map('x', { dta: {} })
      })
      t.equal(answer.status, 201)
      t.equal(/unknown field \\?"dta\\?"/.test(String(answer.headers.warning)), warned, `${validation}: ${answer.headers.warning}`)
      t.notOk(answer.text.includes('dta'), 'it is not kept')
    }
    t.same(await everything(), before)
  })

  await t.test('kubectl says it in its words', async t => {
    const file = path.join(dataDir, 'bad.yaml')
    const cases: [body: string, says: RegExp][] = [
      ['a: [1,\nb: {', /error parsing|error converting YAML/],
      ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndta: {a: b}\n', /unknown field "dta"/],
      ['apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n', /Invalid value: "Bad_Name"/],
      [
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: three}\n',
        /expected|cannot unmarshal|unmarshal|required/i
      ]
    ]
    for (const [body, says] of cases) {
      writeFileSync(file, body)
      const { code, stderr } = await cluster.kubectl('create', '-f', file)
      t.equal(code, 1, body)
      t.match(stderr, says)
    }
    t.match((await cluster.kubectl('get', 'gadgets')).stderr, /the server doesn't have a resource type "gadgets"/)
    t.match((await cluster.kubectl('get', 'pods', '-l', 'a in (')).stderr, /unable to parse requirement/)
    t.match((await cluster.kubectl('logs', 'nobody')).stderr, /pods "nobody" not found/)
    t.same(await everything(), before)
  })

  await t.test('who has no certificate, or one of another authority, is nobody; health is open', async t => {
    const { server, ca } = admin
    const other = await ensurePki({ directory: t.testdir(), nowMs: Date.now() })
    const strangers = [
      { server, ca },
      { server, ca, cert: other.admin.certPem, key: other.admin.keyPem }
    ]
    for (const stranger of strangers) {
      const guest = connectHttp2(stranger)
      for (const path of [configMaps, '/apis', '/openapi/v2', '/metrics', '/api/v1/secrets?watch=1']) {
        const first = await overHttp1(stranger, { path })
        t.equal(first.status, 401, path)
        t.match(first.json, { kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' }, path)
        t.equal((await overHttp2(guest, { path })).status, 401, path)
      }
      t.equal((await overHttp2(guest, { method: 'POST', path: configMaps, headers: json, body: map('x') })).status, 401)
      for (const path of ['/healthz', '/livez', '/readyz', '/version']) t.equal((await overHttp1(stranger, { path })).status, 200, path)
      guest.close()
    }
    t.same(await everything(), before)
  })

  await t.test('nothing listens beyond loopback; keys and the control socket are the owner’s', async t => {
    t.ok(listenersOf(cluster.process.pid as number).length > 0)
    for (const address of listenersOf(cluster.process.pid as number)) t.match(address, /^127\./)
    const open = filesOf(dataDir).filter(file => (statSync(file).mode & 0o077) !== 0)
    t.same(
      open.filter(file => /key|kubeconfig|sock|segment|disks|snapshot|logs/.test(file)),
      []
    )
    t.equal(statSync(controlSocketPath(dataDir)).mode & 0o777, 0o600)
    t.equal(statSync(path.join(dataDir, 'kubeconfig')).mode & 0o777, 0o600)
  })

  await t.test('a watch of a past that is gone ends with 410', async t => {
    const { json: start } = await send({ path: configMaps })
    for (let i = 0; i < 24; i++) {
      const changes = Array.from({ length: 50 }, (_, j) => ({ i, j }))
      const answers = await Promise.all(
        changes.map(({ i, j }) =>
          send({
            method: 'PUT',
            path: `${configMaps}/churn-${j}`,
            headers: json,
            body: map(`churn-${j}`, { data: { i: String(i) } })
          }).then(answer =>
            answer.status === 404
              ? send({ method: 'POST', path: configMaps, headers: json, body: map(`churn-${j}`, { data: { i: String(i) } }) })
              : answer
          )
        )
      )
      t.same(
        answers.filter(({ status }) => status !== 200 && status !== 201).map(({ text }) => text),
        []
      )
    }
    const old = await send({ path: `${configMaps}?watch=1&timeoutSeconds=2&resourceVersion=${start.metadata.resourceVersion}` })
    const first = JSON.parse(old.text.split('\n')[0] as string)
    const status = first.type === 'ERROR' ? first.object : first
    t.match(status, { kind: 'Status', code: 410, reason: 'Expired', message: /too old resource version/ })
  })

  await t.test('no crash', async t => {
    const { actors } = await cluster.status()
    t.same(
      actors.filter(({ restarts }) => restarts > 0).map(({ address }) => address),
      []
    )
    t.notMatch(readFileSync(path.join(dataDir, 'logs', 'control-0', 'apiserver.log'), 'utf8'), /request failed|"failed"/)
  })

  await t.test('a damaged log, a torn one: their members say so and are back; nothing is lost', async t => {
    session.close()
    const { json: last } = await overHttp1(admin, { path: `${configMaps}/kept` })
    await cluster.end('SIGTERM')
    flipMiddle(segmentOf(dataDir, 'control-1'))
    tear(segmentOf(dataDir, 'control-2'))
    running = await TestCluster.up({ dataDir })
    const again = readKubeconfig(running.kubeconfig)
    const { json: found } = await overHttp1(again, { path: `${configMaps}/kept` })
    t.same(found, last)
    const log = (member: string): string => readFileSync(path.join(dataDir, 'logs', member, 'store.log'), 'utf8')
    t.match(log('control-1'), /log damaged/)
    t.match(log('control-2'), /torn tail cut/)
    for (let i = 0; i < 20; i++) {
      const answer = await overHttp1(again, { method: 'POST', path: configMaps, headers: json, body: map(`after-${i}`) })
      t.equal(answer.status, 201, answer.text)
    }
    await until('the member rejoined', async () => /rejoined/.test(log('control-1')))
    const member = await until('it follows', async () =>
      (await running.status()).actors.find(({ address, role }) => address === 'control-1/store' && role !== undefined)
    )
    t.match(member, { state: 'running', role: /follower|leader/ })
  })
})

function listenersOf(pid: number): string[] {
  const own = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      own.add(readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {} // It was closed meanwhile.
  }
  const found: string[] = []
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      if ((table.startsWith('tcp') && state !== '0A') || !own.has(`socket:[${inode}]`)) continue
      const bytes = (local.split(':')[0] as string).match(/../g)?.map(hex => Number.parseInt(hex, 16)) ?? []
      found.push(bytes.length === 4 ? bytes.reverse().join('.') : local)
    }
  }
  return found
}

const filesOf = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => path.join(entry.parentPath, entry.name))

function segmentOf(dataDir: string, machine: string): string {
  const directory = path.join(dataDir, 'disks', machine, 'store')
  const segments = readdirSync(directory)
    .filter(name => /^segment-\d+$/.test(name)) // Beside them is a spare.
    .sort()
  return path.join(directory, segments.at(-1) as string)
}

/** Segments are filled with zeros ahead of what is written. */
function writtenBytes(bytes: Buffer): number {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0) length--
  return length
}

function flipMiddle(file: string): void {
  const bytes = readFileSync(file)
  const middle = writtenBytes(bytes) >> 1
  for (let i = middle; i < middle + 16; i++) bytes[i] = (bytes[i] as number) ^ 0xff
  writeFileSync(file, bytes)
}

/** The last save never came to its end. */
function tear(file: string): void {
  truncateSync(file, writtenBytes(readFileSync(file)) - 5)
}
