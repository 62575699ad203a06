import fc from 'fast-check'
import t from 'tap'
import type { Node, Pod } from '../../lib/kinds/index.js'
import {
  type BindDecision,
  Cluster,
  type Decision,
  feasibleNodesToFind,
  Scheduler,
  SchedulingQueue,
  schedule,
  type UnschedulableDecision
} from '../../lib/scheduler/index.js'
import { seededRandom } from '../../lib/std/index.js'
import { clusterOf, info, node, type PodParts, pod } from './fixtures.js'

const newScheduler = (seed = 1): Scheduler => new Scheduler({ random: seededRandom(seed) })
const tainted = (name: string, key: string): Node => node(name, { spec: { taints: [{ key, effect: 'NoSchedule', value: 'v' }] } })
const owned = (object: Pod, priority: number): Pod => ({ ...object, spec: { ...object.spec, priority } })

function unfit(decision: Decision | undefined): UnschedulableDecision {
  if (decision?.kind !== 'unschedulable') throw new Error(`not unschedulable: ${decision?.kind}`)
  return decision
}
function fit(decision: Decision | undefined): BindDecision {
  if (decision?.kind !== 'bind') throw new Error(`not bound: ${decision === undefined ? 'nothing' : JSON.stringify(decision)}`)
  return decision
}

/** What is said of a pod that no node takes. */
function messageOf(parts: PodParts, nodes: readonly Node[], on: Readonly<Record<string, readonly Pod[]>> = {}): string {
  const scheduler = newScheduler()
  for (const one of nodes) scheduler.nodeSet(one, 0)
  for (const [name, placed] of Object.entries(on)) {
    for (const one of placed) scheduler.podSet({ ...one, spec: { ...one.spec, nodeName: name } }, 0)
  }
  scheduler.podSet(pod('new', parts), 0)
  return unfit(scheduler.next(0)).message
}

t.test('the words of FailedScheduling', async t => {
  const big = pod('big', { requests: { cpu: '4' } })
  const afterwards = (counts: string): string => `no new claims to deallocate, preemption: 0/3 nodes are available: ${counts}.`
  const nodes = ['x', 'y', 'z'].map(name => node(name))
  const daemon = {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['x'] }] }]
        }
      }
    }
  }
  const impossible = structuredClone(daemon)
  impossible.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]?.matchFields.push({
    key: 'metadata.name',
    operator: 'In',
    values: ['y']
  })
  const rows: [string, string, string][] = [
    ['no nodes', messageOf({}, []), 'no nodes available to schedule pods'],
    [
      'reasons are counted and sorted as text',
      messageOf({ requests: { cpu: '1' } }, [node('x'), tainted('y', 'k'), tainted('z', 'k')], { x: [big] }),
      `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}. ${afterwards(
        '1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling'
      )}`
    ],
    [
      'what no node has, no preemption can give',
      messageOf({ requests: { cpu: '5' } }, nodes),
      `0/3 nodes are available: 3 Insufficient cpu. ${afterwards('3 Preemption is not helpful for scheduling')}`
    ],
    [
      'two reasons of one node count for both',
      messageOf({ requests: { cpu: '1', memory: '8Gi' } }, nodes, {
        x: [pod('p', { requests: { cpu: '4', memory: '1Gi' } })],
        y: [big],
        z: [pod('q', { requests: { memory: '1Gi' } })]
      }).split('. ')[0] ?? '',
      '0/3 nodes are available: 2 Insufficient cpu, 2 Insufficient memory'
    ],
    [
      'nodes that were ruled out beforehand',
      messageOf({ requests: { cpu: '1' }, spec: daemon }, nodes, { x: [big] }),
      `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. ${afterwards(
        '1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling'
      )}`
    ],
    [
      'all of them',
      messageOf({ spec: impossible }, nodes),
      `0/3 nodes are available: pod affinity terms conflict. ${afterwards('3 Preemption is not helpful for scheduling')}`
    ],
    [
      'a pod that never preempts',
      messageOf({ requests: { cpu: '1' }, spec: { preemptionPolicy: 'Never', priority: 5 } }, [node('x')], { x: [big] }),
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.'
    ]
  ]
  for (const [what, found, want] of rows) t.equal(found, want, what)
})

