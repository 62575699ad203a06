import fc from 'fast-check'
import t from 'tap'
import { resources } from '../../lib/client/index.js'
import { planClaim } from '../../lib/controllers/claim.js'
import { desiredAnnotation, maxAnnotation, newReplicaSetAnnotations } from '../../lib/controllers/deployment-annotations.js'
import {
  isScalingEvent,
  planCleanup,
  planRollingUpdate,
  planScale,
  sizeOf,
  totalAvailable,
  totalSize
} from '../../lib/controllers/deployment-plan.js'
import { countedStatus, pausedCondition, rolloutStatus } from '../../lib/controllers/deployment-status.js'
import { desiredEndpoints, planSlices, portsOf } from '../../lib/controllers/endpoint-plan.js'
import { endpointSubsets } from '../../lib/controllers/endpoint-subsets.js'
import { planEviction, stayMs } from '../../lib/controllers/eviction-plan.js'
import { Expectations } from '../../lib/controllers/expectations.js'
import { controllerDefaults } from '../../lib/controllers/index.js'
import { namespaceConditions } from '../../lib/controllers/namespace-plan.js'
import { evictionsPerSecond, heartbeat, lostConditions, plannedTaints, zoneState } from '../../lib/controllers/node-health.js'
import { judge, OwnerGraph } from '../../lib/controllers/owner-graph.js'
import { planPodGc } from '../../lib/controllers/pod-gc-plan.js'
import { nextAvailableMs, planReplicas, replicaSetStatus, slowStart } from '../../lib/controllers/replica-set-plan.js'
import { resolveBounds } from '../../lib/controllers/rollout-bounds.js'
import { sameTemplate, templateHash } from '../../lib/controllers/template-hash.js'
import type { Deployment, EndpointSlice, Node, Pod, ReplicaSet, Service, Taint } from '../../lib/kinds/index.js'
import { type ApiObject, formatTime, type IntOrString } from '../../lib/object/index.js'

const nowMs = 1_767_225_600_000
const now = formatTime(nowMs)
const ago = (seconds: number): string => formatTime(nowMs - seconds * 1000)

interface PodTraits {
  node?: string
  phase?: string
  ready?: number // Seconds ago.
  restarts?: number
  age?: number
  cost?: string
  deleted?: boolean
  labels?: Record<string, string>
  ip?: string
  owner?: string
}

function pod(name: string, traits: PodTraits = {}): Pod {
  const { node = 'n1', phase = 'Running', ready, restarts = 0, age = 100, cost, deleted, labels = { app: 'web' }, ip, owner } = traits
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      creationTimestamp: ago(age),
      labels,
      ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
      ...(deleted === true ? { deletionTimestamp: now } : {}),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: owner, controller: true }] })
    },
    spec: { containers: [{ name: 'c', image: 'i' }], ...(node === '' ? {} : { nodeName: node }) },
    status: {
      phase,
      ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
      conditions:
        ready === undefined ? [{ type: 'Ready', status: 'False' }] : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(ready) }],
      containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: ready !== undefined, restartCount: restarts }]
    }
  }
}

let made = 0
function replicaSet(replicas: number, available = replicas, annotations: Record<string, string> = {}, name = `rs-${++made}`): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: ago(1000 - made), annotations, generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } }
    },
    status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 }
  }
}

function deployment(
  replicas: number,
  maxSurge: IntOrString = '25%',
  maxUnavailable: IntOrString = '25%',
  extra: Partial<Deployment['spec']> = {}
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 1 },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
      ...extra
    }
  }
}

t.test('percentages: surge rounds up, unavailable down, never both nothing', async t => {
  const table: [number, IntOrString, IntOrString, number, number][] = [
    [10, '25%', '25%', 3, 2],
    [3, '25%', '25%', 1, 0],
    [4, '25%', '25%', 1, 1],
    [1, '25%', '25%', 1, 0],
    [10, 0, 0, 0, 1],
    [10, '0%', '0%', 0, 1],
    [2, 0, '10%', 0, 1],
    [5, '100%', '100%', 5, 5],
    [2, 1, 5, 1, 2],
    [0, '25%', '25%', 0, 0],
    [7, '30%', '50%', 3, 3]
  ]
  for (const [replicas, surge, unavailable, maxSurge, maxUnavailable] of table) {
    t.same(resolveBounds(deployment(replicas, surge, unavailable)), { maxSurge, maxUnavailable }, `${replicas}: ${surge}, ${unavailable}`)
  }
  t.same(resolveBounds(deployment(5, 1, 1, { strategy: { type: 'Recreate' } })), { maxSurge: 0, maxUnavailable: 0 })
})

