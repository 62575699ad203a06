import t from 'tap'
import { scheduler } from '../../actors/scheduler.js'
import type { Ref } from '../../lib/actor/index.js'
import type { ApiObject } from '../../lib/object/index.js'
import { World } from '../../lib/sim/index.js'
import { eventsOf, type FakeApiRef, type FakeStore, fakeApi, newStore, podsOf } from './fake-api.js'
import { node, type PodParts, pod } from './fixtures.js'

const api = 'control-0/apiserver' as FakeApiRef
const first = 'control-0/scheduler'
const second = 'control-1/scheduler'

interface Stage {
  readonly world: World
  readonly store: FakeStore
  put(object: ApiObject): void
  remove(name: string): void
}

const podPath = (name: string): string => `/api/v1/namespaces/default/pods/${name}`

function stage(seed: number, schedulers: readonly string[] = [first]): Stage {
  const world = new World({ seed })
  const store = newStore()
  world.start(api, fakeApi(store))
  for (const address of schedulers) world.start(address, scheduler, { apiservers: [api as unknown as Ref<any>] })
  const put = (object: ApiObject): void => {
    const name = object.metadata.name as string
    world.client.tell(api, 'put', { path: object.kind === 'Node' ? `/api/v1/nodes/${name}` : podPath(name), object })
  }
  return { world, store, put, remove: name => world.client.tell(api, 'put', { path: podPath(name), object: undefined }) }
}

const bound = (store: FakeStore): number => store.bindings.length
const holder = (store: FakeStore): string =>
  store.objects.get('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler')?.spec.holderIdentity ?? ''
const messages = (store: FakeStore, reason: string): string[] =>
  eventsOf(store)
    .filter(event => event.reason === reason)
    .map(event => event.message)
const seeds = [1, 2, 3]

t.test('pods are bound, each once, and told of', async t => {
  for (const seed of seeds) {
    const { world, store, put } = stage(seed)
    for (let i = 0; i < 10; i++) put(node(`n${i}`))
    for (let i = 0; i < 200; i++) put(pod(`p${i}`, { requests: { cpu: '100m' } }))
    put(pod('foreign', { spec: { schedulerName: 'mine' } }))
    t.ok(
      world.runUntil(() => bound(store) === 200, 5000),
      `seed ${seed}: ${bound(store)} bound after ${world.nowMs} ms`
    )
    world.run(world.nowMs + 2000)
    t.equal(store.bindings.length, 200)
    t.equal(new Set(store.bindings.map(text => text.split(' ')[0])).size, 200)
    t.equal(store.objects.get(podPath('foreign')).spec.nodeName, undefined, 'of another scheduler')
    const counts = new Map<string, number>()
    for (const { spec } of podsOf(store)) if (spec.nodeName) counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1)
    t.same([...counts.values()], Array(10).fill(20), 'evenly')
    const scheduled = messages(store, 'Scheduled')
    t.equal(scheduled.length, 200)
    t.ok(scheduled.every(message => /^Successfully assigned default\/p\d+ to n\d$/.test(message)))
    t.equal(holder(store), first)
  }
})

t.test('a pod that nothing fits waits for a node, and is not polled for', async t => {
  for (const seed of seeds) {
    const { world, store, put } = stage(seed)
    put(node('small', { allocatable: { cpu: '1' } }))
    put(pod('p', { requests: { cpu: '2' } }))
    const condition = (): any => store.objects.get(podPath('p'))?.status?.conditions?.[0]
    t.ok(world.runUntil(() => condition() !== undefined, 5000))
    const message =
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'
    t.match(condition(), { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message })
    world.run(world.nowMs + 60_000)
    t.same(messages(store, 'FailedScheduling'), [message], 'once')
    const beforeMs = world.nowMs
    put(node('large'))
    t.ok(world.runUntil(() => bound(store) === 1, beforeMs + 1000))
    t.ok(world.nowMs - beforeMs < 20, `${world.nowMs - beforeMs} ms after the node appeared`)
    t.same(store.bindings, ['default/p large'])
  }
})

t.test('the condition is written when the message changes, not at every try', async t => {
  const { world, store, put, remove } = stage(9)
  put(node('x'))
  put(pod('p', { requests: { cpu: '4' }, spec: {} }))
  put(pod('q', { requests: { cpu: '1' } }))
  put(pod('r', { requests: { cpu: '4' } }))
  world.run(3000)
  const writes = (): number => store.changes.filter(({ path }) => path === podPath('r')).length
  const before = writes()
  // Each deletion is worth a try, which comes to the same words.
  for (let i = 0; i < 3; i++) {
    put(pod(`gone${i}`, { spec: { nodeName: 'x' }, requests: { cpu: '0' } }))
    world.run(world.nowMs + 5000)
    remove(`gone${i}`)
    world.run(world.nowMs + 5000)
  }
  t.equal(writes(), before)
  t.equal(eventsOf(store).find(event => event.reason === 'FailedScheduling' && event.involvedObject.name === 'r')?.count, 4)
})

