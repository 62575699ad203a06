// A cluster on a real etcd, as a user has it: a deployment rolls out, the leader of etcd dies, writes go on and a watch misses and repeats
// nothing; an etcd that wants certificates; what is said of an etcd that cannot be used.

import { mkdirSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { ensurePki } from '../../lib/host/pki/index.js'
import { findEtcd, RealEtcd } from '../storage/real-etcd.js'
import { command, portStart, runNode, TestCluster, until } from './cluster.js'
import { connectHttp2, overHttp2, readKubeconfig } from './requests.js'

const found = findEtcd()
const timeoutMs = 600_000
const configMaps = '/api/v1/namespaces/default/configmaps'
const writes = 120

interface Change {
  readonly type: string
  readonly object: { readonly metadata: { readonly name: string; readonly resourceVersion: string } }
}

/** One watch over HTTP/2; it is not to end before it is closed. */
function watch(cluster: TestCluster, resourceVersion: string) {
  const session = connectHttp2(readKubeconfig(cluster.kubeconfig))
  const stream = session.request({ ':path': `${configMaps}?watch=1&resourceVersion=${resourceVersion}` })
  const changes: Change[] = []
  let rest = ''
  let ended = false
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    changes.push(...lines.map(line => JSON.parse(line) as Change))
  })
  stream.on('close', () => {
    ended = true
  })
  return { changes, ended: () => ended, close: () => session.destroy() }
}

/** Creates them one after the other. What may have happened is looked for. */
async function create(cluster: TestCluster, count: number, created: (index: number) => void): Promise<void> {
  const session = connectHttp2(readKubeconfig(cluster.kubeconfig))
  for (let index = 0; index < count; index++) {
    const name = `c-${index}`
    const body = JSON.stringify({ metadata: { name }, data: { index: String(index) } })
    const headers = { 'content-type': 'application/json' }
    await until(`${name} created`, async () => {
      const { status, text } = await overHttp2(session, { method: 'POST', path: configMaps, headers, body })
      if (status === 201 || status === 409) return true // 409: an attempt that was not answered had happened.
      if (status !== 500 && status !== 504) throw new Error(text)
      return false
    })
    created(index)
  }
  session.destroy()
}

