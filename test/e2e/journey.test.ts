// The journey: one cluster, the real kubectl, and what a user does with it, step by step; then everything is broken in turn.

import { get } from 'node:http'
import t from 'tap'
import { TestCluster, until } from './cluster.js'

const deployment = 'nginx'

/** A connection of its own each time: who answers is decided by connection. */
const page = (url: string): Promise<string | false> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 10_000 }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      answer.on('end', () => resolve(answer.statusCode === 200 && text))
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
  })

t.test('the journey of a user, with the real kubectl', { timeout: 600_000 }, async t => {
  const cluster = await TestCluster.up({ args: ['--node-grace', '6s'] })
  t.teardown(async () => {
    await cluster.end('SIGKILL')
    cluster.remove()
  })
  const rolledOut = (): Promise<string> => cluster.kubectlOk('rollout', 'status', `deployment/${deployment}`, '--timeout=120s')
  const leaderOf = async (component: string): Promise<string> =>
    until(`${component} has a leader`, async () => (await cluster.status()).leaders[component])
  let nodePort = 0

  await t.test('nodes are Ready', async t => {
    const nodes = await cluster.get('nodes')
    t.equal(nodes.items.length, 3)
    t.match(await cluster.kubectlOk('get', 'nodes'), /worker-1 +Ready/)
  })

  await t.test('each component runs in a thread of its own, a controller without work in none', async t => {
    const { actors, threads } = await cluster.status()
    const expected = ['control-0/store', 'control-1/store', 'control-2/store', 'control-0/apiserver', 'control-0/controller-manager']
    const components = [...expected, 'control-0/scheduler', 'worker-1/kubelet', 'worker-1/kube-proxy', 'root/fabric']
    const ids = components.map(address => {
      const thread = actors.find(actor => actor.address === address)?.thread
      return threads.find(({ name }) => name === thread)?.threadId
    })
    t.notOk(ids.includes(undefined), `every component runs: ${components.filter((_, index) => ids[index] === undefined)}`)
    t.equal(new Set(ids).size, components.length, 'thread ids are distinct')
    t.notOk(actors.some(({ address }) => address === 'control-0/deployment-controller'))
  })

  await t.test('create deployment, rollout status', async t => {
    await cluster.kubectlOk('create', 'deployment', deployment, '--image=nginx', '--replicas=3', '--port=80')
    t.match(await rolledOut(), /successfully rolled out/)
    const { actors } = await cluster.status()
    t.ok(
      actors.some(({ address }) => address.includes('deployment')),
      'the deployment controller runs now'
    )
  })

  await t.test('expose: the page answers on the NodePort, the VIP and a pod IP', async t => {
    await cluster.kubectlOk('expose', 'deployment', deployment, '--type=NodePort', '--port=80')
    const service = await cluster.get('service', deployment)
    nodePort = service.spec.ports[0].nodePort
    const pods = await cluster.get('pods', '-l', `app=${deployment}`)
    const urls = [`http://127.0.0.1:${nodePort}/`, `http://${service.spec.clusterIP}/`, `http://${pods.items[0].status.podIP}/`]
    const reachable = process.getuid?.() === 0 ? urls : urls.slice(0, 1)
    for (const url of reachable) t.match(await until(url, () => page(url)), /nginx/i, url)
    const seen = new Set<string>()
    await until('all three pods answer in turn', async () => {
      const text = await page(urls[0] as string)
      for (const pod of pods.items) if (text !== false && text.includes(pod.metadata.name)) seen.add(pod.metadata.name)
      return seen.size === 3
    })
  })

  await t.test('set image rolls, rollout undo rolls back, scale scales', async t => {
    await cluster.kubectlOk('set', 'image', `deployment/${deployment}`, 'nginx=nginx:1.27')
    t.match(await rolledOut(), /successfully rolled out/)
    const images = async (): Promise<string[]> =>
      (await cluster.get('pods', '-l', `app=${deployment}`)).items
        .filter((pod: any) => pod.metadata.deletionTimestamp === undefined)
        .map((pod: any) => pod.spec.containers[0].image)
    t.same(await images(), ['nginx:1.27', 'nginx:1.27', 'nginx:1.27'])
    t.match(await cluster.kubectlOk('rollout', 'history', `deployment/${deployment}`), /1[\s\S]*2/)
    await cluster.kubectlOk('rollout', 'undo', `deployment/${deployment}`)
    await rolledOut()
    t.same(await images(), ['nginx', 'nginx', 'nginx'])
    await cluster.kubectlOk('scale', 'deployment', deployment, '--replicas=5')
    await rolledOut()
    t.equal((await images()).length, 5)
    await cluster.kubectlOk('scale', 'deployment', deployment, '--replicas=3')
    await until('3 pods are left', async () => (await images()).length === 3)
  })

  await t.test('logs, describe, explain', async t => {
    const pods = await cluster.get('pods', '-l', `app=${deployment}`)
    await until('the page was logged', async () => {
      await page(`http://127.0.0.1:${nodePort}/`)
      return (await cluster.kubectlOk('logs', pods.items[0].metadata.name)).includes('GET /')
    })
    const described = await cluster.kubectlOk('describe', 'pod', pods.items[0].metadata.name)
    t.match(described, /Status: +Running/)
    t.match(described, /Scheduled[\s\S]*Successfully assigned/)
    t.match(await cluster.kubectlOk('describe', 'deployment', deployment), /NewReplicaSet/)
    t.match(await cluster.kubectlOk('explain', 'deployment.spec.replicas'), /FIELD: replicas <integer>/)
  })

  await t.test('logs -f shows a line each second, as it is written', async t => {
    await cluster.kubectlOk(
      'run',
      'ticker',
      '--image=busybox',
      '--',
      'sh',
      '-c',
      'i=0; while true; do i=$((i+1)); echo tick $i; sleep 1; done'
    )
    await cluster.kubectlOk('wait', '--for=condition=Ready', 'pod/ticker', '--timeout=120s')
    const follow = cluster.kubectlProcess('logs', '-f', 'ticker')
    let seen = ''
    follow.stdout?.setEncoding('utf8').on('data', (text: string) => {
      seen += text
    })
    // The script never ends, so what is seen was told as it was written.
    for (const tick of [1, 2, 3, 4]) await until(`tick ${tick}`, async () => seen.includes(`tick ${tick}\n`))
    t.equal((await cluster.get('pod', 'ticker')).status.phase, 'Running')
    follow.kill()
    await cluster.kubectlOk('delete', 'pod', 'ticker', '--timeout=120s')
  })

  await t.test('bad input gets the upstream answer', async t => {
    const unknown = await cluster.kubectl('get', 'pod', 'nobody')
    t.match(unknown.stderr, /Error from server \(NotFound\): pods "nobody" not found/)
    const twice = await cluster.kubectl('create', 'deployment', deployment, '--image=nginx')
    t.match(twice.stderr, /AlreadyExists|already exists/)
    const negative = await cluster.kubectl('scale', 'deployment', deployment, '--replicas=-1')
    t.not(negative.code, 0)
    const pending = await cluster.kubectl(
      'run',
      'giant',
      '--image=nginx',
      '--overrides={"spec":{"containers":[{"name":"giant","image":"nginx","resources":{"requests":{"cpu":"1000"}}}]}}'
    )
    t.equal(pending.code, 0, pending.stderr)
    await until('the reason is told', async () => (await cluster.kubectlOk('describe', 'pod', 'giant')).includes('Insufficient cpu'))
    await cluster.kubectlOk('delete', 'pod', 'giant', '--timeout=120s')
  })

  for (const power of [false, true]) {
    await t.test(`the store's leader is killed${power ? ' with its power' : ''}: writes go on within 1 s`, async t => {
      const leader = await leaderOf('store')
      await cluster.kubectlOk('create', 'configmap', `before-${power}`, '--from-literal=a=b')
      await cluster.kabukiOk('chaos', 'kill', leader, ...(power ? ['--power'] : []))
      const startedMs = performance.now()
      await until(
        'a write succeeds',
        async () => (await cluster.kubectl('create', 'configmap', `after-${power}`, '--from-literal=a=b')).code === 0
      )
      t.comment(`writes went on ${Math.round(performance.now() - startedMs)} ms after the kill (kubectl's own time included)`)
      t.equal((await cluster.kubectl('get', 'configmap', `before-${power}`)).code, 0, 'what was acknowledged is there')
      await until(
        'the member is back',
        async () => (await cluster.status()).actors.find(({ address }) => address === leader)?.role === 'follower'
      )
    })
  }

  await t.test('the apiserver is killed: get -w ends, run again is answered', async t => {
    const watch = cluster.kubectlProcess('get', 'pods', '-w')
    const ended = new Promise<void>(resolve => watch.once('exit', () => resolve()))
    await new Promise<void>(resolve => watch.stdout?.once('data', () => resolve()))
    await cluster.kabukiOk('chaos', 'kill', 'control-0/apiserver')
    await ended
    const startedMs = performance.now()
    await until('get is answered', async () => (await cluster.kubectl('get', 'pods')).code === 0)
    t.comment(`answered ${Math.round(performance.now() - startedMs)} ms after`)
  })

  await t.test('the scheduler and the controller-manager are killed: work goes on', async t => {
    await cluster.kabukiOk('chaos', 'kill', 'control-0/scheduler')
    await cluster.kabukiOk('chaos', 'kill', 'control-0/controller-manager')
    await cluster.kubectlOk('create', 'deployment', 'late', '--image=nginx', '--replicas=2')
    t.match(await cluster.kubectlOk('rollout', 'status', 'deployment/late', '--timeout=120s'), /successfully rolled out/)
  })

  await t.test('a machine is killed: NotReady, its pods move, it comes back', async t => {
    const tolerate = ['not-ready', 'unreachable'].map(taint => ({
      key: `node.kubernetes.io/${taint}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 2
    }))
    const patch = { spec: { template: { spec: { tolerations: tolerate } } } }
    await cluster.kubectlOk('patch', 'deployment', deployment, '-p', JSON.stringify(patch))
    await rolledOut()
    const pods = await cluster.get('pods', '-l', `app=${deployment}`)
    const victim = pods.items.find((pod: any) => pod.metadata.deletionTimestamp === undefined).spec.nodeName
    await cluster.kabukiOk('chaos', 'kill', victim, '--stay-down')
    await until(`${victim} is NotReady`, async () => /NotReady/.test(await cluster.kubectlOk('get', 'node', victim)))
    await until('its pods run elsewhere', async () => {
      const { items } = await cluster.get('pods', '-l', `app=${deployment}`)
      const elsewhere = items.filter(
        (pod: any) => pod.spec.nodeName !== victim && pod.status.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True')
      )
      return elsewhere.length >= 3
    })
    t.match(await until('the page', () => page(`http://127.0.0.1:${nodePort}/`)), /nginx/i)
    await cluster.kabukiOk('chaos', 'resume', victim)
    await until(`${victim} is Ready`, async () => /worker-\d +Ready/.test(await cluster.kubectlOk('get', 'node', victim)))
  })

  await t.test('the process is killed with SIGKILL and started again: nothing acknowledged is lost', async t => {
    const names: string[] = []
    for (let i = 0; i < 5; i++) {
      await cluster.kubectlOk('create', 'configmap', `kept-${i}`, `--from-literal=i=${i}`)
      names.push(`kept-${i}`)
    }
    const uid = (await cluster.get('deployment', deployment)).metadata.uid
    await cluster.end('SIGKILL')
    const again = await TestCluster.up({ dataDir: cluster.dataDir })
    t.teardown(() => again.end('SIGKILL'))
    for (const name of names) t.equal((await again.kubectl('get', 'configmap', name)).code, 0, name)
    t.equal((await again.get('deployment', deployment)).metadata.uid, uid)
    await again.kubectlOk('rollout', 'status', `deployment/${deployment}`, '--timeout=120s')
    const refused = await cluster.kabuki('up')
    t.not(refused.code, 0, 'a second cluster on the same directory is refused')
    t.match(refused.stderr, /already runs/)
    t.equal(await again.end('SIGTERM'), 0, 'SIGTERM ends it cleanly')
  })
})