t.test('a scheduler dies and another takes over: nothing is bound twice, nothing is forgotten', async t => {
  for (const seed of seeds) {
    const { world, store, put } = stage(seed, [first, second])
    for (let i = 0; i < 10; i++) put(node(`n${i}`, { allocatable: { cpu: '10' } }))
    t.ok(world.runUntil(() => holder(store) !== '', 5000))
    const leader = holder(store)
    for (let i = 0; i < 300; i++) put(pod(`p${i}`, { requests: { cpu: '300m' } }))
    t.ok(world.runUntil(() => bound(store) > 50, world.nowMs + 5000))
    world.killActor(leader)
    const before = bound(store)
    world.run(world.nowMs + 5000)
    t.ok(bound(store) < 300 && bound(store) - before <= 64, 'only what was on its way is bound before the lease has run out')
    t.ok(
      world.runUntil(() => bound(store) === 300, world.nowMs + 40_000),
      `seed ${seed}: ${bound(store)} bound`
    )
    t.not(holder(store), leader)
    t.equal(store.bindings.length, 300)
    const counts = new Map<string, number>()
    for (const { spec } of podsOf(store)) counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1)
    t.ok(
      [...counts.values()].every(count => count <= 33),
      'no node holds more than it has'
    )
  }
})

t.test('two schedulers: the one that does not lead binds nothing', async t => {
  const { world, store, put } = stage(21, [first, second])
  world.runUntil(() => holder(store) !== '', 5000)
  const other = holder(store) === first ? second : first
  put(node('x'))
  world.killActor(holder(store))
  world.run(world.nowMs + 500)
  put(pod('p'))
  world.run(world.nowMs + 8000)
  t.equal(bound(store), 0)
  t.ok(world.lives(other))
  t.ok(world.runUntil(() => bound(store) === 1, world.nowMs + 30_000))
})

t.test('bindings that fail are made again; those that only seemed to, are not', async t => {
  for (const made of [false, true]) {
    for (const code of [403, 500]) {
      const { world, store, put } = stage(31)
      put(node('x', { allocatable: { cpu: '1' } }))
      world.client.tell(api, 'fail', { bindings: 1, code, made })
      put(pod('p', { requests: { cpu: '1' } }))
      t.ok(
        world.runUntil(() => bound(store) === 1, 10_000),
        `${code} ${made}`
      )
      world.run(world.nowMs + 5000)
      t.same(store.bindings, ['default/p x'])
      const failed = messages(store, 'FailedScheduling')
      if (!made) t.same(failed, ['binding rejected: running Bind plugin "DefaultBinder": no'])
      else if (code === 500) t.same([failed, messages(store, 'Scheduled').length], [[], 1], 'it looked')
    }
  }
})

t.test('preemption: victims are told why and deleted, and the pod gets their place', async t => {
  const { world, store, put } = stage(41)
  const important = (name: string, priority: number, parts: PodParts): ApiObject => {
    const object = pod(name, parts)
    return { ...object, spec: { ...object.spec, priority } } as ApiObject
  }
  put(node('x'))
  put(important('low', 1, { requests: { cpu: '3' }, spec: { nodeName: 'x' } }))
  world.run(3000)
  put(important('high', 100, { requests: { cpu: '2' } }))
  t.ok(world.runUntil(() => store.bindings.length === 1, 10_000))
  world.run(world.nowMs + 1000)
  t.same(store.bindings, ['default/high x'])
  t.same(messages(store, 'Preempted'), ['Preempted by pod uid-high on node x'])
  const told = store.changes.map(({ line }) => new TextDecoder().decode(line)).find(line => line.includes('DisruptionTarget'))
  t.match(told, /"reason":"PreemptionByScheduler","message":"default-scheduler: preempting to accommodate a higher priority pod"/)
  t.ok(store.changes.some(({ line }) => new TextDecoder().decode(line).includes('"nominatedNodeName":"x"')))
})

t.test('a leader that is started again goes on at once, its lease still being its own', async t => {
  const { world, store, put } = stage(61)
  put(node('x'))
  t.ok(world.runUntil(() => holder(store) === first, 5000))
  world.killActor(first)
  put(pod('p'))
  const beforeMs = world.nowMs
  world.run(beforeMs + 100)
  world.restart(() => true)
  t.ok(
    world.runUntil(() => bound(store) === 1, beforeMs + 1000),
    `${world.nowMs - beforeMs} ms`
  )
})

t.test('a graceful stop hands the lease over at once', async t => {
  const { world, store, put } = stage(51, [first, second])
  put(node('x'))
  world.runUntil(() => holder(store) !== '', 5000)
  const leader = holder(store)
  world.run(world.nowMs + 3000)
  const beforeMs = world.nowMs
  world.stop(leader, 'update')
  put(pod('p'))
  t.ok(world.runUntil(() => bound(store) === 1, beforeMs + 10_000))
  t.ok(world.nowMs - beforeMs < 3000, `${world.nowMs - beforeMs} ms`)
})
