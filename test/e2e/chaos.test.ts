// Checked chaos on real threads: users and watchers over HTTPS while the cluster is broken at random, then the verdict of the checkers.
// `KABUKI_CHAOS_SECONDS` asks for more of it, `KABUKI_CHAOS_SEED` for what a seed draws.

import { spawn } from 'node:child_process'
import t from 'tap'
import { liveFaultKinds } from '../../lib/chaos/index.js'
import { command, runNode, TestCluster, until } from './cluster.js'

const seconds = Number(process.env.KABUKI_CHAOS_SECONDS ?? 20)
const seed = Number(process.env.KABUKI_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32))
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

t.test('interrupted, it heals before it leaves', { timeout: 120_000 }, async t => {
  const cluster = await TestCluster.up({ dataDir: t.testdir() })
  t.teardown(() => cluster.end('SIGKILL'))
  const args = ['chaos', 'run', '--for', '1h', '--faults', 'cut,isolate', '--data-dir', cluster.dataDir]
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
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