t.test('one step of a rolling update', async t => {
  // [replicas, surge, unavailable, new [size, available], old [size, available]...] → sizes set
  const table: [string, Deployment, [number, number], [number, number][], Record<string, number>][] = [
    ['starts with the surge', deployment(10, 3, 2), [0, 0], [[10, 10]], { new: 3 }],
    ['takes old ones down to what may be missing', deployment(10, 3, 2), [3, 0], [[10, 10]], { old0: 8 }],
    ['then the new one up again', deployment(10, 3, 2), [3, 0], [[8, 8]], { new: 5 }],
    ['nothing while nothing becomes available', deployment(10, 3, 2), [5, 0], [[8, 8]], {}],
    ['old ones go as new ones become available', deployment(10, 3, 2), [5, 3], [[8, 8]], { old0: 5 }],
    [
      'unavailable old ones go first, whatever their age',
      deployment(10, 0, 2),
      [2, 2],
      [
        [4, 4],
        [4, 2]
      ],
      { old1: 2 }
    ],
    ['unready new ones are not counted on', deployment(10, 3, 2), [3, 0], [[10, 5]], { old0: 8 }],
    ['old ones that are to go, and are counted still, are not counted on', deployment(4, 1, 1), [2, 1], [[3, 4]], { old0: 2 }],
    ['the last step', deployment(10, 3, 2), [10, 10], [[1, 1]], { old0: 0 }],
    ['no surge: down first', deployment(3, 0, 1), [0, 0], [[3, 3]], { old0: 2 }],
    ['no surge: then up', deployment(3, 0, 1), [0, 0], [[2, 2]], { new: 1 }],
    ['too large a new one comes down', deployment(2, 1, 0), [5, 5], [[0, 0]], { new: 2 }],
    ['done', deployment(3, 1, 0), [3, 3], [[0, 0]], {}]
  ]
  for (const [name, wanted, [size, available], olds, expected] of table) {
    const newest = replicaSet(size, available)
    const old = olds.map(([oldSize, oldAvailable]) => replicaSet(oldSize, oldAvailable))
    const found: Record<string, number> = {}
    for (const { replicaSet: one, replicas } of planRollingUpdate(wanted, newest, old))
      found[one === newest ? 'new' : `old${old.indexOf(one)}`] = replicas
    t.same(found, expected, name)
  }
})

t.test('a rolling update always arrives, and keeps its bounds on the way', async () => {
  const amount = fc.oneof(
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 0, max: 100 }).map(percent => `${percent}%`)
  )
  const world = fc.record({
    replicas: fc.integer({ min: 1, max: 20 }),
    surge: amount,
    unavailable: amount,
    old: fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 3 }),
    luck: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 200, maxLength: 200 })
  })
  fc.assert(
    fc.property(world, ({ replicas, surge, unavailable, old, luck }) => {
      const wanted = deployment(replicas, surge, unavailable)
      const { maxSurge, maxUnavailable } = resolveBounds(wanted)
      const total = old.reduce((sum, one) => sum + one, 0)
      const sets = old.map(size => replicaSet(size))
      const newest = replicaSet(0)
      const ceiling = Math.max(replicas + maxSurge, total)
      const floor = Math.min(replicas - maxUnavailable, total)
      for (const step of luck) {
        for (const { replicaSet: one, replicas: size } of planRollingUpdate(wanted, newest, sets)) {
          one.spec.replicas = size
          const status = one.status as NonNullable<ReplicaSet['status']>
          status.availableReplicas = Math.min(status.availableReplicas ?? 0, size)
        }
        if (totalSize([...sets, newest]) > ceiling) throw new Error('more pods than desired + maxSurge')
        if (totalAvailable([...sets, newest]) < floor) throw new Error('fewer available than desired - maxUnavailable')
        const status = newest.status as NonNullable<ReplicaSet['status']>
        status.availableReplicas = Math.min(sizeOf(newest), (status.availableReplicas ?? 0) + step)
      }
      return sizeOf(newest) === replicas && totalSize(sets) === 0
    })
  )
})

