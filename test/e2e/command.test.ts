// The command, as a user types it: what it says of wrong input, two clusters side by side, chaos, the clock, starting and
// stopping in every way, names and a module of the user's, and all of it for somebody who is not root.

import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync } from 'node:fs'
import * as path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { kubectlPath } from '../../build/kubectl-layer.js'
import type { ActorLine } from '../../lib/cli/index.js'
import { command, node, portStart, runNode, TestCluster, until } from './cluster.js'

const nobody = 65_534
const graceMs = 4_000
const kabuki = (...args: string[]) => runNode([command, ...args])
const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
const ready = async (cluster: TestCluster, node: string): Promise<boolean> =>
  /^\S+ +Ready /m.test(await cluster.kubectlOk('get', 'node', node, '--no-headers'))
const actorOf = async (cluster: TestCluster, address: string): Promise<ActorLine | undefined> =>
  (await cluster.status()).actors.find(actor => actor.address === address)

t.test('wrong use: what is wrong, and what to do', async t => {
  const nowhere = '/tmp/kabuki/nowhere'
  const mistakes: [args: string[], says: RegExp][] = [
    [['up', '--nope'], /unknown option '--nope'/],
    [['nope'], /unknown command 'nope'/],
    [['up', '--stores', '2'], /an odd number: a store needs a majority/],
    [['up', '--nodes', 'x'], /a whole number from 0 to 1000/],
    [['up', '--port', '70000'], /a whole number from 1 to 65535/],
    [['up', '--time-scale', '100'], /above 0 and up to 60/],
    [['up', '--node-grace', '5'], /a duration such as 500ms/],
    [['up', '--runtime', 'docker'], /Allowed choices are stand-in, simulated/],
    [['up', '--image', 'hello'], /the name of an image, =, and the path of a JS module/],
    [['up', '--image', `hello=${nowhere}.mjs`], /nowhere\.mjs does not exist/],
    [['up', '--detach', '--ephemeral'], /leave --ephemeral out/],
    [['up', '--etcd-insecure'], /--etcd-port says where/],
    [
      ['up', '--etcd-port', '2379', '--etcd-servers', 'http://127.0.0.1:1'],
      /'--etcd-servers <urls>' cannot be used with option '--etcd-port <port>'/
    ],
    [['up', '--data-dir', '/dev/null/x'], /cannot be used as a data directory \(ENOTDIR\): choose another/],
    [['status', '--data-dir', nowhere], /no cluster runs on .*nowhere: `kabuki up --data-dir/],
    [['down', '--data-dir', nowhere], /no cluster runs on/],
    [['chaos', 'kill', 'control-0/store', '--data-dir', nowhere], /no cluster runs on/],
    [['chaos', 'kill'], /missing required argument/],
    [['clock', 'advance', 'soon', '--data-dir', nowhere], /a duration such as/],
    [['kubectl', '--data-dir', nowhere, 'get', 'nodes'], /nowhere\/kubeconfig does not exist: `kabuki up/]
  ]
  const spoiled = t.testdir({ kubeconfig: {} })
  mistakes.push([['up', '--data-dir', spoiled, '--port', String(portStart)], /EISDIR.*kubeconfig/])
  for (const [args, says] of mistakes) {
    const { code, stdout, stderr } = await kabuki(...args)
    t.equal(code, 1, args.join(' '))
    t.match(stderr, says)
    if (!says.source.startsWith('EISDIR')) t.equal(stdout, '')
    t.notMatch(stderr, /\n\s+at /, 'no stack')
  }
})

/** With when it was asked and when it was answered: what it tells is of some time between. */
async function timed<T>(ask: () => Promise<T>): Promise<{ readonly value: T; readonly beganMs: number; readonly endedMs: number }> {
  const beganMs = performance.now()
  const value = await ask()
  return { value, beganMs, endedMs: performance.now() }
}

