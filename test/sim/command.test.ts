// `kabuki sim` as a user calls it.

import { spawnSync } from 'node:child_process'
import t from 'tap'

const command = new URL('../../bin/kabuki.js', import.meta.url).pathname
const sim = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [command, 'sim', ...args], { encoding: 'utf8' })

t.test('names that do not exist are refused, with those that do', async t => {
  const fault = sim('--workload', 'kv', '--faults', 'isolate,earthquake')
  t.equal(fault.status, 1)
  t.match(fault.stderr, /no such fault of workload kv: earthquake\. There are all, none, or any of crashActor, .*, strand/)
  const workload = sim('--workload', 'sql')
  t.not(workload.status, 0)
  t.match(workload.stderr, /one of kv, txn, watch, membership, lease, auth, kubernetes, all/)
})

t.test('one line is one run', async t => {
  const line = ['--workload', 'txn', '--seed', '5', '--for', '2s', '--faults', 'isolate,powerLoss', '--clients', '3', '-o', 'json']
  const [first, second] = [sim(...line), sim(...line)]
  t.equal(first.status, 0, first.stderr)
  const resultOf = ({ stdout }: { stdout: string }): { clients: number; troubles: string[]; traceHash: string } =>
    JSON.parse(stdout).workloads[0].results[0]
  t.equal(resultOf(first).traceHash, resultOf(second).traceHash)
  t.same(resultOf(first).troubles, ['powerLoss', 'isolate'])
  t.equal(resultOf(first).clients, 3)
})

t.test('many seeds run side by side and are summed up', async t => {
  const { status, stdout } = sim('--workload', 'watch', '--seeds', '4', '--twice', '2', '--for', '2s', '--jobs', '2')
  t.equal(status, 0)
  t.match(stdout, /^4 seeds, .* of virtual time in .*: 1 on one core\)\n\nwatch: 4 seeds, \d+ operations/)
  t.match(stdout, /EXERCISED +SEEDS +TIMES\nelection/)
  t.match(stdout, /no promise was broken\n$/)
})
