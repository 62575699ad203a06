import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { readGoTypes } from '../../build/go-types.js'
import { helmPath, kubectlPath } from '../../build/kubectl-layer.js'
import { servedKinds } from '../../build/served.js'
import { readMember } from '../../build/zip.js'

type Document = any

const resources = new URL('../../resources/', import.meta.url)
const read = (name: string): Document => JSON.parse(readFileSync(new URL(name, resources), 'utf8'))
const index: { paths: Record<string, { serverRelativeURL: string }> } = read('openapi/index.json')
const published = servedKinds.filter(kind => !kind.planned)

t.test('the index names a document for each group version, by the hash of its content', async t => {
  const expected = new Set(
    published
      .filter(kind => kind.resource !== undefined)
      .map(({ group, version }) => (group === '' ? `api/${version}` : `apis/${group}/${version}`))
  )
  t.same(new Set(Object.keys(index.paths)), expected)
  for (const [name, { serverRelativeURL }] of Object.entries(index.paths)) {
    t.match(serverRelativeURL, new RegExp(`^/openapi/v3/${name}\\?hash=[0-9A-F]{128}$`))
    t.equal(read(`openapi/v3/${name}.json`).openapi, '3.0.0', name)
  }
})

t.test('every reference of every document leads somewhere', async t => {
  for (const name of [...Object.keys(index.paths).map(path => `v3/${path}`), 'v2']) {
    const document = read(`openapi/${name}.json`)
    const known = new Set(Object.keys(document.definitions ?? document.components.schemas))
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)]
    t.ok(references.length > 10, name)
    t.same(
      references.filter(([, target]) => !known.has(target as string)),
      [],
      name
    )
  }
})

t.test('what kubectl looks for', async t => {
  const core = read('openapi/v3/api/v1.json')
  const pod = core.paths['/api/v1/namespaces/{namespace}/pods/{name}']
  const gvk = { group: '', version: 'v1', kind: 'Pod' }
  t.match(pod.patch, { 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': gvk })
  t.ok(pod.patch.requestBody.content['application/strategic-merge-patch+json'])
  for (const [path, method] of [
    ['/api/v1/namespaces/{namespace}/pods', 'post'],
    ['/api/v1/namespaces/{namespace}/pods/{name}', 'patch'],
    ['/api/v1/namespaces/{namespace}/pods/{name}', 'put']
  ] as const) {
    const names = core.paths[path][method].parameters.map((parameter: Document) => parameter.name)
    t.ok(names.includes('fieldValidation') && names.includes('fieldManager') && names.includes('dryRun'), `${method} ${path}`)
  }
  t.match(core.paths['/api/v1/namespaces/{namespace}/pods'].get, { 'x-kubernetes-action': 'list', 'x-kubernetes-group-version-kind': gvk })
  t.match(core.paths['/api/v1/namespaces/{namespace}/pods/{name}/eviction'].post['x-kubernetes-group-version-kind'], {
    group: 'policy',
    version: 'v1',
    kind: 'Eviction'
  })
  t.match(core.paths['/api/v1/namespaces/{namespace}/pods/{name}/exec'].get, {
    'x-kubernetes-action': 'connect',
    'x-kubernetes-group-version-kind': { kind: 'PodExecOptions' }
  })
  const { schemas } = core.components
  t.same(schemas['io.k8s.api.core.v1.Pod']['x-kubernetes-group-version-kind'], [gvk])
  const { volumes, nodeSelector } = schemas['io.k8s.api.core.v1.PodSpec'].properties
  t.match(volumes, {
    'x-kubernetes-patch-strategy': 'merge,retainKeys',
    'x-kubernetes-patch-merge-key': 'name',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name']
  })
  t.match(nodeSelector, { 'x-kubernetes-map-type': 'atomic' })
  t.match(schemas['io.k8s.api.core.v1.ContainerPort'].properties.protocol, { default: 'TCP', description: /\S/ })
  t.match(schemas['io.k8s.api.core.v1.Pod'].properties.spec, {
    allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.PodSpec' }],
    default: {}
  })
  t.match(schemas['io.k8s.apimachinery.pkg.util.intstr.IntOrString'], {
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }]
  })
  for (const [name, model] of Object.entries<Document>(schemas))
    for (const field of model.required ?? []) t.ok(model.properties[field], `${name}.${field}`)
  t.notOk(core.paths['/api/v1/namespaces/{namespace}/podtemplates'], 'nothing that is not served')
})