t.test('the queue: priority, then time; back-off; events; gates', async t => {
  const queue = new SchedulingQueue()
  const names = (nowMs: number): string[] => {
    const found: string[] = []
    for (let next = queue.pop(nowMs); next !== undefined; next = queue.pop(nowMs)) found.push(next.pod.pod.metadata.name as string)
    return found
  }
  const fitPlugin = new Set(['NodeResourcesFit'])
  queue.set(info(pod('a')), 0)
  queue.set(info(pod('b')), 0)
  queue.set(info(owned(pod('c'), 10)), 5)
  t.same(names(5), ['c', 'a', 'b'])
  t.same(queue.counts().taken, 3)

  queue.unschedulable('uid-a', fitPlugin, 100)
  queue.wake(() => false, 150)
  t.same(names(150), [], 'an event that does not help it')
  queue.set(info(pod('a')), 160)
  t.same(names(160), [], 'nor does what did not change')
  queue.wake(() => true, 200)
  t.equal(queue.counts().backOff, 1, 'back-off of 1 s')
  queue.set(info(pod('d')), 200)
  t.same(names(200), ['d', 'a'], 'who backs off is taken when nobody is ready')

  queue.failed('uid-b', 1000)
  t.same(names(1999), [], 'an error is waited out')
  t.equal(queue.dueMs(), 2000)
  t.ok(queue.hasNext(2000))
  t.same(names(2000), ['b'])
  const dues: number[] = []
  for (let nowMs = 2000; dues.length < 5; nowMs = queue.dueMs()) {
    if (dues.length > 0) t.same(names(nowMs), ['b'])
    queue.failed('uid-b', nowMs)
    dues.push(queue.dueMs() - nowMs)
  }
  t.same(dues, [2000, 4000, 8000, 10_000, 10_000], 'doubling up to 10 s')

  queue.delete('uid-b')
  queue.unschedulable('uid-c', fitPlugin, 1_000_000)
  t.equal(queue.dueMs(), 1_300_000)
  t.same(names(1_299_999), [])
  t.same(names(1_300_000), ['c'], 'tried again after five minutes')

  queue.unschedulable('uid-c', fitPlugin, 1_300_000)
  queue.set(info(owned(pod('c', { spec: { tolerations: [{ operator: 'Exists' }] } }), 10)), 1_300_001)
  t.same(names(1_310_000), ['c'], 'what changed of the pod itself may help')
  queue.unschedulable('uid-c', new Set(), 1_310_000)
  queue.wake(() => false, 1_310_000)
  t.same(names(1_310_000), ['c'], 'nothing is known of why: any event is worth a try')

  queue.set(info(pod('g', { spec: { schedulingGates: [{ name: 'wait' }] } })), 2_000_000)
  queue.wake(() => true, 2_000_000)
  t.same(names(2_000_000), [])
  t.equal(queue.counts().gated, 1)
  queue.set(info(pod('g')), 2_000_001)
  t.same(names(2_000_001), ['g'])
})

t.test('a pod is assumed to be where it is being bound, until that fails', async t => {
  const scheduler = newScheduler()
  scheduler.nodeSet(node('x', { allocatable: { cpu: '1' } }), 0)
  const [first, second] = [pod('p', { requests: { cpu: '1' } }), pod('q', { requests: { cpu: '1' } })]
  scheduler.podSet(first, 0)
  scheduler.podSet(second, 1)
  t.equal(fit(scheduler.next(2)).pod.key, 'default/p')
  t.match(unfit(scheduler.next(2)).message, /1 Insufficient cpu/)
  scheduler.podSet(first, 3)
  t.equal(scheduler.next(3), undefined, 'it is not given out twice')
  scheduler.bindFailed('uid-p', 10)
  t.equal(scheduler.cluster.podCount, 0)
  t.equal(fit(scheduler.next(10)).pod.key, 'default/q', 'its place is free at once')
  scheduler.bound('uid-q')
  scheduler.podSet(second, 11)
  t.equal(scheduler.next(11), undefined, 'old news of one that is bound')
  scheduler.podSet({ ...second, spec: { ...second.spec, nodeName: 'x' } }, 20)
  t.equal(scheduler.cluster.placement('uid-q')?.assumed, false)
  t.match(unfit(scheduler.next(1010)).message, /1 Insufficient cpu/, 'the one that failed comes back after its back-off')
  scheduler.podDeleted(second, 2000)
  t.equal(fit(scheduler.next(2000)).pod.key, 'default/p')
  scheduler.podSet({ ...first, spec: { ...first.spec, nodeName: 'x' }, status: { phase: 'Succeeded' } }, 3000)
  t.equal(scheduler.cluster.podCount, 0, 'what is finished needs nothing')
  t.equal(scheduler.queue.size, 0)
})

t.test('a pod deleted while it is being bound is not tried again', async t => {
  const scheduler = newScheduler()
  scheduler.nodeSet(node('x'), 0)
  scheduler.podSet(pod('p'), 0)
  fit(scheduler.next(0))
  scheduler.podSet(pod('p', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), 1)
  scheduler.bindFailed('uid-p', 2)
  t.equal(scheduler.next(100_000), undefined)
  t.equal(scheduler.queue.size, 0)
})