const mistakes: readonly (readonly [args: string[], says: RegExp])[] = [
  [['--etcd-servers', '127.0.0.1:2379'], /http:\/\/host:port or https:\/\/host:port, with commas between/],
  [['--etcd-servers', 'http://127.0.0.1:1', '--stores', '3'], /cannot be used with option '--stores/],
  [['--etcd-servers', 'http://127.0.0.1:1', '--etcd-port', '2379'], /cannot be used with option '--etcd-port/],
  [['--etcd-servers', 'https://127.0.0.1:1', '--etcd-certfile', 'x'], /--etcd-certfile and --etcd-keyfile are needed together/],
  [['--etcd-servers', 'https://127.0.0.1:1', '--etcd-cafile', '/nowhere'], /\/nowhere cannot be read: ENOENT/],
  [['--etcd-cafile', '/nowhere'], /are for --etcd-servers/],
  [['--etcd-servers', 'http://127.0.0.1:1'], /cannot reach etcd at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/]
]

const up = (...args: string[]) => runNode([command, 'up', '--ephemeral', '--nodes', '0', ...args])

if ('missing' in found) t.test('a real etcd', { skip: found.missing }, async () => undefined)
else {
  // One of them is waited for, in vain: that goes on beside the rest.
  const outcomes = Promise.all(mistakes.map(([args], at) => up('--port', String(portStart + 20 + at), ...args)))

  t.test('three members; the leader of etcd dies', { timeout: timeoutMs }, async t => {
    const etcd = await RealEtcd.start(found.etcd, 3)
    t.teardown(() => etcd.stop())
    const dataDir = t.testdir()
    const cluster = await TestCluster.up({ dataDir: path.join(dataDir, 'data'), args: ['--etcd-servers', etcd.urls.join(',')] })
    t.teardown(() => cluster.end())
    t.match(cluster.output, `kept in     ${etcd.urls.join(',')} under /registry`)
    t.match(await cluster.kabukiOk('status'), `kept in      ${etcd.urls.join(',')} under /registry`)
    const { actors } = await cluster.status()
    t.same(
      actors.filter(({ actor }) => actor === 'store'),
      []
    )
    t.match(
      actors.find(({ actor }) => actor === 'etcd-storage'),
      { address: 'control-0/etcd-storage', state: 'running', ready: true, version: /^3\./, endpoint: /^http:\/\/127\.0\.0\.1:/ }
    )
    await cluster.kubectlOk('create', 'deployment', 'web', '--image=nginx', '--replicas=3')
    await cluster.kubectlOk('rollout', 'status', 'deployment/web', '--timeout=120s')

    const { metadata } = await cluster.get('configmaps')
    const watched = watch(cluster, metadata.resourceVersion)
    const rolled = (async () => {
      await cluster.kubectlOk('scale', 'deployment/web', '--replicas=5')
      return cluster.kubectlOk('rollout', 'status', 'deployment/web', '--timeout=120s')
    })()
    let killed: Promise<void> | undefined
    await create(cluster, writes, index => {
      if (index === writes / 4) killed = etcd.leader().then(leader => etcd.kill(leader))
    })
    await killed
    await rolled
    const { items } = await cluster.get('configmaps')
    const wanted = (items as Change['object'][])
      .filter(({ metadata }) => metadata.name.startsWith('c-'))
      .map(({ metadata }) => `${metadata.resourceVersion} ADDED ${metadata.name}`)
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    t.equal(wanted.length, writes)
    await until('all watched', async () => watched.changes.length >= writes)
    t.same(
      watched.changes.map(({ type, object }) => `${object.metadata.resourceVersion} ${type} ${object.metadata.name}`),
      wanted
    )
    t.equal(watched.ended(), false, 'it went on through all of it')
    watched.close()
  })

  t.test('an etcd that wants certificates', { timeout: timeoutMs }, async t => {
    const directory = t.testdir()
    const nowMs = Date.now()
    const files = async (name: string) => {
      const pki = await ensurePki({ directory: path.join(directory, name), hosts: ['127.0.0.1'], nowMs })
      const written = path.join(directory, `${name}-files`)
      mkdirSync(written)
      const file = (name: string, pem: string): string => {
        writeFileSync(path.join(written, name), pem)
        return path.join(written, name)
      }
      return {
        server: { caFile: file('ca', pki.caPem), certFile: file('cert', pki.server.certPem), keyFile: file('key', pki.server.keyPem) },
        ca: ['--etcd-cafile', file('client-ca', pki.caPem)],
        client: ['--etcd-certfile', file('client-cert', pki.admin.certPem), '--etcd-keyfile', file('client-key', pki.admin.keyPem)]
      }
    }
    const [own, other] = [await files('own'), await files('other')]
    const etcd = await RealEtcd.start(found.etcd, 1, own.server)
    t.teardown(() => etcd.stop())
    const servers = ['--etcd-servers', etcd.urls.join(',')]
    const started = TestCluster.up({
      dataDir: path.join(directory, 'data'),
      port: portStart + 40,
      args: ['--nodes', '1', ...servers, ...own.ca, ...own.client, '--etcd-prefix', 'elsewhere']
    })
    const misfits = await Promise.all(
      [[...other.ca, ...own.client], [...own.ca, ...other.client], own.ca, []].map((args, at) =>
        up('--port', String(portStart + 50 + at), ...servers, ...args)
      )
    )
    for (const { code, stderr } of misfits) {
      t.equal(code, 1)
      t.match(stderr, /the certificates and etcd do not fit at https:\/\/127\.0\.0\.1:/)
    }
    const cluster = await started
    t.teardown(() => cluster.end())
    t.match(await cluster.kubectlOk('get', 'nodes', '--no-headers'), /^worker-1 +Ready/m)
  })

  t.test('wrong use: what is wrong, and what to do', { timeout: timeoutMs }, async t => {
    for (const [at, { code, stderr }] of (await outcomes).entries()) {
      t.equal(code, 1, String(mistakes[at]?.[0]))
      t.match(stderr, mistakes[at]?.[1])
      t.notMatch(stderr, /\n\s+at /, 'no stack')
    }
  })
}
