// Checked chaos on real threads: users and watchers over HTTPS while the cluster is broken at random, then the verdict of the checkers.
// `KABUKI_CHAOS_SECONDS` asks for more of it, `KABUKI_CHAOS_SEED` for what a seed draws.

import { spawn } from 'node:child_process'
import { connect } from 'node:http2'
import t from 'tap'
import { readCredentials } from '../../bin/chaos/credentials.js'
import { drawLiveFault, liveFaultKinds } from '../../lib/chaos/index.js'
import { seededRandom } from '../../lib/std/index.js'
import { command, runNode, TestCluster, until } from './cluster.js'

const seconds = Number(process.env.KABUKI_CHAOS_SECONDS ?? 20)
const seed = Number(process.env.KABUKI_CHAOS_SEED ?? 1)
const killsOfReader = 6
const roundSeconds = 60
/** Of a round beside its chaos: what is healed may take that long to become what was asked for, and threads are slow to begin. */
const roundExtraMs = 180_000
const timeoutMs = seconds * 1000 + Math.ceil(seconds / roundSeconds) * roundExtraMs

interface Said {
  readonly ok: boolean
  readonly seed: number
  readonly operations: number
  readonly acknowledged: number
  readonly exercised: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  readonly violations: readonly { readonly guarantee: string; readonly excerpt: string }[]
}

t.test('wrong use: what is wrong', async t => {
  const { code, stderr } = await runNode([command, 'chaos', 'run', '--faults', 'kill,meteor'])
  t.equal(code, 1)
  t.match(stderr, new RegExp(`a list of ${liveFaultKinds.join(', ')}`))
})

t.test('every kind of fault is drawn, of every component and machine', async t => {
  const machines = ['control-0', 'control-1', 'worker-1']
  const actors = [...machines, 'root'].flatMap(machine =>
    ['store', 'kubelet'].map(actor => ({ address: `${machine}/${actor}`, actor, thread: `${machine}/${actor}-thread` }))
  )
  const leaders = ['control-1/store']
  const random = seededRandom(1)
  const drawn = Array.from({ length: 2000 }, () => drawLiveFault(random, liveFaultKinds, { actors, machines, leaders }, 1))
  for (const kind of liveFaultKinds) t.ok(drawn.filter(fault => fault.kind === kind).length > 50, kind)
  const named = new Map<string, number>()
  for (const { begin } of drawn) {
    for (const name of (begin.params.targets as string[] | undefined) ?? []) named.set(name, (named.get(name) ?? 0) + 1)
  }
  t.notOk(
    [...named.keys()].some(name => name.startsWith('root')),
    'but of none that keeps the others alive'
  )
  t.equal(named.size, machines.length + 2 * 6, 'machines, actors and threads')
  t.ok((named.get('control-1/store') ?? 0) > 1.3 * (named.get('worker-1/store') ?? 0), 'who leads more often')
  t.ok(
    drawn.every(({ begin, end }) => begin.method === 'clock' || begin.params.action === 'kill' || end !== undefined),
    'what does not end by itself is ended'
  )
})

t.test(`${seconds} s of chaos break no promise`, { timeout: timeoutMs + 120_000 }, async t => {
  const twice = ['--apiservers', '2', '--controller-managers', '2', '--schedulers', '2']
  const cluster = await TestCluster.up({ dataDir: t.testdir(), args: ['--node-grace', '5s', ...twice] })
  t.teardown(() => cluster.end('SIGKILL'))
  const args = ['chaos', 'run', '--check', '--for', `${seconds}s`, '--seed', String(seed), '--data-dir', cluster.dataDir, '-o', 'json']
  const { code, stdout, stderr } = await runNode([command, ...args], {}, timeoutMs)
  t.equal(code, 0, `seed ${seed}: ${stderr}${stdout.slice(0, 10_000)}`)
  const said = JSON.parse(stdout) as Said
  t.ok(said.ok)
  t.equal(said.seed, seed)
  t.ok(said.acknowledged > 20, `${said.acknowledged} writes of ${said.operations} operations`)
  t.ok(Object.values(said.faults).reduce((sum, count) => sum + count, 0) >= 3, JSON.stringify(said.faults))
  t.comment(JSON.stringify({ ...said, violations: undefined }))
  const { cuts, actors, timeScale } = await cluster.status()
  t.same(cuts, [], 'all is healed')
  t.equal(timeScale, 1)
  t.same(
    actors.filter(({ state }) => state === 'paused' || state === 'held'),
    []
  )
})

t.test('an apiserver’s thread that is killed while it reads HTTP/2 does not take the process with it', { timeout: 180_000 }, async t => {
  const cluster = await TestCluster.up({ dataDir: t.testdir() })
  t.teardown(() => cluster.end('SIGKILL'))
  const { server, ...tls } = readCredentials(cluster.kubeconfig)
  for (let kill = 0; kill < killsOfReader; kill++) {
    await until('it answers', async () => (await cluster.kubectl('get', '--raw=/readyz', '--request-timeout=2s')).stdout === 'ok')
    const session = connect(server.origin, tls)
    session.on('error', () => undefined)
    session.setMaxListeners(0)
    let answered = 0
    const one = (): void => {
      if (session.destroyed || session.closed) return
      const stream = session.request({ ':method': 'POST', ':path': '/api/v1/namespaces/default/configmaps' })
      stream.on('error', () => undefined)
      stream.on('close', () => {
        answered++
        one()
      })
      stream.resume()
      stream.end(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'flood-' } }))
    }
    for (let flying = 0; flying < 32; flying++) one()
    await until('it is under load', async () => answered > 50 + kill * 7)
    await cluster.kabukiOk('chaos', 'kill', 'control-0/apiserver')
    session.destroy()
  }
  t.equal(cluster.process.exitCode, null)
  t.equal(cluster.process.signalCode, null)
})

t.test('interrupted, it heals before it leaves', { timeout: 120_000 }, async t => {
  const cluster = await TestCluster.up({ dataDir: t.testdir() })
  t.teardown(() => cluster.end('SIGKILL'))
  t.match(await cluster.kabukiOk('chaos', 'slow', 'worker-1', '--by', '20ms'), /slowed worker-1 and all others by 20 ms/)
  t.match(await cluster.kabukiOk('chaos', 'heal'), /healed all links/)
  const args = ['chaos', 'run', '--for', '1h', '--faults', 'cut,isolate', '--data-dir', cluster.dataDir]
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const exited = new Promise(resolve => child.once('exit', resolve))
  await until('something is cut', async () => (await cluster.status()).cuts.length > 0)
  child.kill('SIGINT')
  t.equal(await exited, 130)
  t.match(said, /all is healed/)
  t.same((await cluster.status()).cuts, [])
})
