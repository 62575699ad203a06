// A node on worker threads: containers that really listen, a shell, a user's module, a kubelet that is killed.

import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { ask, type Context, type Flow, open, type Ref } from '../../lib/actor/index.js'
import type { ApiRef } from '../../lib/client/index.js'
import { Runtime } from '../../lib/host/index.js'
import { ports } from '../../lib/host/ports/index.js'
import type { Container, Pod } from '../../lib/kinds/index.js'
import type { HandProtocol } from './roster.js'

const podPrefix = `127.${200 + (process.pid % 50)}.7` // Other test files may run beside this one.
const api = 'control-0/apiserver' as ApiRef
const kubelet = 'worker-1/kubelet' as Ref<import('../../actors/kubelet.js').KubeletProtocol>
const moduleText = `export default async ({ args, env, pod, http, log, signal }) => {
  log('hello from', pod.name, args.join('+'), env.COLOUR)
  await http(8080, request => new Response('you asked for ' + new URL(request.url).pathname))
  await new Promise(resolve => signal.addEventListener('abort', resolve))
  log('ended by', signal.reason)
  return 5
}`

class Node {
  readonly runtime: Runtime

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  static async start(directory: string): Promise<Node> {
    const file = join(directory, 'own.mjs')
    writeFileSync(file, moduleText)
    const modules = [{ name: 'example.com/own', url: pathToFileURL(file).href }]
    const runtime = await Runtime.start({ rosterUrl: new URL('./roster.js', import.meta.url).href })
    const own = (address: string, actor: string, args: object, more = {}): object => ({ address, actor, args, thread: address, ...more })
    const children = [
      own(api, 'apiserver', {}),
      own(kubelet, 'kubelet', { node: 'worker-1', podPrefix, apiservers: [api], supervisor: 'root/all', images: modules }),
      own('worker-1/containers', 'containers', { modules }, { onDemand: true })
    ]
    await runtime.startActor('root/hand', 'hand', {})
    await runtime.startActor('root/all', 'supervisor', { children })
    return new Node(runtime)
  }

  run<R>(flow: (ctx: Context<HandProtocol>) => Flow<R>): Promise<R> {
    return new Promise(resolve => {
      const body = (ctx: Context<HandProtocol>): void => {
        ctx.run(
          (function* (): Flow<void> {
            resolve(yield* flow(ctx))
          })()
        )
      }
      const to = 'root/hand'
      this.runtime.deliver({ kind: 'tell', from: to, to, life: 0, id: 0, type: 'perform', body, count: 0 })
    })
  }

  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown> {
    const bytes = body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }
    const outcome = await this.run(() => ask(api, 5000, 'request', { method, path, ...bytes }))
    if (!outcome.ok) throw new Error(JSON.stringify(outcome.error))
    return outcome.value.status < 400 ? JSON.parse(new TextDecoder().decode(outcome.value.body)) : undefined
  }

  async create(name: string, container: Partial<Container>, spec: Partial<Pod['spec']> = {}): Promise<void> {
    const containers = [{ name: 'app', ...container }]
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'worker-1', containers, ...spec }
    }
    await this.call('POST', '/api/v1/namespaces/default/pods', pod)
  }

  pod(name: string): Promise<Pod | undefined> {
    return this.call('GET', `/api/v1/namespaces/default/pods/${name}`) as Promise<Pod | undefined>
  }

  async until(t: Test, name: string, holds: (pod: Pod | undefined) => boolean): Promise<Pod | undefined> {
    for (let tries = 0; tries < 1000; tries++) {
      const pod = await this.pod(name)
      if (holds(pod)) return pod
      await pause(10)
    }
    t.fail(`never: ${name}`, { pod: await this.pod(name) })
    throw new Error('never')
  }

  log(pod: string): Promise<string> {
    const query = { namespace: 'default', pod, container: 'app' }
    return this.run(function* (): Flow<string> {
      const opened = yield* open(kubelet, 5000, 'logs', query)
      if (!opened.ok) return opened.error.detail
      for (let text = ''; ; ) {
        const batch = yield* opened.value.next()
        if (batch.kind !== 'items') return text
        for (const item of batch.items) text += new TextDecoder().decode(item)
      }
    })
  }
}

const isReady = (pod: Pod | undefined): boolean => pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

const fetchText = (host: string, port: number, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request({ host, port, path, agent: false }, response => {
      let text = `${response.statusCode} `
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end()
  })

const skip = 'shell' in ports ? false : 'this host has no shell port'

t.test('a node on threads', { skip }, async t => {
  const node = await Node.start(t.testdir())
  t.teardown(async () => {
    await node.runtime.stop()
    // Ports of links to threads that were killed keep the event loop alive.
    setTimeout(() => process.exit(), 200).unref()
  })

  await node.create('web', { image: 'nginx:1.27', readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 } })
  await node.create('own', { image: 'example.com/own:2', args: ['a', 'b'], env: [{ name: 'COLOUR', value: 'red' }] })
  await node.create('shell', { image: 'busybox', command: ['sh', '-c', 'echo one; echo two; exit 3'] }, { restartPolicy: 'Never' })
  const web = await node.until(t, 'web', isReady)
  const ip = web?.status?.podIP ?? ''

  t.test('nginx answers on the address of its pod, a privileged port perhaps elsewhere', async t => {
    const page = await fetchText(ip, 80, '/').catch(() => fetchText(ip, 20_080, '/'))
    t.match(page, /^200 .*Welcome to nginx!/s)
    t.match(page, new RegExp(`docker.io/library/nginx:1.27.*default/web.*worker-1.*${ip}`, 's'))
    t.match(await node.log('web'), /"GET \/ HTTP\/1.1" 200/)
  })

  t.test('a shell runs, writes and exits', async t => {
    const pod = await node.until(t, 'shell', pod => pod?.status?.phase === 'Failed')
    t.match(pod?.status?.containerStatuses?.[0]?.state, { terminated: { exitCode: 3 } })
    t.equal(await node.log('shell'), 'one\ntwo\n')
  })

  t.test("a user's module serves, logs, is told to stop, and says with what it ends", async t => {
    const pod = await node.until(t, 'own', isReady)
    for (let tries = 0; tries < 100 && !(await node.log('own')).includes('hello'); tries++) await pause(10)
    t.equal(await node.log('own'), 'hello from own a+b red\n')
    t.equal(await fetchText(pod?.status?.podIP ?? '', 8080, '/x'), '200 you asked for /x')
  })

  t.test('exec goes into a container that is no shell', async t => {
    const command = { namespace: 'default', pod: 'web', container: 'app', argv: ['sh', '-c', 'echo $HOSTNAME'], timeoutMs: 5000 }
    const outcome = await node.run(() => ask(kubelet, 10_000, 'exec', command))
    t.ok(outcome.ok && new TextDecoder().decode(outcome.value.stdout) === 'web\n', JSON.stringify(outcome))
  })

  t.test('the kubelet is killed, and takes its pods over', async t => {
    const before = (await node.pod('web'))?.status?.containerStatuses
    await node.runtime.killThread(kubelet, 'killed')
    await node.create('late', { image: 'registry.k8s.io/pause:3.10' })
    await node.until(t, 'late', isReady)
    t.same((await node.pod('web'))?.status?.containerStatuses, before)
    for (const name of ['web', 'own']) await node.call('DELETE', `/api/v1/namespaces/default/pods/${name}`, {})
    for (const name of ['web', 'own']) await node.until(t, name, pod => pod === undefined)
    await t.rejects(fetchText(ip, 80, '/').catch(() => fetchText(ip, 20_080, '/')))
  })
})