t.test('pods that are not its business', async t => {
  const scheduler = newScheduler()
  scheduler.nodeSet(node('x'), 0)
  scheduler.podSet(pod('other', { spec: { schedulerName: 'mine' } }), 0)
  scheduler.podSet(pod('dying', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), 0)
  scheduler.podSet(pod('gated', { spec: { schedulingGates: [{ name: 'wait' }] } }), 0)
  scheduler.podSet(pod('placed', { spec: { nodeName: 'x' } }), 0)
  t.equal(scheduler.next(0), undefined)
})

t.test('a node that appears is tried at once; a heartbeat is not news', async t => {
  const scheduler = newScheduler()
  scheduler.podSet(pod('p', { requests: { cpu: '6' } }), 0)
  unfit(scheduler.next(0))
  scheduler.nodeSet(node('small'), 1000)
  t.match(unfit(scheduler.next(1000)).message, /1 Insufficient cpu/)
  scheduler.nodeSet(node('small'), 2000)
  scheduler.nodeSet(
    { ...node('small'), metadata: { name: 'small', labels: { 'kubernetes.io/hostname': 'small' }, resourceVersion: '9' } },
    2000
  )
  t.equal(scheduler.next(2000), undefined)
  scheduler.nodeSet(node('large', { allocatable: { cpu: '8' } }), 2000)
  t.equal(fit(scheduler.next(2000)).nodeName, 'large')
})

t.test('preemption: the cheapest victims, and room kept for whom it was made', async t => {
  const scheduler = newScheduler()
  const on = (name: string, nodeName: string, priority: number, cpu: string, startTime: string): Pod => ({
    ...owned(pod(name, { requests: { cpu }, status: { startTime } }), priority),
    spec: { ...owned(pod(name, { requests: { cpu } }), priority).spec, nodeName }
  })
  for (const name of ['x', 'y', 'z']) scheduler.nodeSet(node(name), 0)
  const victims = [
    on('x1', 'x', 5, '4', '2026-01-01T00:00:00Z'),
    on('y1', 'y', 3, '2', '2026-01-01T00:00:00Z'),
    on('y2', 'y', 1, '2', '2026-01-01T00:00:00Z'),
    on('z1', 'z', 3, '2', '2026-01-01T00:00:00Z'),
    on('z2', 'z', 3, '2', '2026-01-02T00:00:00Z')
  ]
  for (const one of victims) scheduler.podSet(one, 0)
  scheduler.podSet(owned(pod('vip', { requests: { cpu: '2' } }), 100), 0)
  const decision = unfit(scheduler.next(0))
  t.same([decision.nominatedNodeName, decision.victims.map(({ key }) => key)], ['y', ['default/y2']], 'the least important victim')
  t.equal(decision.message, '0/3 nodes are available: 3 Insufficient cpu.', 'preemption that helps says nothing')
  t.equal(scheduler.cluster.podCount, 5, 'nothing is removed before it is gone')

  scheduler.podDeleted(victims[2] as Pod, 1)
  scheduler.podSet(owned(pod('thief', { requests: { cpu: '2' } }), 0), 1)
  const order: string[] = []
  for (let next = scheduler.next(2000); next !== undefined; next = scheduler.next(2000)) {
    order.push(`${next.pod.key} ${next.kind === 'bind' ? next.nodeName : next.message.split('. ')[0]}`)
  }
  t.same(order, ['default/vip y', 'default/thief 0/3 nodes are available: 3 Insufficient cpu'])

  // The thief comes while the room is still empty and whom it was made for still backs off.
  const again = newScheduler()
  again.nodeSet(node('x'), 0)
  again.podSet(on('x1', 'x', 1, '4', '2026-01-01T00:00:00Z'), 0)
  again.podSet(owned(pod('vip', { requests: { cpu: '4' } }), 100), 0)
  unfit(again.next(0))
  again.podSet(pod('thief', { requests: { cpu: '4' } }), 0)
  again.podDeleted(on('x1', 'x', 1, '4', ''), 1)
  t.match(unfit(again.next(1)).message, /1 Insufficient cpu/, 'nominated room is taken')
  t.equal(fit(again.next(1)).pod.key, 'default/vip')
})

t.test('large clusters: enough nodes, from where the last search ended', async t => {
  const rows: [number, number, number][] = [
    [10, 0, 10],
    [99, 0, 99],
    [100, 0, 100],
    [1000, 0, 420],
    [5000, 0, 500],
    [6000, 0, 300],
    [1000, 40, 400],
    [1000, 1, 100]
  ]
  for (const [nodes, percentage, want] of rows) t.equal(feasibleNodesToFind(nodes, percentage), want, `${percentage} % of ${nodes}`)
  const cluster = clusterOf(Array.from({ length: 1000 }, (_, i) => node(`n${i}`)))
  const seen = new Set<string>()
  const random = seededRandom(7)
  for (let start = 0, i = 0; i < 3; i++) {
    const { visited, node: chosen } = schedule(info(pod(`p${i}`)), cluster, { random, start })
    t.equal(visited, 420)
    const place = (chosen?.index as number) - start
    t.ok((place + 1000) % 1000 < 420, 'chosen among those it looked at')
    start = (start + visited) % 1000
    seen.add(chosen?.name as string)
  }
  t.equal(seen.size, 3)
})

