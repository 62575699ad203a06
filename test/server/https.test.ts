// The API as real clients speak it: HTTPS with certificates, content negotiation, warnings, watches on sockets; and the real kubectl.

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import t from 'tap'
import { kubectlPath } from '../../build/kubectl-layer.js'
import { TestCluster } from './fixture-cluster.js'

const cluster = await TestCluster.start({ listen: true })
const kubeconfig = cluster.kubeconfig()
const pki = cluster.pki
if (pki === undefined) throw new Error('no certificates')
const url = `https://127.0.0.1:${cluster.port}`
const admin = connect(url, { ca: pki.caPem, cert: pki.admin.certPem, key: pki.admin.keyPem })
const stranger = connect(url, { ca: pki.caPem })
t.teardown(() => {
  admin.destroy()
  stranger.destroy()
  cluster.close()
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

interface Ask {
  readonly method?: string
  readonly path: string
  readonly accept?: string
  readonly contentType?: string
  readonly body?: string | Buffer
}

function request(session: ClientHttp2Session, { method = 'GET', path, accept, contentType, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const head = {
      ':method': method,
      ':path': path,
      ...(accept === undefined ? {} : { accept }),
      ...(contentType === undefined ? {} : { 'content-type': contentType })
    }
    const stream = session.request(head, { endStream: body === undefined })
    let headers: Record<string, unknown> = {}
    let text = ''
    stream.on('response', given => {
      headers = given
    })
    stream.on('data', chunk => {
      text += chunk
    })
    stream.on('end', () => resolve({ status: Number(headers[':status']), headers, text }))
    stream.on('error', reject)
    if (body !== undefined) stream.end(body)
  })
}

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io'
const configMaps = '/api/v1/namespaces/default/configmaps'

t.test('who comes without a certificate sees no more than health', async t => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) t.equal((await request(stranger, { path })).status, 200, path)
  for (const path of ['/api', '/apis', '/api/v1/pods', '/openapi/v2', '/none']) {
    const answer = await request(stranger, { path })
    t.equal(answer.status, 401, path)
    t.match(JSON.parse(answer.text), { kind: 'Status', reason: 'Unauthorized', code: 401, message: 'Unauthorized' })
  }
})

t.test('answers in the form that was asked for', async t => {
  const made = await request(admin, {
    method: 'POST',
    path: configMaps,
    contentType: 'application/yaml',
    body: 'metadata: {name: a}\ndata: {x: "on"}\n'
  })
  t.equal(made.status, 201)
  t.match(JSON.parse(made.text), { kind: 'ConfigMap', data: { x: 'on' } })
  t.equal(made.headers['content-type'], 'application/json')
  const yaml = await request(admin, { path: `${configMaps}/a`, accept: 'application/yaml' })
  t.equal(yaml.headers['content-type'], 'application/yaml')
  t.match(yaml.text, /^kind: ConfigMap\napiVersion: v1\n/)
  const one = JSON.parse((await request(admin, { path: `${configMaps}/a`, accept: `${table},application/json` })).text)
  t.match(one, {
    kind: 'Table',
    columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
    rows: [{ cells: ['a', 1], object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } }]
  })
  const none = JSON.parse((await request(admin, { path: `${configMaps}?includeObject=None`, accept: table })).text)
  t.equal(none.rows[0].object, undefined)
  const partial = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
  t.match(JSON.parse((await request(admin, { path: configMaps, accept: partial })).text), {
    kind: 'PartialObjectMetadataList',
    items: [{ kind: 'PartialObjectMetadata' }]
  })
  t.match(JSON.parse((await request(admin, { path: configMaps, accept: 'text/html' })).text), { code: 406, reason: 'NotAcceptable' })
  t.equal(
    (await request(admin, { path: configMaps, accept: 'application/vnd.kubernetes.protobuf,application/json' })).headers['content-type'],
    'application/json'
  )
  const discovery = await request(admin, {
    path: '/apis',
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
  })
  t.equal(discovery.headers['content-type'], 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
  t.match(JSON.parse(discovery.text), { kind: 'APIGroupDiscoveryList', items: [{ metadata: { name: 'apps' } }, {}, {}, {}] })
})

t.test('a lenient validation warns', async t => {
  const body = JSON.stringify({ metadata: { name: 'warned' }, foo: 1 })
  const warned = await request(admin, { method: 'POST', path: configMaps, body })
  t.equal(warned.status, 201)
  t.equal(warned.headers.warning, '299 - "unknown field \\"foo\\""')
  const ignored = await request(admin, {
    method: 'POST',
    path: `${configMaps}?fieldValidation=Ignore`,
    body: body.replace('warned', 'ignored')
  })
  t.equal(ignored.headers.warning, undefined)
})

t.test('bodies too large or damaged', async t => {
  t.match(JSON.parse((await request(admin, { method: 'POST', path: configMaps, body: Buffer.alloc((3 << 20) + 1, 'x') })).text), {
    code: 413,
    reason: 'RequestEntityTooLarge'
  })
  const damaged = Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x0a, 0xff])])
  const answer = await request(admin, {
    method: 'POST',
    path: configMaps,
    contentType: 'application/vnd.kubernetes.protobuf',
    body: damaged
  })
  t.match(JSON.parse(answer.text), { code: 400, reason: 'BadRequest', message: /not a valid protobuf message/ })
})