t.test('a change of size in the middle of a rollout is shared out', async t => {
  const told = (desired: number, max: number) => ({ [desiredAnnotation]: String(desired), [maxAnnotation]: String(max) })
  // Upstream's documented example: 10 replicas, maxSurge 3, maxUnavailable 2, at 8 old and 5 new, scaled to 15.
  const newest = replicaSet(5, 0, told(10, 13))
  const old = replicaSet(8, 8, told(10, 13))
  const grown = deployment(15, 3, 2)
  t.ok(isScalingEvent(grown, [newest, old]))
  t.notOk(isScalingEvent(deployment(10, 3, 2), [newest, old]))
  const sizes = new Map(planScale(grown, newest, [old]).map(({ replicaSet: one, replicas }) => [one, replicas]))
  t.same([sizes.get(old), sizes.get(newest)], [11, 7], '3 of the 5 to the larger, 2 to the other')
  const shrunk = new Map(planScale(deployment(5, 3, 2), newest, [old]).map(({ replicaSet: one, replicas }) => [one, replicas]))
  t.same([shrunk.get(old), shrunk.get(newest)], [5, 3])
  const none = new Map(planScale(deployment(0, 3, 2), newest, [old]).map(({ replicaSet: one, replicas }) => [one, replicas]))
  t.same([none.get(old), none.get(newest)], [0, 0])
  const only = replicaSet(3)
  t.same(planScale(deployment(6), only, [replicaSet(0)]), [{ replicaSet: only, replicas: 6 }], 'one with pods: it gets all')
  const saturated = replicaSet(4, 4, told(4, 5))
  const left = replicaSet(1)
  t.same(planScale(deployment(4), saturated, [left]), [{ replicaSet: left, replicas: 0 }], 'a new one that has all: the others go')
})

t.test('revision annotations, history and its limit', async t => {
  const wanted = {
    ...deployment(4),
    metadata: { ...deployment(4).metadata, annotations: { note: 'x', 'deployment.kubernetes.io/revision': '9' } }
  }
  const first = newReplicaSetAnnotations(wanted, {}, 1, false)
  t.same(first, { note: 'x', 'deployment.kubernetes.io/revision': '1', [desiredAnnotation]: '4', [maxAnnotation]: '5' })
  const again = newReplicaSetAnnotations(wanted, first, 3, true)
  t.match(again, { 'deployment.kubernetes.io/revision': '3', 'deployment.kubernetes.io/revision-history': '1' })
  t.same(newReplicaSetAnnotations(wanted, again, 2, true), again, 'revisions never fall')
  const old = [1, 2, 3].map(revision => replicaSet(0, 0, { revision: String(revision) }))
  const revisionOf = ({ metadata }: ReplicaSet): number => Number(metadata.annotations?.revision)
  t.same(planCleanup(deployment(1, 1, 1, { revisionHistoryLimit: 1 }), old, revisionOf), [old[0], old[1]])
  const busy = replicaSet(1, 1, { revision: '0' })
  t.same(planCleanup(deployment(1, 1, 1, { revisionHistoryLimit: 3 }), [...old, busy], revisionOf), [], 'one with pods is never deleted')
})