t.test('nodes are offered zone by turns', async t => {
  const zoned = (name: string, zone: string): Node => node(name, { labels: { 'topology.kubernetes.io/zone': zone } })
  const cluster = clusterOf([zoned('a1', 'a'), zoned('a2', 'a'), zoned('a3', 'a'), zoned('b1', 'b')])
  t.same(
    cluster.nodes.map(({ name }) => name),
    ['a1', 'b1', 'a2', 'a3']
  )
  cluster.deleteNode('a1')
  t.same(
    cluster.nodes.map(({ name, index }) => [name, index]),
    [
      ['a2', 0],
      ['b1', 1],
      ['a3', 2]
    ]
  )
})

t.test('chance decides among equals, and evenly', async t => {
  const cluster = clusterOf(['x', 'y', 'z', 'w'].map(name => node(name)))
  const random = seededRandom(3)
  const counts = new Map<string, number>()
  for (let i = 0; i < 2000; i++) {
    const name = schedule(info(pod('p')), cluster, { random, start: i }).node?.name as string
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  t.equal(counts.size, 4)
  for (const [name, count] of counts) t.ok(count > 400 && count < 600, `${name}: ${count}`)
})

t.test('whatever comes and goes, the books agree with a count from nothing', async t => {
  const names = fc.integer({ min: 0, max: 5 })
  const step = fc.oneof(
    fc.record({ kind: fc.constant('assume' as const), pod: names, node: names, cpu: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('set' as const), pod: names, node: names, cpu: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('forget' as const), pod: names }),
    fc.record({ kind: fc.constant('delete' as const), pod: names }),
    fc.record({ kind: fc.constant('node' as const), node: names, zone: fc.constantFrom('a', 'b') }),
    fc.record({ kind: fc.constant('noNode' as const), node: names })
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const cluster = new Cluster()
      const model = new Map<string, { node: string; cpu: number; assumed: boolean }>()
      const nodes = new Set<string>()
      for (const one of steps) {
        // Asked for in between, so that it is kept up to date from then on.
        for (const group of cluster.groups.all()) cluster.groups.countsBy(group, 'zone')
        if (one.kind === 'assume' || one.kind === 'set') {
          const object = info(pod(`p${one.pod}`, { requests: { cpu: String(one.cpu) }, metadata: { labels: { l: String(one.cpu) } } }))
          if (one.kind === 'assume') cluster.assume(object, `n${one.node}`)
          else cluster.setPod(object, `n${one.node}`)
          model.set(object.uid, { node: `n${one.node}`, cpu: one.cpu, assumed: one.kind === 'assume' })
        } else if (one.kind === 'forget' || one.kind === 'delete') {
          const uid = `uid-p${one.pod}`
          if (one.kind === 'forget') cluster.forget(uid)
          else cluster.deletePod(uid)
          if (one.kind === 'delete' || model.get(uid)?.assumed === true) model.delete(uid)
        } else if (one.kind === 'node') {
          cluster.setNode(node(`n${one.node}`, { labels: { zone: one.zone } }))
          nodes.add(`n${one.node}`)
        } else {
          cluster.deleteNode(`n${one.node}`)
          nodes.delete(`n${one.node}`)
        }
      }
      t.equal(cluster.podCount, model.size)
      t.same(cluster.nodes.map(({ name }) => name).sort(), [...nodes].sort())
      for (const { name, requested, pods } of cluster.nodes) {
        const there = [...model.values()].filter(one => one.node === name)
        t.equal(requested.milliCpu, 1000 * there.reduce((sum, { cpu }) => sum + cpu, 0))
        t.equal(pods.size, there.length)
      }
      const grouped = [...cluster.groups.all()].flatMap(({ nodes: at }) => [...at.values()]).reduce((sum, count) => sum + count, 0)
      t.equal(grouped, model.size)
      for (const group of cluster.groups.all()) {
        const counts = new Map<string, number>()
        for (const [{ facts }, pods] of group.nodes) {
          const zone = facts.labels.zone ?? ''
          counts.set(zone, (counts.get(zone) ?? 0) + pods)
        }
        const kept = [...cluster.groups.countsBy(group, 'zone')].filter(([, pods]) => pods > 0)
        t.same(new Map(kept), counts)
      }
    }),
    { numRuns: 100, seed: 11 }
  )
})
