// The store as a user keeps it: its state saved, and restored as another cluster; moved to other machines; a real disk that fills up under it.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import t from 'tap'
import { SmallDisk } from '../host/small-disk.js'
import { command, type Output, runNode, TestCluster, until } from './cluster.js'
import { Etcdctl, etcdctlMissing, freePorts } from './etcdctl.js'

const scratch = mkdtempSync(path.join(tmpdir(), 'kabuki-store-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

/** By a file: an argument may have 128 KiB. */
async function create(cluster: TestCluster, name: string, value = 'v'): Promise<Output> {
  const file = path.join(scratch, `${name}.json`)
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { key: value } }))
  return cluster.kubectl('create', '-f', file)
}

async function up(t: import('tap').Test, dataDir: string, ...args: string[]): Promise<TestCluster> {
  const cluster = await TestCluster.up({ dataDir, args: ['--nodes', '1', ...args] })
  t.teardown(() => cluster.end('SIGKILL'))
  return cluster
}

const names = async (cluster: TestCluster): Promise<string[]> =>
  (await cluster.get('configmaps')).items.map((item: any) => item.metadata.name as string)

t.test('the state of a cluster is saved, running or stopped, and restored as another', { timeout: 600_000 }, async t => {
  const directory = scratch
  const [file, stopped, broken] = ['running.snap', 'stopped.snap', 'broken.snap'].map(name => path.join(directory, name)) as [
    string,
    string,
    string
  ]
  const source = await up(t, path.join(directory, 'one'))
  t.equal((await create(source, 'before', 'x'.repeat(200_000))).code, 0)
  const saved = JSON.parse(await source.kabukiOk('store', 'save', file, '-o', 'json'))
  t.match(saved, { file, bytes: statSync(file).size })
  t.equal((await create(source, 'after')).code, 0)
  t.equal((await source.kubectl('delete', 'configmap', 'before')).code, 0)
  const last = Number((await source.get('configmap', 'after')).metadata.resourceVersion)
  t.ok(last > saved.revision)
  await source.end()
  const again = JSON.parse(await source.kabukiOk('store', 'save', stopped, '-o', 'json'))
  t.ok(again.revision > last, 'of a stopped cluster everything that was answered is saved')

  const refused = await runNode([command, 'store', 'restore', file, '--data-dir', source.dataDir])
  t.match([refused.code, refused.stderr], [1, /has a cluster already/])
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  writeFileSync(broken, bytes)
  const dataDir = path.join(directory, 'two')
  const damaged = await runNode([command, 'store', 'restore', broken, '--data-dir', dataDir])
  t.match([damaged.code, damaged.stderr], [1, /cannot be restored/])
  t.notOk(existsSync(dataDir), 'nothing is begun with a damaged file')

  const restored = await runNode([command, 'store', 'restore', file, '--data-dir', dataDir, '--stores', '1', '-o', 'json'])
  t.match(JSON.parse(restored.stdout), { stores: 1, revision: saved.revision, from: saved.clusterId })
  t.not(JSON.parse(restored.stdout).clusterId, saved.clusterId)
  const copy = await up(t, dataDir, '--stores', '1')
  const found = await names(copy)
  t.ok(found.includes('before') && !found.includes('after'), `exactly the state as of the save: ${found}`)
  t.equal((await copy.get('configmap', 'before')).data.key.length, 200_000)
  t.equal((await create(copy, 'later')).code, 0)
  t.ok(Number((await copy.get('configmap', 'later')).metadata.resourceVersion) > saved.revision, 'revisions go on')
  await copy.end()
})