t.test('a deployment says how it goes', async t => {
  const bound = { progressDeadlineSeconds: 600 }
  const fresh = deployment(3, 1, 0, bound)
  const newest = replicaSet(3, 0, {}, 'web-1')
  const moving = rolloutStatus(fresh, [newest], newest, nowMs)
  t.match(moving, { replicas: 3, updatedReplicas: 3, unavailableReplicas: 3, observedGeneration: 1 })
  t.match(moving.conditions, [
    { type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable', message: 'Deployment does not have minimum availability.' },
    { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message: 'ReplicaSet "web-1" is progressing.' }
  ])
  t.notOk('availableReplicas' in moving, 'zero is absent, as Go leaves it out')
  const stuck = { ...fresh, status: moving }
  const late = rolloutStatus(stuck, [newest], newest, nowMs + 601_000)
  t.match(late.conditions?.[1], {
    status: 'False',
    reason: 'ProgressDeadlineExceeded',
    message: 'ReplicaSet "web-1" has timed out progressing.'
  })
  t.same(rolloutStatus(stuck, [newest], newest, nowMs + 500_000), moving, 'nothing to say before that')
  const ready = replicaSet(3, 3, {}, 'web-1')
  const done = rolloutStatus(stuck, [ready], ready, nowMs + 5000)
  t.match(done.conditions?.at(-1), { reason: 'NewReplicaSetAvailable', message: 'ReplicaSet "web-1" has successfully progressed.' })
  const dip = replicaSet(3, 2, {}, 'web-1')
  t.match(
    rolloutStatus({ ...fresh, status: done }, [dip], dip, nowMs + 9_000_000).conditions?.find(({ type }) => type === 'Progressing'),
    {
      reason: 'NewReplicaSetAvailable'
    }
  )
  const failing = {
    ...newest,
    status: {
      ...newest.status,
      replicas: 0,
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' }]
    }
  }
  t.match(rolloutStatus(fresh, [failing], failing, nowMs).conditions?.at(-1), { type: 'ReplicaFailure', reason: 'FailedCreate' })
  t.match(pausedCondition(deployment(1, 1, 1, { ...bound, paused: true }), nowMs), {
    status: 'Unknown',
    reason: 'DeploymentPaused',
    message: 'Deployment is paused'
  })
  t.equal(pausedCondition(deployment(1, 1, 1, { paused: true }), nowMs), undefined)
  t.match(countedStatus(deployment(4, 1, 1), [replicaSet(4, 3)], undefined, nowMs).conditions, [{ type: 'Available', status: 'True' }])
})

t.test('templates and their hashes', async t => {
  const { template } = deployment(1).spec
  const labelled = { ...template, metadata: { labels: { 'pod-template-hash': 'x', app: 'web' } } }
  t.ok(sameTemplate(template, labelled))
  t.notOk(sameTemplate(template, { ...template, spec: { containers: [{ name: 'c', image: 'i' }] } }))
  const hash = templateHash(template, undefined)
  t.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
  t.equal(
    templateHash({ spec: template.spec, ...(template.metadata === undefined ? {} : { metadata: template.metadata }) }, undefined),
    hash,
    'order of fields does not count'
  )
  t.not(templateHash(template, 1), hash)
})

t.test('the order in which surplus pods go', async t => {
  const table: [string, Pod, Pod][] = [
    ['unassigned first', pod('b', { node: '', phase: 'Pending' }), pod('a', { phase: 'Pending' })],
    ['pending before running', pod('b', { phase: 'Pending' }), pod('a')],
    ['unknown before running', pod('b', { phase: 'Unknown' }), pod('a')],
    ['unready first', pod('b'), pod('a', { ready: 10 })],
    ['lower cost first', pod('b', { ready: 9999, cost: '-5' }), pod('a', { ready: 10 })],
    ['a malformed cost is none', pod('a', { ready: 10, cost: '-05' }), pod('b', { ready: 10 })],
    ['ready for less long', pod('b', { ready: 10 }), pod('a', { ready: 1000 })],
    ['of one order of magnitude the uid decides', pod('a', { ready: 1000 }), pod('b', { ready: 900 })],
    ['more restarts first', pod('b', { restarts: 3 }), pod('a')],
    ['newer first', pod('b', { age: 10 }), pod('a', { age: 1000 })]
  ]
  for (const [name, first, second] of table) {
    for (const pods of [
      [first, second],
      [second, first]
    ]) {
      t.same(
        planReplicas(replicaSet(1), pods, pods, nowMs).remove.map(({ metadata }) => metadata.name),
        [first.metadata.name],
        name
      )
    }
  }
  const crowd = [pod('a', { ready: 10, node: 'n2' }), pod('b', { ready: 10, node: 'n1' }), pod('c', { ready: 10, node: 'n1' })]
  t.match(planReplicas(replicaSet(2), crowd, crowd, nowMs).remove, [{ metadata: { name: 'b' } }], 'doubled up on a node first')
})

t.test('how many pods to create, in which batches', async t => {
  t.same(planReplicas(replicaSet(5), [pod('a')], [], nowMs), { create: 4, remove: [] })
  t.equal(planReplicas(replicaSet(2000), [], [], nowMs).create, 500)
  t.equal(planReplicas(replicaSet(0), [pod('a'), pod('b')], [], nowMs).remove.length, 2)
  t.same(slowStart(10), [1, 2, 4, 3])
  t.same(slowStart(0), [])
})

t.test('a replica set counts its pods', async t => {
  const set = { ...replicaSet(4), status: { replicas: 0 } }
  set.spec = { ...set.spec, minReadySeconds: 30 }
  const pods = [pod('a', { ready: 100 }), pod('b', { ready: 10 }), pod('c'), pod('d', { ready: 100, labels: {} })]
  t.same(replicaSetStatus(set, pods, undefined, nowMs, now), {
    replicas: 4,
    fullyLabeledReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 2,
    observedGeneration: 1
  })
  t.equal(nextAvailableMs(set, pods, nowMs), nowMs + 20_000)
  const failed = replicaSetStatus(set, [], { reason: 'FailedCreate', message: 'no' }, nowMs, now)
  t.match(failed.conditions, [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no' }])
  t.notOk('conditions' in replicaSetStatus({ ...set, status: failed }, [], undefined, nowMs, now))
})

t.test('claims', async t => {
  const set = replicaSet(1)
  const mine = { owner: set.metadata.uid as string }
  const plan = planClaim(set, [
    pod('kept', mine),
    pod('relabelled', { ...mine, labels: { app: 'other' } }),
    pod('orphan'),
    pod('leaving', { deleted: true }),
    pod('foreign', { owner: 'someone' }),
    pod('unrelated', { labels: {} })
  ])
  const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata.name)
  t.same([names(plan.keep), names(plan.adopt), names(plan.release)], [['kept'], ['orphan'], ['relabelled']])
  const going = { ...set, metadata: { ...set.metadata, deletionTimestamp: now } }
  const none = planClaim(going, [pod('relabelled', { ...mine, labels: {} }), pod('orphan')])
  t.same([none.adopt, none.release], [[], []])
})

t.test('expectations', async t => {
  const expectations = new Expectations()
  t.ok(expectations.satisfied('k', 0))
  expectations.expectCreations('k', 2, 0)
  expectations.creationObserved('k')
  t.notOk(expectations.satisfied('k', 1000))
  t.ok(expectations.satisfied('k', 300_000), 'given up after five minutes')
  expectations.creationObserved('k')
  t.ok(expectations.satisfied('k', 1000))
  expectations.expectDeletion('k', 'u', 0)
  expectations.deletionObserved('k', 'other')
  t.notOk(expectations.satisfied('k', 0))
  expectations.deletionObserved('k', 'u')
  t.ok(expectations.satisfied('k', 0))
})

const service = (extra: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-svc' },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], clusterIP: '127.1.2.3', ...extra }
})
const noNode = (): Node | undefined => undefined

t.test('endpoints and their conditions', async t => {
  const pods = [
    pod('ready', { ready: 1, ip: '127.0.0.1' }),
    pod('unready', { ip: '127.0.0.2' }),
    pod('leaving', { ready: 1, ip: '127.0.0.3', deleted: true }),
    pod('over', { phase: 'Succeeded', ip: '127.0.0.4' }),
    pod('addressless', { ready: 1 }),
    pod('six', { ready: 1, ip: 'fd00::1' })
  ]
  const [group] = desiredEndpoints(service(), pods, noNode, 'IPv4')
  const table = Object.fromEntries((group?.endpoints ?? []).map(({ targetRef, conditions }) => [targetRef?.name, conditions]))
  t.same(table, {
    ready: { ready: true, serving: true, terminating: false },
    unready: { ready: false, serving: false, terminating: false },
    leaving: { ready: false, serving: true, terminating: true }
  })
  t.same(group?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }])
  const all = desiredEndpoints(service({ publishNotReadyAddresses: true }), pods, noNode, 'IPv4')[0]?.endpoints
  t.ok(all?.every(({ conditions }) => conditions?.ready === true))
  t.match(desiredEndpoints(service(), pods, noNode, 'IPv6')[0]?.endpoints, [{ addresses: ['fd00::1'] }])
  const named = service({ ports: [{ port: 80, targetPort: 'web' }] })
  const container = (port: number) => ({
    ...pod('p', { ready: 1, ip: '127.0.0.9' }),
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort: port }] }] }
  })
  t.same(portsOf(named, container(81)), [{ name: '', port: 81, protocol: 'TCP' }])
  t.same(portsOf(named, pod('p')), [])
  t.equal(
    desiredEndpoints(named, [container(81), container(82), pod('p', { ip: '127.0.0.8' })], noNode, 'IPv4').length,
    2,
    'a group for each set of ports'
  )
  const { subsets } = endpointSubsets(service(), pods)
  t.match(subsets, [
    { addresses: [{ ip: '127.0.0.1' }], notReadyAddresses: [{ ip: '127.0.0.2' }], ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }
  ])
  t.equal(subsets[0]?.addresses?.length, 1, 'one that is leaving is in neither')
})