t.test('a cluster, chaos and names; another beside it, its clock', { timeout: 600_000 }, async t => {
  const dataDir = t.testdir({
    'hello.mjs': `export default async ({ args, env, pod, http, log, signal }) => {
      await http(8080, request => new Response([env.GREETING, pod.name, ...args, new URL(request.url).pathname].join(' ')))
      log('serving')
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      log('bye')
    }`
  })
  const module = path.join(dataDir, 'hello.mjs')
  const args = ['--node-grace', `${graceMs}ms`, '--image', `example.com/hello=${module}`]
  const cluster = await TestCluster.up({ dataDir: path.join(dataDir, 'one'), args })
  t.teardown(() => cluster.end('SIGKILL'))

  await t.test('status says who runs where', async t => {
    const status = await cluster.status()
    for (const { address, thread, state } of status.actors)
      t.ok(address.includes('/') && thread.includes('/') && typeof state === 'string', address)
    const stores = status.actors.filter(({ actor }) => actor === 'store')
    t.same(stores.map(({ role }) => role).sort(), ['follower', 'follower', 'leader'])
    t.ok(stores.every(({ term }) => term === stores[0]?.term && Number(term) >= 1))
    t.match(status.leaders, { store: /control-\d\/store/, scheduler: 'control-0/scheduler' })
    t.match(await cluster.kabukiOk('status'), /control-0\/store +running/)
  })

  await t.test('a second start on the same directory is refused, and does no harm', async t => {
    const second = await cluster.kabuki('up')
    t.equal(second.code, 1)
    t.match(second.stderr, /a cluster already runs on .* \(pid \d+\): `kabuki status --data-dir/)
    t.ok(await ready(cluster, 'worker-1'))
  })

  await t.test('kabuki kubectl is the kubectl on PATH', async t => {
    const env = { PATH: `${path.dirname(kubectlPath())}:${process.env.PATH}` }
    const inner = (...args: string[]) => runNode([command, 'kubectl', '--data-dir', cluster.dataDir, ...args], env)
    t.match(await inner('get', 'nodes', '-o', 'name'), { code: 0, stdout: /node\/worker-1\nnode\/worker-2\nnode\/worker-3\n/ })
    t.match(await inner('get', 'pod', 'nobody'), { code: 1, stderr: /NotFound/ }, 'its exit code and words')
    const without = await runNode([command, 'kubectl', '--data-dir', cluster.dataDir, 'version'], { PATH: '/nowhere' })
    t.match(without, { code: 1, stderr: /there is no kubectl on PATH.*KUBECONFIG=/ })
  })

  await t.test('a module of the user’s is an image; pods find services by name', async t => {
    await cluster.kubectlOk('run', 'hello', '--image=example.com/hello:v1', '--env=GREETING=hi', '--port=8080', '--', 'there')
    await cluster.kubectlOk('wait', '--for=condition=Ready', 'pod/hello', '--timeout=120s')
    await cluster.kubectlOk('expose', 'pod', 'hello', '--port=80', '--target-port=8080')
    await cluster.kubectlOk('expose', 'pod', 'hello', '--name=peers', '--port=8080', '--cluster-ip=None')
    const service = await cluster.get('service', 'hello')
    const pod = await cluster.get('pod', 'hello')
    await until('the headless service has its endpoint', async () => (await cluster.kubectlOk('get', 'endpointslices')).includes('peers'))
    const names = ['hello', 'hello.default', 'hello.default.svc', 'hello.default.svc.cluster.local']
    const urls = [`http://${service.spec.clusterIP}`, ...names.map(name => `http://${name}`), 'http://peers:8080']
    const lines = [
      `until wget -qO- http://hello/up; do sleep 0.1; done; echo`,
      ...urls.map(url => `wget -qO- ${url}/x; echo`),
      ...[...names, 'peers', 'nobody'].map(name => `nslookup ${name}`)
    ]
    await cluster.kubectlOk('run', 'caller', '--image=busybox', '--restart=Never', '--', 'sh', '-c', lines.join('\n'))
    await cluster.kubectlOk('wait', '--for=jsonpath={.status.containerStatuses[0].state.terminated.reason}', 'pod/caller', '--timeout=120s')
    const log = await cluster.kubectlOk('logs', 'caller')
    t.equal(log.match(/^hi hello there \/x$/gm)?.length, urls.length, log)
    const found = [...log.matchAll(/^Name:\t(\S+)\nAddress: (\S+)$/gm)].map(([, name, address]) => `${name} ${address}`)
    t.same(found, [
      ...names.map(() => `hello.default.svc.cluster.local ${service.spec.clusterIP}`),
      `peers.default.svc.cluster.local ${pod.status.podIP}`
    ])
    t.match(log, /\*\* server can't find nobody: NXDOMAIN/)
    t.match(await cluster.kubectlOk('logs', 'hello'), /serving/)
    t.match(await cluster.kubectlOk('logs', 'hello'), /^serving$/m)
    await cluster.kubectlOk('delete', 'pod', 'hello', 'caller', '--timeout=120s')
  })

  await t.test('the apiserver stays down: status works; resume brings it back', async t => {
    await cluster.kabukiOk('chaos', 'kill', 'control-0/apiserver', '--stay-down')
    t.not((await cluster.kubectl('get', 'nodes', '--request-timeout=1s')).code, 0)
    t.equal((await actorOf(cluster, 'control-0/apiserver'))?.state, 'held')
    await cluster.kabukiOk('chaos', 'resume', 'control-0/apiserver')
    await until('it answers', async () => (await cluster.kubectl('get', 'nodes', '--request-timeout=2s')).code === 0)
  })

  await t.test('the store’s leader is paused: writes go on; resumed, it follows', async t => {
    const { store: leader } = (await cluster.status()).leaders as { store: string }
    await cluster.kabukiOk('chaos', 'pause', leader)
    const startedMs = performance.now()
    await until('a write succeeds', async () => {
      const write = await cluster.kubectl('create', 'configmap', 'paused', '--from-literal=a=b', '--request-timeout=4s')
      return write.code === 0 || write.stderr.includes('already exists')
    })
    t.comment(`writes went on ${Math.round(performance.now() - startedMs)} ms after the pause (kubectl's own time included)`)
    t.equal((await actorOf(cluster, leader))?.state, 'paused')
    await cluster.kabukiOk('chaos', 'resume', leader)
    await until('it follows', async () => (await actorOf(cluster, leader))?.role === 'follower')
  })

  await t.test('members of the store come and go, on machines that are started for them', async t => {
    const members = async (...args: string[]) => {
      const { members } = JSON.parse(await cluster.kabukiOk('store', ...args, '-o', 'json')) as {
        members: { address: string; isLearner: boolean }[]
      }
      return members.map(({ address, isLearner }) => (isLearner ? `${address} (learner)` : address)).sort()
    }
    const three = ['control-0/store', 'control-1/store', 'control-2/store']
    t.same(await members('members'), three)
    t.same(await members('add', '--learner'), [...three, 'control-3/store (learner)'])
    await until('the learner has caught up', async () => (await cluster.kabuki('store', 'promote', 'control-3/store')).code === 0)
    t.same(await members('members'), [...three, 'control-3/store'])
    t.ok((await cluster.status()).machines.some(({ name, state }) => name === 'control-3' && state === 'up'))
    await members('move-leader', 'control-3/store')
    t.equal((await actorOf(cluster, 'control-3/store'))?.role, 'leader')
    t.same(await members('remove', 'control-3/store'), three)
    await until('its store has stopped', async () => (await actorOf(cluster, 'control-3/store')) === undefined)
    const { code, stderr } = await cluster.kabuki('store', 'add', 'control-3/store')
    t.match([code, stderr], [1, /an address that was removed is never used again/])
    t.same(await members('add', '--learner'), [...three, 'control-4/store (learner)'], 'whoever comes next has an address of its own')
    t.same(await members('remove', 'control-4'), three, 'named by its machine')
    t.match(await cluster.kabuki('store', 'remove', 'control-9'), {
      code: 1,
      stderr: /member not found: .*`kabuki store members` lists them/
    })
  })

  await t.test('the apiserver is paused: a request waits; resumed, it is answered', async t => {
    await cluster.kabukiOk('chaos', 'pause', 'control-0/apiserver')
    const waiting = cluster.kubectl('get', 'nodes')
    t.equal(await Promise.race([waiting, sleep(700, 'silence')]), 'silence')
    await cluster.kabukiOk('chaos', 'resume', 'control-0/apiserver')
    t.match(await waiting, { code: 0, stdout: /worker-1/ })
  })

  await t.test('kill --for, pause --for, an actor that is not a thread', async t => {
    await cluster.kabukiOk('chaos', 'kill', 'worker-3/kube-proxy', '--for', '4s')
    t.equal((await actorOf(cluster, 'worker-3/kube-proxy'))?.state, 'held')
    await until('it is back', async () => (await actorOf(cluster, 'worker-3/kube-proxy'))?.state === 'running')
    await cluster.kabukiOk('chaos', 'pause', 'worker-3', '--for', '500ms')
    await until('the machine goes on', async () => (await cluster.status()).machines.every(({ state }) => state === 'up'))
    await cluster.kabukiOk('chaos', 'pause', 'root/worker-3')
    t.equal((await actorOf(cluster, 'root/worker-3'))?.state, 'paused')
    await cluster.kabukiOk('chaos', 'resume', 'root/worker-3')
    t.equal((await actorOf(cluster, 'root/worker-3'))?.state, 'running')
    const nobody = await cluster.kabuki('chaos', 'kill', 'nobody')
    t.match(nobody, { code: 1, stderr: /there is no actor, thread or machine "nobody": `kabuki status` lists them/ })
    t.match(await cluster.kabuki('chaos', 'cut', 'worker-9'), { code: 1, stderr: /there is no machine "worker-9": control-0/ })
  })

  const cut = cluster.kabukiOk('chaos', 'cut', 'worker-2')
  const two = await TestCluster.up({ dataDir: path.join(dataDir, 'two'), args: ['--node-grace', '6s'], port: portOf(cluster) })
  let second = two
  t.teardown(() => second.end('SIGKILL'))

  await t.test('two clusters side by side: each its own port, addresses and objects', async t => {
    t.match(two.output, new RegExp(`port ${portOf(cluster)} is taken: the API is on ${portOf(two)}`))
    await two.kubectlOk('create', 'configmap', 'of-two', '--from-literal=a=b')
    t.equal((await cluster.kubectl('get', 'configmap', 'of-two')).code, 1)
    const [one, other] = [await cluster.get('nodes'), await two.get('nodes')]
    t.not(one.items[0].status.addresses[0].address, other.items[0].status.addresses[0].address)
  })

  await t.test('a machine that is cut off: NotReady, and Ready when healed', async t => {
    await cut
    await until('NotReady', async () => !(await ready(cluster, 'worker-2')))
    t.ok((await cluster.status()).cuts.includes('worker-2>control-0'))
    await cluster.kabukiOk('chaos', 'heal')
    await until('Ready', () => ready(cluster, 'worker-2'))
    t.same((await cluster.status()).cuts, [])
  })

  await t.test('the clock is advanced: what is due happens, nodes stay Ready', async t => {
    const tolerations = [{ key: 'test', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }]
    const overrides = JSON.stringify({ spec: { nodeName: 'worker-1', tolerations } })
    await two.kubectlOk('run', 'patient', '--image=pause', `--overrides=${overrides}`)
    await two.kubectlOk('run', 'calm', '--image=pause', '--overrides={"spec":{"nodeName":"worker-2"}}')
    await two.kubectlOk('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s')
    await two.kubectlOk('taint', 'node', 'worker-1', 'test=x:NoExecute')
    const [startedMs, before] = [performance.now(), Date.parse((await two.status()).clusterTime)]
    await two.kabukiOk('clock', 'advance', '4m')
    t.equal((await two.kubectl('get', 'pod', 'patient')).code, 0, 'tolerated for 5 minutes')
    await two.kabukiOk('clock', 'advance', '2m')
    const elapsedMs = Date.parse((await two.status()).clusterTime) - before
    t.ok(elapsedMs >= 360_000 && elapsedMs <= 360_000 + performance.now() - startedMs, `${elapsedMs}`)
    await until('it is evicted', async () => (await two.kubectl('get', 'pod', 'patient')).code === 1)
    t.equal((await two.kubectl('get', 'pod', 'calm')).code, 0)
    for (const node of ['worker-1', 'worker-2', 'worker-3']) t.ok(await ready(two, node), node)
    const { items } = await two.get('events', '--field-selector=reason=NodeNotReady')
    t.same(
      items.map(({ message }: any) => message),
      [],
      'no node was silent'
    )
  })

  let scaledMs = 0 // Of real time, at most.
  await t.test('the clock is scaled', async t => {
    scaledMs = performance.now()
    await two.kabukiOk('clock', 'scale', '20')
    const before = await timed(() => two.status())
    await sleep(300)
    const after = await timed(() => two.status())
    t.equal(after.value.timeScale, 20)
    const passedMs = Date.parse(after.value.clusterTime) - Date.parse(before.value.clusterTime)
    const [leastMs, mostMs] = [after.beganMs - before.endedMs, after.endedMs - before.beganMs]
    t.ok(passedMs >= 20 * leastMs - 100 && passedMs <= 20 * mostMs + 100, `${passedMs} ms in ${leastMs} to ${mostMs}`)
    await two.kabukiOk('clock', 'scale', '1')
    scaledMs = performance.now() - scaledMs
  })

  await t.test('Ctrl-C stops it cleanly; --detach starts it again, with its objects and its time; down ends it', async t => {
    t.equal(await two.end('SIGINT'), 0)
    t.match(await two.kabuki('status'), { code: 1, stderr: /no cluster runs on/ })
    const detached = await two.kabuki('up', '--detach', '--port', String(portStart + 5))
    t.equal(detached.code, 0, detached.stderr)
    const pid = Number(/pid (\d+)/.exec(detached.stdout)?.[1])
    t.teardown(() => isGone(pid) || process.kill(pid, 'SIGKILL'))
    t.equal((await two.kubectl('get', 'configmap', 'of-two')).code, 0)
    const aheadMs = Date.parse((await two.status()).clusterTime) - Date.now()
    t.ok(aheadMs > 360_000 && aheadMs < 361_000 + 20 * scaledMs, `${aheadMs}`)
    second = cluster
    t.match(await two.kabuki('down'), { code: 0, stdout: /stopped/ })
    await until('its process is gone', async () => isGone(pid))
    t.match(await two.kabuki('down'), { code: 1, stderr: /no cluster runs on/ })
  })
  t.equal(await cluster.end('SIGINT'), 0)
})

t.test('the demo and --ephemeral leave nothing', { timeout: 600_000 }, async t => {
  const directory = t.testdir({ demo: {}, ephemeral: {} })
  const demo = runNode([command, 'demo'], { TMPDIR: path.join(directory, 'demo') })
  const temporary = path.join(directory, 'ephemeral')
  const cluster = await TestCluster.up({ args: ['--ephemeral'], env: { TMPDIR: temporary } })
  t.teardown(() => cluster.end('SIGKILL'))
  t.ok(readdirSync(temporary).length > 0)
  t.equal(await cluster.end('SIGINT'), 0)
  t.same(readdirSync(temporary), [])
  cluster.remove()
  const { code, stdout, stderr } = await demo
  t.equal(code, 0, stderr)
  t.match(stdout, /rolled out[\s\S]*is Ready again[\s\S]*The cluster is stopped and its data gone/)
  t.same(readdirSync(path.join(directory, 'demo')), [])
})

const skip = unprivilegedSkip()
t.test('somebody who is not root', { skip, timeout: 600_000 }, async t => {
  const dataDir = path.join(t.testdir(), 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  const root = process.getuid?.() === 0
  if (root) chownSync(dataDir, nobody, nobody)
  const cluster = await TestCluster.up({ dataDir, ...(root ? { uid: nobody } : {}) })
  t.teardown(() => cluster.end('SIGKILL'))
  await cluster.kubectlOk('create', 'deployment', 'web', '--image=nginx', '--port=80')
  await cluster.kubectlOk('expose', 'deployment', 'web', '--type=NodePort', '--port=80')
  await cluster.kubectlOk('rollout', 'status', 'deployment/web', '--timeout=120s')
  const service = await cluster.get('service', 'web')
  const url = `http://127.0.0.1:${service.spec.ports[0].nodePort}/`
  const page = await until('the NodePort answers', async () => {
    const answer = await fetch(url)
    return answer.ok && answer.text()
  })
  t.match(page, /Welcome to nginx/)
  const script = `until wget -qO- http://${service.spec.clusterIP}/; do sleep 0.1; done; wget -qO- http://web/`
  await cluster.kubectlOk('run', 'caller', '--image=busybox', '--restart=Never', '--', 'sh', '-c', script)
  await cluster.kubectlOk('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/caller', '--timeout=120s')
  t.equal((await cluster.kubectlOk('logs', 'caller')).match(/<h1>Welcome to nginx/g)?.length, 2)
  const { items } = await cluster.get('events')
  t.match(items.map(({ message }: any) => message).join('\n'), /Port 80 of container nginx cannot be bound on this host and is served on/)
  t.equal(await cluster.end('SIGINT'), 0)
})

function portOf(cluster: TestCluster): number {
  return Number(/api +https:\/\/127\.0\.0\.1:(\d+)/.exec(cluster.output)?.[1])
}

/** As root it is tried as nobody, who must be able to read this checkout and to find its directory. */
function unprivilegedSkip(): string | false {
  if (process.platform !== 'linux') return 'privileged ports are of Linux'
  if (process.getuid?.() !== 0) return false
  const [file, ...words] = node
  const tried = spawnSync(file, [...words, command, '--version'], { uid: nobody, gid: nobody, cwd: '/', env: { PATH: process.env.PATH } })
  return tried.status === 0 ? false : 'nobody cannot read this checkout'
}