t.test('a watch on a socket: events as they happen, tables too, much at the pace of the reader', async t => {
  const open = (path: string, accept?: string) => {
    const stream = admin.request({ ':path': path, ...(accept === undefined ? {} : { accept }) })
    const seen = { text: '', ended: false, stream }
    stream.on('data', chunk => {
      seen.text += chunk
    })
    stream.on('end', () => {
      seen.ended = true
    })
    return seen
  }
  const path = '/api/v1/namespaces/kube-public/configmaps'
  const plain = open(`${path}?watch=1&timeoutSeconds=2`)
  const tables = open(`${path}?watch=1`, table)
  const padding = 'x'.repeat(100_000)
  for (let index = 0; index < 30; index++) await cluster.post(path, { metadata: { name: `m${index}` }, data: { padding } })
  const late = open(`${path}?watch=1`)
  late.stream.pause()
  const lines = (seen: { text: string }): { type: string; object: { kind: string; metadata: { name: string } } }[] =>
    seen.text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
  await cluster.until('all events', () => lines(plain).length === 30 && lines(tables).length === 30)
  t.match(lines(tables)[0], { type: 'ADDED', object: { kind: 'Table', rows: [{ cells: ['m0', 1] }] } })
  late.stream.resume()
  await cluster.until('3 MB of state', () => lines(late).length === 30)
  await cluster.until('the end', () => plain.ended)
  late.stream.close()
  tables.stream.close()
})

const kubectl = (...args: string[]): Promise<{ code: number; out: string }> =>
  new Promise(resolve => {
    execFile(
      kubectlPath(),
      ['--kubeconfig', kubeconfig, ...args],
      { timeout: 180_000, env: { HOME: cluster.directory } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr })
      }
    )
  })

t.test(
  'the real kubectl',
  { skip: process.platform !== 'linux' || process.arch !== 'x64' ? 'its executable is for Linux on x86-64' : false },
  async t => {
    const manifest = join(cluster.directory, 'applied.yaml')
    writeFileSync(manifest, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {k: v}\n')
    const steps: readonly (readonly [string, RegExp])[] = [
      ['version', /Server Version: v1.34/],
      ['create namespace shop', /namespace\/shop created/],
      ['-n shop create deployment web --image=nginx --replicas=2 --port=80', /deployment.apps\/web created/],
      ['-n shop expose deployment web --type=NodePort', /service\/web exposed/],
      ['-n shop get deployments,services', /deployment.apps\/web +0\/2[\s\S]*service\/web +NodePort +10\.96/],
      ['-n shop scale deployment web --replicas=5', /deployment.apps\/web scaled/],
      ['-n shop set image deployment/web nginx=nginx:2', /image updated/],
      ['-n shop get deployment web -o jsonpath={.spec.replicas}{.spec.template.spec.containers[0].image}', /^5nginx:2$/],
      ['-n shop patch deployment web -p {"metadata":{"labels":{"a":"b"}}}', /patched/],
      [`-n shop apply --server-side -f ${manifest}`, /configmap\/applied serverside-applied/],
      [`-n shop apply --server-side --field-manager=other -f ${manifest}`, /configmap\/applied serverside-applied/],
      ['-n shop patch configmap applied -p {"data":{"k":"w"}}', /patched/],
      [`-n shop apply --server-side -f ${manifest}`, /Apply failed with 1 conflict: conflict with "kubectl-patch" using v1: .data.k/],
      [`-n shop apply --server-side --force-conflicts -f ${manifest}`, /serverside-applied/],
      ['-n shop label deployment web a=c --overwrite', /labeled/],
      ['-n shop get deployments -l a=c --no-headers', /^web/],
      ['-n shop create secret generic s --from-literal=k=v', /secret\/s created/],
      ['-n shop create configmap bad/name --from-literal=k=v', /Invalid value: "bad\/name"/],
      ['-n shop run p --image=nginx', /pod\/p created/],
      ['-n shop get pods', /p +0\/1 +Pending/],
      ['-n shop logs p', /pod p does not have a host assigned/],
      ['-n shop describe pod p', /QoS Class: +BestEffort/],
      ['-n shop delete pod p --wait=true', /pod "p" deleted/],
      ['explain deployment.spec.replicas', /FIELD: replicas <integer>/],
      ['api-resources', /deployments +deploy +apps\/v1 +true +Deployment/],
      ['auth can-i create pods', /yes/],
      ['auth whoami', /kubernetes-admin/],
      ['get events -A', /No resources found/],
      ['delete namespace shop --wait=false', /namespace "shop" deleted/],
      ['get namespace shop', /Terminating/],
      ['get nothing', /the server doesn't have a resource type "nothing"/]
    ]
    for (const [command, expected] of steps) {
      const { out } = await kubectl(...command.split(' '))
      t.match(out, expected, `kubectl ${command}`)
    }
  }
)