const slice = (name: string, endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default' },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints
})

t.test('slices are filled, corrected and dropped with few writes', async t => {
  const some = (from: number, to: number): Pod[] =>
    Array.from({ length: to - from }, (_, i) => pod(`p${String(from + i).padStart(3, '0')}`, { ready: 1, ip: `127.0.1.${from + i}` }))
  const wanted = (pods: Pod[]) => desiredEndpoints(service(), pods, noNode, 'IPv4')
  const endpoints = (pods: Pod[]) => [...(wanted(pods)[0]?.endpoints ?? [])]
  const sizes = (plan: ReturnType<typeof planSlices>) => [
    plan.create.map(one => one.endpoints.length),
    plan.update.map(one => [one.metadata.name, one.endpoints.length]),
    plan.remove.map(one => one.metadata.name)
  ]
  t.same(sizes(planSlices(wanted(some(0, 250)), [], 100)), [[100, 100, 50], [], []])
  const full = slice('full', endpoints(some(0, 100)))
  const half = slice('half', endpoints(some(100, 150)))
  t.same(sizes(planSlices(wanted(some(0, 150)), [full, half], 100)), [[], [], []], 'nothing to do')
  t.same(sizes(planSlices(wanted(some(0, 160)), [full, half], 100)), [[], [['half', 60]], []])
  t.same(
    sizes(planSlices(wanted(some(5, 155)), [full, half], 100)),
    [[], [['full', 100]], []],
    'the one that is written anyway takes the new ones'
  )
  t.same(sizes(planSlices(wanted(some(0, 100)), [full, half], 100)), [[], [], ['half']])
  t.same(sizes(planSlices([], [full], 100)), [[0], [], ['full']], 'an empty one stays for a service without endpoints')
  const placeholder = { ...slice('none', []), ports: [] }
  t.same(sizes(planSlices([], [placeholder], 100)), [[], [], []])
})