t.test('the store moves to other machines while it serves, and is there when the cluster starts again', { timeout: 600_000 }, async t => {
  const dataDir = path.join(scratch, 'moved')
  const cluster = await up(t, dataDir)
  t.equal((await create(cluster, 'before')).code, 0)
  const members = (text: string): unknown => JSON.parse(text).members.map(({ address, isLearner }: any) => [address, isLearner])
  const voters = (...numbers: number[]): unknown => numbers.map(number => [`control-${number}/store`, false])
  let isMoving = true
  const moving = cluster.kabukiOk('store', 'replace', '--remove', 'control-0,control-1,control-2', '-o', 'json').finally(() => {
    isMoving = false
  })
  const made = ['before']
  for (let i = 0; isMoving || i < 2; i++) {
    const { code, stderr } = await create(cluster, `during-${i}`)
    t.equal(code, 0, `a write meanwhile: ${stderr}`)
    made.push(`during-${i}`)
  }
  t.same(members(await moving), voters(3, 4, 5))
  t.same(
    members(await cluster.kabukiOk('store', 'replace', '--remove', 'control-0,control-1,control-2', '-o', 'json')),
    voters(3, 4, 5),
    'once'
  )
  for (const [args, message] of [
    [['--remove', 'control-9'], /member not found: .*control-9\/store: `kabuki store members` lists them/],
    [['--add', 'control-0'], /control-0\/store was removed, and an address is used once: name another \(--add\)/],
    [['--remove', 'control-3,control-4,control-5', '--add', '0'], /nobody would be left who votes/],
    [[], /nobody is to come, and nobody to go/]
  ] as const) {
    const { code, stderr } = await runNode([command, 'store', 'replace', '--data-dir', dataDir, ...args])
    t.match([code, stderr], [1, message])
  }
  t.ok(
    JSON.parse(await cluster.kabukiOk('store', 'save', path.join(scratch, 'moved.snap'), '-o', 'json')).revision > 0,
    'whoever is a member is asked'
  )
  await cluster.end()
  const port = await freePorts(8)
  const again = await up(t, dataDir, '--etcd-port', String(port))
  const urls = [3, 4, 5].map(index => `https://127.0.0.1:${port + index}`)
  t.match(again.output, `etcdctl --endpoints ${urls.join(',')} `, 'gateways are beside those that there are')
  t.same((await again.status()).etcd, urls)
  const found = await names(again)
  t.ok(
    made.every(name => found.includes(name)),
    `all that was written: ${found}`
  )
  t.same(members(await again.kabukiOk('store', 'replace', '--add', '2', '-o', 'json')), voters(3, 4, 5, 6, 7), 'it grows by two at once')
  t.equal((await create(again, 'after')).code, 0)
  await again.end()
})

t.test('over a full disk a cluster is read-only, nothing dies, and with space it takes writes again', { timeout: 600_000 }, async t => {
  const disk = SmallDisk.mount(64)
  if (disk === undefined) return void t.pass('full disk', { skip: 'only root can mount a small disk' })
  t.teardown(() => disk.unmount())
  const missing = etcdctlMissing()
  if (missing !== undefined) t.comment(`alarm list: ${missing}`)
  const port = await freePorts(3)
  const cluster = await up(t, path.join(disk.directory, 'data'), '--etcd-port', String(port))
  const etcd = new Etcdctl(
    cluster,
    [0, 1, 2].map(at => `https://127.0.0.1:${port + at}`)
  )
  const alarms = async (): Promise<string[]> => (await etcd.ok('alarm', 'list')).split('\n').filter(line => line !== '')
  t.equal((await create(cluster, 'kept')).code, 0)
  const before = await cluster.status()
  const isFull = async (): Promise<boolean> =>
    (await cluster.status()).actors.some(({ actor, alarms }: any) => actor === 'store' && alarms === 'NOSPACE')
  disk.fill(true)
  const taken: string[] = []
  for (let i = 0; ; i++) {
    const { code, stderr } = await create(cluster, `filler-${i}`, 'x'.repeat(900_000))
    if (code === 0) taken.push(`filler-${i}`)
    else {
      t.match(stderr, /database space exceeded/, 'a write is refused for what is wrong')
      break
    }
    if (i === 20) return t.fail('20 MB found room on a full disk')
  }
  t.ok(await isFull(), 'its status says so')
  if (missing === undefined) {
    await until('all three members are listed', async () => (await alarms()).length === 3)
    for (const line of await alarms()) t.match(line, /^memberID:\d+ alarm:NOSPACE/)
    t.equal(await etcd.ok('alarm', 'disarm'), '', 'that is not for anybody to lower')
    t.match(await etcd.error('put', 'a', 'b'), 'database space exceeded')
  }
  const found = await names(cluster)
  t.ok(
    ['kept', ...taken].every(name => found.includes(name)),
    'reads are served, and have all that was answered'
  )
  disk.fill(false)
  await until('there is space again', async () => !(await isFull()))
  if (missing === undefined) await until('no alarm is listed', async () => (await alarms()).length === 0)
  await until('a write is taken', async () => (await create(cluster, 'after')).code === 0)
  const after = await cluster.status()
  const lives = ({ actors }: typeof after): unknown =>
    actors.filter(({ actor }) => actor === 'store').map(({ address, restarts }: any) => [address, restarts])
  t.same(lives(after), lives(before), 'no member of the store died of it')
  await cluster.end()
})