t.test(
  'real kubectl explains and patches by the documents alone',
  { skip: process.platform !== 'linux' || process.arch !== 'x64' ? 'the executables are for Linux on x86-64' : false },
  async t => {
    const requests: string[] = []
    const patches: string[] = []
    const server = await serve(requests, patches)
    const home = mkdtempSync(join(tmpdir(), 'kubectl-'))
    t.teardown(() => {
      server.close()
      rmSync(home, { recursive: true })
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const kubectl = (...args: string[]) => run(kubectlPath(), home, '-s', url, ...args)

    t.match(await kubectl('version', '--client'), /v1\.34\./)
    t.match(await run(helmPath(), home, 'version', '--short'), /^v4\./)
    const explained = await kubectl('explain', 'deployment.spec.template.spec.containers.ports')
    t.match(explained, /FIELD: ports <\[\]ContainerPort>[\s\S]*containerPort\t<integer> -required-[\s\S]*protocol\t<string>/)
    t.match(await kubectl('explain', 'pod.spec'), /affinity\t<Affinity>\n\s+Affinity is/)

    t.match(await kubectlApply(home, url, JSON.stringify(wanted)), /deployment.apps\/web configured/)
    t.same(JSON.parse(patches[0] ?? '').spec, {
      template: { spec: { '$setElementOrder/containers': [{ name: 'web' }], containers: [{ name: 'web', image: 'nginx:2' }] } }
    })
    t.ok(requests.some(request => request.startsWith('GET /openapi/v3/apis/apps/v1?hash=')))
    t.ok(requests.some(request => /^PATCH .*fieldValidation=Strict/.test(request)))
    t.notOk(
      requests.some(request => request.includes('/openapi/v2')),
      'version 2 is not asked for'
    )
  }
)

t.test('what is no archive, no executable or damaged is refused', async t => {
  t.throws(() => readMember(Buffer.alloc(100), 'x'), /no end of directory/)
  t.throws(() => readMember(archiveOf('a', 'text'), 'b'), /no member b/)
  t.equal(readMember(archiveOf('a', 'text'), 'a').toString(), 'text')
  const damaged = archiveOf('a', 'text')
  damaged.writeUInt32LE(0, damaged.length - 22 - 47 + 16)
  t.throws(() => readMember(damaged, 'a'), /checksum/)
  t.throws(() => readGoTypes(Buffer.alloc(100), () => true), /not a 64-bit little-endian ELF/)
})

const container = { name: 'web', image: 'nginx:1' }
const wanted = deploymentOf([{ ...container, image: 'nginx:2' }])
const applied = deploymentOf([container])
const live = {
  ...deploymentOf([container, { name: 'injected', image: 'sidecar:1' }]),
  metadata: { ...applied.metadata, annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) } }
}

function deploymentOf(containers: readonly object[]) {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', annotations: {} },
    spec: { selector: { matchLabels: { app: 'web' } }, template }
  }
}

/** An API server of two kinds and one object, that serves the generated documents. */
function serve(requests: string[], patches: string[]): Promise<Server> {
  const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']
  const resourceList = (groupVersion: string, name: string, kind: string) => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [{ name, singularName: kind.toLowerCase(), namespaced: true, kind, verbs }]
  })
  const groupVersion = { groupVersion: 'apps/v1', version: 'v1' }
  const answers: Record<string, object> = {
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: [{ name: 'apps', versions: [groupVersion], preferredVersion: groupVersion }]
    },
    '/api/v1': resourceList('v1', 'pods', 'Pod'),
    '/apis/apps/v1': resourceList('apps/v1', 'deployments', 'Deployment'),
    '/apis/apps/v1/namespaces/default/deployments/web': live,
    '/openapi/v3': index
  }
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const path = new URL(request.url ?? '', 'http://host').pathname
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      if (request.method === 'PATCH') patches.push(body)
      const answer = answers[path] ?? (path.startsWith('/openapi/v3/') ? read(`${path.slice(1)}.json`) : undefined)
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404, reason: 'NotFound' }))
    })
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function run(file: string, home: string, ...args: string[]): Promise<string> {
  return new Promise(resolve => {
    execFile(file, args, { env: { HOME: home }, cwd: home }, (_, stdout, stderr) => resolve(stdout + stderr))
  })
}

function kubectlApply(home: string, url: string, manifest: string): Promise<string> {
  return new Promise(resolve => {
    const child = execFile(kubectlPath(), ['-s', url, 'apply', '-f', '-'], { env: { HOME: home }, cwd: home }, (_, stdout, stderr) =>
      resolve(stdout + stderr)
    )
    child.stdin?.end(manifest)
  })
}

/** A zip archive of one member. */
function archiveOf(name: string, text: string): Buffer {
  const packed = deflateRawSync(text)
  const sizes = Buffer.alloc(12)
  sizes.writeUInt32LE(0x3b8ba7c7, 0) // CRC-32 of 'text'
  sizes.writeUInt32LE(packed.length, 4)
  sizes.writeUInt32LE(text.length, 8)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(8, 8)
  sizes.copy(local, 14)
  local.writeUInt16LE(name.length, 26)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(8, 10)
  sizes.copy(entry, 16)
  entry.writeUInt16LE(name.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(local.length + name.length + packed.length, 16)
  return Buffer.concat([local, Buffer.from(name), packed, entry, Buffer.from(name), end])
}