const node = (conditions: Record<string, string>, taints: Taint[] = [], unschedulable = false): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', uid: 'u', creationTimestamp: ago(1000) },
  spec: { taints, ...(unschedulable ? { unschedulable } : {}) },
  status: {
    conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, lastHeartbeatTime: now, lastTransitionTime: now }))
  }
})

t.test('what a node says of itself, and what is said of it', async t => {
  const keys = (taints: readonly Taint[]) => taints.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`)
  t.same(keys(plannedTaints(node({ Ready: 'True' }), false, nowMs)), [])
  t.same(keys(plannedTaints(node({ Ready: 'False' }), true, nowMs)), ['not-ready:NoSchedule', 'not-ready:NoExecute'])
  t.same(keys(plannedTaints(node({ Ready: 'Unknown' }), false, nowMs)), ['unreachable:NoSchedule'], 'no token, no eviction')
  t.same(keys(plannedTaints(node({ Ready: 'True', MemoryPressure: 'True' }, [], true), true, nowMs)), [
    'memory-pressure:NoSchedule',
    'unschedulable:NoSchedule'
  ])
  const own: Taint = { key: 'team', effect: 'NoExecute' }
  const before: Taint[] = [own, { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute', timeAdded: ago(5) }]
  t.same(plannedTaints(node({ Ready: 'True' }, before), true, nowMs), [own], 'recovered: ours go, others stay')
  const same = node({ Ready: 'True' }, [own])
  t.equal(plannedTaints(same, true, nowMs), same.spec?.taints)
  const lost = lostConditions(node({ Ready: 'True', DiskPressure: 'False' }), nowMs)
  t.match(
    lost.find(({ type }) => type === 'Ready'),
    { status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' }
  )
  t.match(
    lost.find(({ type }) => type === 'PIDPressure'),
    { status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' }
  )
  const again = { ...node({}), status: { conditions: [...lost] } }
  t.equal(lostConditions(again, nowMs), again.status.conditions)
})

t.test('signs of life', async t => {
  const alive = node({ Ready: 'True' })
  const first = heartbeat(undefined, alive, 'r1', 0)
  t.equal(heartbeat(first, alive, 'r1', 5), first, 'silence')
  t.equal(heartbeat(first, alive, 'r2', 5).seenMs, 5, 'a renewed lease')
  t.equal(heartbeat(first, node({ Ready: 'False' }), 'r1', 6).seenMs, 6, 'a status')
  const givenUp = node({ Ready: 'Unknown' })
  t.equal(heartbeat(first, givenUp, 'r1', 7), first, 'what the controller wrote itself is no sign')
  t.equal(heartbeat(first, givenUp, 'r2', 8).seenMs, 8)
})

t.test('zones', async t => {
  t.same(
    [
      [0, 3],
      [5, 2],
      [2, 3],
      [1, 3],
      [0, 0]
    ].map(([ready, not]) => zoneState(ready as number, not as number, 0.55)),
    ['FullDisruption', 'Normal', 'PartialDisruption', 'PartialDisruption', 'Normal']
  )
  const rate = (state: 'Normal' | 'PartialDisruption' | 'FullDisruption', allFull: boolean, nodes: number) =>
    evictionsPerSecond(state, allFull, nodes, controllerDefaults)
  t.same(
    [
      rate('Normal', false, 3),
      rate('PartialDisruption', false, 3),
      rate('PartialDisruption', false, 51),
      rate('FullDisruption', false, 3),
      rate('FullDisruption', true, 3)
    ],
    [0.1, 0, 0.01, 0.1, 0]
  )
})

t.test('how long a pod may stay on a tainted node', async t => {
  const taint = (key: string, value?: string): Taint => ({ key, effect: 'NoExecute', ...(value === undefined ? {} : { value }) })
  const with_ = (tolerations: NonNullable<Pod['spec']['tolerations']>): Pod => ({ ...pod('p'), spec: { containers: [], tolerations } })
  const never = Number.POSITIVE_INFINITY
  const table: [string, Pod, Taint[], number][] = [
    ['no taint', with_([]), [], never],
    ['not tolerated', with_([]), [taint('a')], 0],
    ['NoSchedule does not evict', with_([]), [{ key: 'a', effect: 'NoSchedule' }], never],
    ['for ever', with_([{ key: 'a', operator: 'Exists' }]), [taint('a')], never],
    ['for five minutes', with_([{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }]), [taint('a')], 300_000],
    [
      'the shortest that is used',
      with_([
        { key: 'a', operator: 'Exists', tolerationSeconds: 300 },
        { operator: 'Exists', tolerationSeconds: 60 }
      ]),
      [taint('a')],
      60_000
    ],
    ['one taint of two', with_([{ key: 'a', operator: 'Exists' }]), [taint('a'), taint('b')], 0],
    ['another value', with_([{ key: 'a', value: 'x' }]), [taint('a', 'y')], 0],
    ['that value', with_([{ key: 'a', value: 'x' }]), [taint('a', 'x')], never],
    ['less than none is none', with_([{ key: 'a', operator: 'Exists', tolerationSeconds: -1 }]), [taint('a')], 0]
  ]
  for (const [name, subject, taints, expected] of table) t.equal(stayMs(subject, taints), expected, name)
  const patient = with_([{ key: 'a', operator: 'Exists', tolerationSeconds: 300 }])
  t.same(planEviction(patient, [taint('a')], undefined, 1000), { sinceMs: 1000, atMs: 301_000 })
  t.same(
    planEviction(patient, [taint('a')], { sinceMs: 1000, atMs: 301_000 }, 200_000),
    { sinceMs: 1000, atMs: 301_000 },
    'no more time for waiting'
  )
  t.equal(planEviction(patient, [], { sinceMs: 1000, atMs: 301_000 }, 2000), undefined, 'the taint is gone in time')
})

const owned = (name: string, owners: { uid: string; block?: boolean }[] = [], extra: Partial<ApiObject['metadata']> = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    ownerReferences: owners.map(({ uid, block = false }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: uid,
      uid,
      blockOwnerDeletion: block
    })),
    ...extra
  }
})

t.test('the graph of owners', async t => {
  const graph = new OwnerGraph()
  const see = (object: ApiObject) => graph.observed(object, resources.configMaps)
  t.same(see(owned('owner')), { examine: [], orphan: [] })
  t.same(see(owned('child', [{ uid: 'owner', block: true }])), { examine: [], orphan: [] })
  t.same(see(owned('stray', [{ uid: 'nobody' }])).examine, ['stray'], 'an owner that is not known is looked for')
  const deleting = { deletionTimestamp: now, finalizers: ['foregroundDeletion'] }
  t.same(see(owned('owner', [], deleting)).examine, ['child', 'owner'])
  t.same(
    graph.blockingDependentsOf('owner').map(({ uid }) => uid),
    ['child']
  )
  t.same(see(owned('child', [{ uid: 'owner' }])).examine, ['owner'], 'it does not block any more')
  t.same(graph.blockingDependentsOf('owner'), [])
  t.same(see(owned('other', [], { deletionTimestamp: now, finalizers: ['orphan'] })).orphan, ['other'])
  t.same(graph.gone('owner').examine, ['child'])
  t.same(graph.gone('child'), { examine: [], orphan: [] })
  t.equal(graph.gone('unknown').examine.length, 0)
})

t.test('what becomes of an object whose owners are gone', async t => {
  const two = owned('x', [{ uid: 'a' }, { uid: 'b' }])
  t.equal(judge(owned('x'), [], false).action, 'keep')
  t.equal(judge(two, ['solid', 'solid'], false).action, 'keep')
  t.match(judge(two, ['gone', 'solid'], false), { action: 'release', owners: [{ uid: 'b' }] })
  t.match(judge(two, ['gone', 'gone'], false), { action: 'delete', propagationPolicy: 'Background' })
  t.match(judge(two, ['waiting', 'gone'], true), { action: 'delete', propagationPolicy: 'Foreground' })
  t.match(judge(two, ['waiting', 'gone'], false), { action: 'delete', propagationPolicy: 'Background' })
  t.match(judge({ ...two, metadata: { ...two.metadata, finalizers: ['orphan'] } }, ['gone', 'gone'], true), { propagationPolicy: 'Orphan' })
})

t.test('pods that nobody else cleans up', async t => {
  const pods = [
    pod('old', { phase: 'Succeeded', age: 100 }),
    pod('older', { phase: 'Failed', age: 200 }),
    pod('new', { phase: 'Succeeded', age: 1 }),
    pod('lost', { node: 'gone' }),
    pod('hanging', { node: '', deleted: true }),
    pod('waiting', { node: '' })
  ]
  const doomed = planPodGc(pods, 1, name => name === 'gone').map(({ pod: one, why }) => [one.metadata.name, why])
  t.same(doomed, [
    ['older', 'terminated'],
    ['old', 'terminated'],
    ['lost', 'orphaned'],
    ['hanging', 'unscheduled']
  ])
  t.equal(planPodGc(pods, 0, () => false).filter(({ why }) => why === 'terminated').length, 0, 'no threshold, no limit')
})

t.test('what a namespace that is being deleted says', async t => {
  const podKind = { ...resources.pods, verbs: [] }
  const held = { ...pod('p'), metadata: { name: 'p', finalizers: ['example.com/hold'] } }
  const busy = namespaceConditions(
    undefined,
    { discoveryFailures: [], deletionFailures: [], remaining: [{ resource: podKind, objects: [pod('a'), held] }] },
    nowMs
  )
  t.match(
    busy.find(({ type }) => type === 'NamespaceContentRemaining'),
    { status: 'True', reason: 'SomeResourcesRemain', message: 'Some resources are remaining: pods. has 2 resource instances' }
  )
  t.match(
    busy.find(({ type }) => type === 'NamespaceFinalizersRemaining'),
    { status: 'True', message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances' }
  )
  t.match(
    busy.find(({ type }) => type === 'NamespaceDeletionDiscoveryFailure'),
    { status: 'False', reason: 'ResourcesDiscovered' }
  )
  const empty = namespaceConditions(busy, { discoveryFailures: [], deletionFailures: [], remaining: [] }, nowMs + 5000)
  t.match(
    empty.find(({ type }) => type === 'NamespaceContentRemaining'),
    { status: 'False', reason: 'ContentRemoved', lastTransitionTime: formatTime(nowMs + 5000) }
  )
  t.equal(namespaceConditions(empty, { discoveryFailures: [], deletionFailures: [], remaining: [] }, nowMs + 9000), empty)
})
