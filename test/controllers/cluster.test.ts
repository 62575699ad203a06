import t from 'tap'
import { type ControllerManagerArgs, controllerManager } from '../../actors/controller-manager.js'
import type { Flow, Ref } from '../../lib/actor/index.js'
import { ApiClient, type ApiRef, type Resource, resources } from '../../lib/client/index.js'
import type { Deployment, EndpointSlice, Endpoints, Event, Namespace, Node, Pod, ReplicaSet } from '../../lib/kinds/index.js'
import { type ApiObject, controllerOf } from '../../lib/object/index.js'
import { World } from '../../lib/sim/index.js'
import { integerBelow } from '../../lib/std/index.js'
import { fakeApiserver, History } from '../client/fake-api.js'
import { type FakeNodeArgs, type FakeNodeProtocol, fakeNode } from './fake-node.js'

interface ClusterOptions {
  readonly seed: number
  readonly managers?: number
  readonly manager?: Partial<ControllerManagerArgs>
  readonly node?: Partial<FakeNodeArgs>
}

class Cluster {
  readonly world: World
  readonly history = new History()
  readonly apiservers = ['control-0/apiserver', 'control-1/apiserver'] as unknown as ApiRef[]

  constructor({ seed, managers = 1, manager, node }: ClusterOptions) {
    this.world = new World({ seed })
    for (const address of this.apiservers) this.world.start(address, fakeApiserver(this.history))
    this.world.run(30)
    this.call(function* (client) {
      for (const name of ['default', 'kube-system', 'kube-node-lease']) {
        yield* client.create(resources.namespaces, {
          metadata: { name },
          spec: { finalizers: ['kubernetes'] },
          status: { phase: 'Active' }
        })
      }
    })
    for (let i = 0; i < managers; i++) {
      this.world.start(`control-${i}/controller-manager`, controllerManager, { apiservers: this.apiservers, ...manager })
    }
    this.world.start('worker/node', fakeNode, { apiservers: this.apiservers, nodes: ['n1', 'n2', 'n3'], ...node })
    this.until('controllers run', () => this.all(resources.serviceAccounts).length === 3)
  }

  all<T extends ApiObject>(resource: Resource<T>): T[] {
    return this.history.all(resource)
  }

  call<R>(work: (client: ApiClient) => Flow<R>): R {
    const pending = this.world.client.run(ctx => work(new ApiClient(ctx, { apiservers: this.apiservers })))
    if (!this.world.runUntil(() => pending.done, this.world.nowMs + 60_000)) throw new Error('no answer')
    return pending.value as R
  }

  /** Runs until then, and says how long it took. */
  until(what: string, predicate: () => boolean, limitMs = 60_000): number {
    const fromMs = this.world.nowMs
    if (!this.world.runUntil(predicate, fromMs + limitMs)) throw new Error(`not in ${limitMs} ms: ${what}`)
    return this.world.nowMs - fromMs
  }

  deployment(name: string, spec: Partial<Deployment['spec']> = {}, image = 'nginx'): Omit<Deployment, 'apiVersion' | 'kind'> {
    return {
      metadata: { name, namespace: 'default' },
      spec: {
        replicas: 3,
        progressDeadlineSeconds: 600,
        revisionHistoryLimit: 2,
        selector: { matchLabels: { app: name } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image }] } },
        ...spec
      }
    }
  }

  create(deployment: Omit<Deployment, 'apiVersion' | 'kind'>): void {
    const result = this.call(client => client.create(resources.deployments, deployment))
    if (!result.ok) throw new Error(result.error.message)
  }

  patch(name: string, spec: object): void {
    this.call(client => client.patch(resources.deployments, { namespace: 'default', name }, { spec }))
  }

  reason(name: string, type = 'Progressing'): string | undefined {
    const found = this.all(resources.deployments).find(({ metadata }) => metadata.name === name)
    const { observedGeneration } = found?.status ?? {}
    if (observedGeneration !== found?.metadata.generation) return undefined
    return found?.status?.conditions?.find(condition => condition.type === type)?.reason
  }

  complete(name: string): boolean {
    const { spec, status } = this.all(resources.deployments).find(({ metadata }) => metadata.name === name) ?? {}
    const counts = [status?.updatedReplicas, status?.availableReplicas, status?.replicas]
    return this.reason(name) === 'NewReplicaSetAvailable' && counts.every(count => (count ?? 0) === spec?.replicas)
  }

  images(): string[] {
    return this.all<Pod>(resources.pods)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ spec }) => spec.containers[0]?.image ?? '')
  }
}

const setImage = (name: string, image: string) => ({
  template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image }] } }
})

t.test('a deployment is rolled out cold in well under a second, by two controllers that were not there', async t => {
  const cluster = new Cluster({ seed: 1 })
  const { world } = cluster
  t.notOk(world.lives('control-0/deployment-controller'))
  t.notOk(world.lives('control-0/replicaset-controller'))
  cluster.create(cluster.deployment('web'))
  const tookMs = cluster.until('rolled out', () => cluster.complete('web'))
  t.ok(tookMs < 200, `rolled out in ${tookMs.toFixed(1)} ms of virtual time, starts of threads included`)
  t.ok(world.lives('control-0/replicaset-controller'))
  t.notOk(world.lives('control-0/endpointslice-controller'), 'nobody asked for it')
  const [replicaSet] = cluster.all<ReplicaSet>(resources.replicaSets)
  t.match(replicaSet?.metadata.annotations, { 'deployment.kubernetes.io/revision': '1', 'deployment.kubernetes.io/desired-replicas': '3' })
  t.match(replicaSet?.status, { replicas: 3, readyReplicas: 3, availableReplicas: 3 })
  t.equal(cluster.all(resources.deployments)[0]?.metadata.annotations?.['deployment.kubernetes.io/revision'], '1')
  world.run(world.nowMs + 1000)
  const messages = cluster.all<Event>(resources.events).map(({ reason, message }) => `${reason}: ${message}`)
  t.ok(messages.includes(`ScalingReplicaSet: Scaled up replica set ${replicaSet?.metadata.name} from 0 to 3`))
  t.equal(messages.filter(message => message.startsWith('SuccessfulCreate: Created pod: web-')).length, 3)
  t.equal(
    cluster.history.events.filter(({ collection, type }) => collection === '/pods' && type === 'ADDED').length,
    3,
    'not one pod too many'
  )
  const before = cluster.history.events.filter(({ collection }) => collection !== 'coordination.k8s.io/leases').length
  world.run(world.nowMs + 120_000)
  const after = cluster.history.events.filter(({ collection }) => collection !== 'coordination.k8s.io/leases').length
  t.equal(after, before, 'at rest nothing is written')
})

t.test('what was done and is not seen yet is not done again', async t => {
  const cluster = new Cluster({ seed: 11 })
  cluster.history.lag = { collection: '/pods', ms: 300 }
  cluster.create(cluster.deployment('web', { replicas: 6 }))
  cluster.until('rolled out', () => cluster.complete('web'))
  cluster.patch('web', { replicas: 2 })
  cluster.until('scaled', () => cluster.complete('web'))
  const pods = cluster.history.events.filter(({ collection }) => collection === '/pods')
  t.equal(pods.filter(({ type }) => type === 'ADDED').length, 6)
  cluster.until('four are gone', () => cluster.all(resources.pods).length === 2)
  cluster.world.run(cluster.world.nowMs + 5000)
  t.equal(cluster.history.events.filter(({ collection, type }) => collection === '/pods' && type === 'DELETED').length, 4)
  t.equal(cluster.all(resources.replicaSets).length, 1)
})

t.test('rolling update, undo, history, pause, scale', async t => {
  const cluster = new Cluster({ seed: 2, node: { readyMs: 50 } })
  cluster.create(cluster.deployment('web', { replicas: 4 }, 'v1'))
  cluster.until('v1', () => cluster.complete('web'))
  let mostPods = 0
  let fewestReady = 4
  const watchPods = (): void => {
    const pods = cluster.all<Pod>(resources.pods).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const ready = pods.filter(
      ({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
    )
    mostPods = Math.max(mostPods, pods.length)
    fewestReady = Math.min(fewestReady, ready.length)
  }
  for (const image of ['v2', 'v3', 'v4', 'v5']) {
    cluster.patch('web', setImage('web', image))
    cluster.until(image, () => {
      watchPods()
      return cluster.complete('web') && cluster.images().length === 4
    })
    t.same(cluster.images(), [image, image, image, image])
  }
  t.equal(mostPods, 5, 'desired + maxSurge')
  t.equal(fewestReady, 3, 'desired - maxUnavailable')
  cluster.until('history', () => cluster.all(resources.replicaSets).length === 3)
  const revisions = (): string[] =>
    cluster
      .all<ReplicaSet>(resources.replicaSets)
      .map(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'] ?? '')
      .sort()
  t.same(revisions(), ['3', '4', '5'], 'two old ones are kept')

  cluster.patch('web', setImage('web', 'v4')) // What kubectl rollout undo does.
  cluster.until('undo', () => cluster.complete('web') && cluster.images().every(image => image === 'v4'))
  t.same(revisions(), ['3', '5', '6'], 'the old replica set is the newest again')

  cluster.patch('web', { paused: true })
  cluster.until('paused', () => cluster.reason('web') === 'DeploymentPaused')
  cluster.patch('web', { replicas: 6, ...setImage('web', 'v7') })
  cluster.until('scaled while paused', () => cluster.images().length === 6)
  cluster.world.run(cluster.world.nowMs + 2000)
  t.same(new Set(cluster.images()), new Set(['v4']), 'a paused one scales and does not roll')
  cluster.patch('web', { paused: false })
  cluster.until('resumed', () => cluster.complete('web') && cluster.images().every(image => image === 'v7'))
})

t.test('Recreate: never both at once', async t => {
  const cluster = new Cluster({ seed: 3, node: { readyMs: 20 } })
  cluster.create(cluster.deployment('web', { strategy: { type: 'Recreate' } }, 'v1'))
  cluster.until('v1', () => cluster.complete('web'))
  cluster.patch('web', setImage('web', 'v2'))
  let mixed = false
  cluster.until('v2', () => {
    mixed ||= new Set(cluster.all<Pod>(resources.pods).map(({ spec }) => spec.containers[0]?.image)).size > 1
    return cluster.complete('web') && cluster.images().every(image => image === 'v2')
  })
  t.notOk(mixed, 'deleted ones that are not gone count')
})

t.test('a rollout that cannot succeed keeps what works, and says so in time', async t => {
  const cluster = new Cluster({ seed: 4, node: { broken: 'bad' } })
  cluster.create(cluster.deployment('web', { progressDeadlineSeconds: 60 }, 'good'))
  cluster.until('good', () => cluster.complete('web'))
  cluster.patch('web', setImage('web', 'bad'))
  const tookMs = cluster.until('deadline', () => cluster.reason('web') === 'ProgressDeadlineExceeded', 200_000)
  t.ok(tookMs >= 59_000 && tookMs < 64_000, `after ${tookMs} ms`)
  t.same(cluster.images().sort(), ['bad', 'good', 'good', 'good'])
  cluster.patch('web', setImage('web', 'good'))
  cluster.until('undone', () => cluster.complete('web') && cluster.images().length === 3)
})

t.test('services: slices and endpoints follow pods', async t => {
  const cluster = new Cluster({ seed: 5 })
  cluster.create(cluster.deployment('web'))
  const service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], clusterIP: '127.2.0.9' }
  }
  cluster.call(client => client.create(resources.services, service))
  const slices = (): EndpointSlice[] => cluster.all<EndpointSlice>(resources.endpointSlices)
  const endpoints = (): Endpoints | undefined => cluster.all<Endpoints>(resources.endpoints)[0]
  const ready = (): number =>
    slices()
      .flatMap(slice => slice.endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true).length
  cluster.until('three ready', () => ready() === 3 && endpoints()?.subsets?.[0]?.addresses?.length === 3)
  t.equal(slices().length, 1)
  t.match(slices()[0]?.metadata, {
    labels: { 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
    ownerReferences: [{ kind: 'Service', name: 'web' }]
  })
  cluster.patch('web', { replicas: 0 })
  cluster.until(
    'none',
    () => ready() === 0 && (endpoints()?.subsets ?? []).length === 0 && slices().every(slice => (slice.endpoints ?? []).length === 0)
  )
  t.equal(slices().length, 1, 'an empty slice stays')
  cluster.call(client => client.delete(resources.services, service.metadata))
  cluster.until('gone', () => slices().length === 0 && endpoints() === undefined)
})

t.test('endpoints follow although what was written last is not seen yet', async () => {
  const cluster = new Cluster({ seed: 5 })
  cluster.create(cluster.deployment('web'))
  const metadata = { name: 'web', namespace: 'default' }
  const service = { metadata, spec: { selector: { app: 'web' }, ports: [{ port: 80 }], clusterIP: '127.2.0.9' } }
  cluster.call(client => client.create(resources.services, service))
  const addresses = (): number => cluster.all<Endpoints>(resources.endpoints)[0]?.subsets?.[0]?.addresses?.length ?? 0
  cluster.until('three', () => addresses() === 3)
  cluster.world.run(cluster.world.nowMs + 1000)
  cluster.history.lag = { collection: '/endpoints', ms: 300 }
  const [pod] = cluster.all<Pod>(resources.pods)
  const say = (status: string): void => {
    const conditions = (pod?.status?.conditions ?? []).map(condition => (condition.type === 'Ready' ? { ...condition, status } : condition))
    cluster.call(client => client.patch(resources.pods, pod?.metadata ?? {}, { status: { conditions } }, { subresource: 'status' }))
  }
  say('False')
  cluster.until('two', () => addresses() === 2)
  say('True')
  cluster.until('three again', () => addresses() === 3, 5_000)
  cluster.call(client => client.delete(resources.services, metadata))
  cluster.until('gone', () => cluster.all(resources.endpoints).length === 0)
  cluster.call(client => client.create(resources.services, service))
  cluster.until('there', () => addresses() === 3)
  cluster.call(client => client.delete(resources.services, metadata)) // Before its endpoints are seen.
  cluster.until('gone again', () => cluster.all(resources.endpoints).length === 0, 5_000)
})

t.test('Endpoints whose service went while no controller ran are deleted, and those of others stay', async t => {
  const cluster = new Cluster({ seed: 21 })
  const named = (name: string, labels: Record<string, string>): Endpoints => ({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name, namespace: 'default', labels }
  })
  cluster.call(function* (client) {
    yield* client.create(resources.endpoints, named('left', { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' }))
    yield* client.create(resources.endpoints, named('own', {}))
  })
  cluster.until('the one left over is gone', () => cluster.all(resources.endpoints).every(({ metadata }) => metadata.name === 'own'))
  t.equal(cluster.all(resources.endpoints).length, 1)
})

t.test('garbage: background, foreground, orphan', async t => {
  for (const propagationPolicy of ['Background', 'Foreground', 'Orphan']) {
    const cluster = new Cluster({ seed: 6 })
    cluster.create(cluster.deployment('web'))
    cluster.until('rolled out', () => cluster.complete('web'))
    let deploymentGoneFirst = false
    cluster.call(client => client.delete(resources.deployments, { namespace: 'default', name: 'web' }, { propagationPolicy }))
    const count = (resource: Resource): number => cluster.all(resource).length
    cluster.until('the deployment is gone', () => count(resources.deployments) === 0)
    deploymentGoneFirst = count(resources.replicaSets) > 0
    if (propagationPolicy === 'Orphan') {
      cluster.world.run(cluster.world.nowMs + 10_000)
      t.equal(count(resources.pods), 3)
      t.equal(controllerOf(cluster.all(resources.replicaSets)[0] as ReplicaSet), undefined, 'orphaned, and on its own')
      continue
    }
    t.equal(deploymentGoneFirst, propagationPolicy === 'Background', `${propagationPolicy}: in that order`)
    const tookMs = cluster.until('all gone', () => count(resources.replicaSets) === 0 && count(resources.pods) === 0)
    t.ok(tookMs < 3000, `${propagationPolicy}: ${tookMs} ms`)
  }
})

t.test('an owner that is not known yet is looked for before its dependent is deleted', async t => {
  const cluster = new Cluster({ seed: 12 })
  cluster.create(cluster.deployment('web'))
  cluster.until('the collector runs', () => cluster.world.lives('control-0/garbage-collector'))
  cluster.world.run(cluster.world.nowMs + 1000)
  cluster.history.lag = { collection: '/configmaps', ms: 5000 }
  const make = (name: string, ownerReferences: object[]) => ({ metadata: { namespace: 'default', name, ownerReferences } }) as never
  const owner = cluster.call(client => client.create(resources.configMaps, make('owner', [])))
  const uid = owner.ok ? owner.value.metadata.uid : ''
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner' }
  cluster.call(client => client.create(resources.secrets, make('child', [{ ...reference, uid }])))
  cluster.call(client => client.create(resources.secrets, make('stray', [{ ...reference, uid: 'of another life' }])))
  cluster.call(client =>
    client.create(
      resources.secrets,
      make('shared', [
        { ...reference, uid },
        { ...reference, uid: 'gone' }
      ])
    )
  )
  const left = (): (string | undefined)[] =>
    cluster
      .all(resources.secrets)
      .map(({ metadata }) => metadata.name)
      .sort()
  cluster.until('the stray one goes', () => !left().includes('stray'), 2000)
  cluster.until('a reference to nobody goes', () =>
    cluster.all(resources.secrets).every(({ metadata }) => metadata.ownerReferences?.length === 1)
  )
  cluster.world.run(cluster.world.nowMs + 10_000)
  t.same(left(), ['child', 'shared'])
  cluster.history.lag = undefined
  cluster.call(client => client.delete(resources.configMaps, { namespace: 'default', name: 'owner' }))
  cluster.until('its dependents go with it', () => left().length === 0, 3000)
})

t.test('a namespace goes with all that is in it, pods first', async t => {
  const cluster = new Cluster({ seed: 7 })
  cluster.create(cluster.deployment('web'))
  cluster.until('rolled out', () => cluster.complete('web'))
  cluster.call(client =>
    client.create(resources.configMaps, { metadata: { namespace: 'default', name: 'c', finalizers: ['example.com/hold'] } })
  )
  cluster.call(client => client.delete(resources.namespaces, { name: 'default' }))
  const namespace = (): Namespace | undefined =>
    cluster.all<Namespace>(resources.namespaces).find(({ metadata }) => metadata.name === 'default')
  const inside = (): string[] => [...cluster.history.objects.keys()].filter(key => key.includes('/default/'))
  cluster.until('only what is held is left', () => inside().every(key => key.startsWith('/configmaps/') || key.startsWith('/events/')))
  cluster.until(
    'says so',
    () => namespace()?.status?.conditions?.some(({ type, status }) => type === 'NamespaceFinalizersRemaining' && status === 'True') === true
  )
  t.equal(namespace()?.status?.phase, 'Terminating')
  cluster.call(client => client.patch(resources.configMaps, { namespace: 'default', name: 'c' }, { metadata: { finalizers: null } }))
  cluster.until('gone', () => namespace() === undefined)
  t.same(inside(), [])
})

t.test('a silent node: Unknown, tainted, its pods unready, then evicted; all of it undone when it is back', async t => {
  const cluster = new Cluster({ seed: 8 })
  const { world } = cluster
  const toleration = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 })
  const base = cluster.deployment('web')
  const tolerations = [toleration('node.kubernetes.io/unreachable'), toleration('node.kubernetes.io/not-ready')]
  cluster.create({
    ...base,
    spec: { ...base.spec, template: { ...base.spec.template, spec: { ...base.spec.template.spec, tolerations } } }
  })
  cluster.until('rolled out', () => cluster.complete('web'))
  const node = (name = 'n1'): Node | undefined => cluster.all<Node>(resources.nodes).find(({ metadata }) => metadata.name === name)
  const ready = (): string | undefined => node()?.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  const on = (name: string): Pod[] => cluster.all<Pod>(resources.pods).filter(({ spec }) => spec.nodeName === name)
  t.equal(on('n1').length, 1)
  const silence = (names: string[]): void => world.client.tell('worker/node' as Ref<FakeNodeProtocol>, 'silence', names)
  world.run(world.nowMs + 30_000)
  silence(['n1'])
  const lostMs = cluster.until('Unknown', () => ready() === 'Unknown', 120_000)
  t.ok(lostMs >= 30_000 && lostMs <= 50_100, `grace period after its last heartbeat: ${lostMs} ms`)
  cluster.until(
    'tainted',
    () => (node()?.spec?.taints ?? []).some(({ effect, key }) => effect === 'NoExecute' && key === 'node.kubernetes.io/unreachable'),
    1000
  )
  cluster.until(
    'its pod is not ready',
    () => on('n1').every(({ status }) => status?.conditions?.every(({ status: is }) => is !== 'True') === true),
    1000
  )
  const told = (): number => cluster.history.events.filter(({ collection }) => collection === '/pods').length
  const before = told()
  const [lost] = on('n1')
  cluster.call(client =>
    client.patch(
      resources.pods,
      lost?.metadata ?? {},
      { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      { subresource: 'status' }
    )
  )
  world.run(world.nowMs + 10_000)
  t.equal(told(), before + 1, 'a kubelet that says otherwise is not contradicted again and again')
  const evictedMs = cluster.until('evicted', () => on('n1').every(({ metadata }) => metadata.deletionTimestamp !== undefined), 60_000)
  t.ok(evictedMs >= 18_000 && evictedMs <= 21_000, `after tolerationSeconds of the cluster's clock: ${evictedMs} ms`)
  t.match(
    on('n1')[0]?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget'),
    { status: 'True', reason: 'DeletionByTaintManager' }
  )
  cluster.until('replaced elsewhere', () => on('n2').length + on('n3').length === 3 && cluster.complete('web'))
  silence([])
  cluster.until('Ready again, without taints', () => ready() === 'True' && (node()?.spec?.taints ?? []).length === 0)
  cluster.until('its old pod ends', () => on('n1').length === 0)

  cluster.call(client => client.patch(resources.nodes, { name: 'n2' }, { spec: { unschedulable: true } }))
  cluster.until(
    'cordon',
    () => (node('n2')?.spec?.taints ?? []).some(({ key, effect }) => key === 'node.kubernetes.io/unschedulable' && effect === 'NoSchedule'),
    1000
  )
})

t.test('no eviction while every node is silent; eviction is by the cluster clock', async t => {
  const cluster = new Cluster({ seed: 9 })
  const { world } = cluster
  cluster.create(cluster.deployment('web'))
  cluster.until('rolled out', () => cluster.complete('web'))
  const silence = (names: string[]): void => world.client.tell('worker/node' as Ref<FakeNodeProtocol>, 'silence', names)
  const evicted = (): number => cluster.all<Pod>(resources.pods).filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length
  silence(['n1', 'n2', 'n3'])
  world.run(world.nowMs + 400_000)
  t.equal(evicted(), 0)
  const executes = cluster
    .all<Node>(resources.nodes)
    .flatMap(({ spec }) => spec?.taints ?? [])
    .filter(({ effect }) => effect === 'NoExecute')
  t.equal(executes.length, 0)
  silence(['n1'])
  const fromMs = world.nowMs
  world.scaleCluster(60)
  cluster.until('evicted', () => evicted() === 1, 20_000)
  t.ok(world.nowMs - fromMs < 5000, `${world.nowMs - fromMs} ms of real time`)
})

t.test('two managers: one leads; when it dies the other takes over and finishes the work', async t => {
  const cluster = new Cluster({ seed: 10, managers: 2 })
  const { world } = cluster
  const leads = (machine: string): boolean => world.lives(`${machine}/serviceaccount-controller`)
  const [first, second] = leads('control-0') ? ['control-0', 'control-1'] : ['control-1', 'control-0']
  t.notOk(leads(second))
  cluster.create(cluster.deployment('web'))
  cluster.until('rolled out', () => cluster.complete('web'))
  world.killThread(`${first}/controller-manager`)
  cluster.until('its controllers end with it', () => !leads(first) && !world.lives(`${first}/replicaset-controller`), 1000)
  cluster.patch('web', { replicas: 5 })
  const tookMs = cluster.until('the other takes over', () => cluster.complete('web'), 60_000)
  t.ok(tookMs > 10_000 && tookMs < 20_000, `after the lease ran out: ${tookMs} ms`)
  t.ok(leads(second))
  world.restart(() => true)
  world.run(world.nowMs + 5000)
  world.stop(`${second}/controller-manager`, 'test')
  cluster.patch('web', { replicas: 2 })
  const cleanMs = cluster.until('a clean handover', () => cluster.complete('web'), 60_000)
  t.ok(cleanMs < 500, `${cleanMs} ms`)
})

t.test('whatever dies, in the end there is what was asked for, and nothing else', async t => {
  for (let seed = 200; seed < 206; seed++) {
    const cluster = new Cluster({ seed, managers: 2, node: { readyMs: 30 } })
    const { world } = cluster
    const { random } = world
    for (const name of ['a', 'b', 'c']) cluster.create(cluster.deployment(name, { replicas: 1 + integerBelow(random, 5) }))
    for (let round = 0; round < 25; round++) {
      const name = ['a', 'b', 'c'][integerBelow(random, 3)] as string
      cluster.patch(name, random() < 0.5 ? { replicas: integerBelow(random, 8) } : setImage(name, `v${integerBelow(random, 3)}`))
      const victims = [...world.addresses()].filter(address => address.startsWith('control-') && !address.includes(':'))
      const victim = victims[integerBelow(random, victims.length)] as string
      if (random() < 0.7) world.killThread(victim)
      world.run(world.nowMs + integerBelow(random, 800))
      if (random() < 0.1) cluster.history.compact()
      world.restart(() => true)
      world.run(world.nowMs + 30)
    }
    for (const name of ['a', 'b', 'c']) cluster.until(`seed ${seed}: ${name}`, () => cluster.complete(name), 120_000)
    cluster.until(
      `seed ${seed}: exactly the pods asked for`,
      () => {
        const wanted = cluster
          .all<Deployment>(resources.deployments)
          .map(({ metadata, spec }) => `${metadata.name}/${spec.template.spec.containers[0]?.image}x${spec.replicas}`)
        const found = cluster.all<Deployment>(resources.deployments).map(({ metadata, spec }) => {
          const pods = cluster.all<Pod>(resources.pods).filter(one => one.metadata.labels?.app === metadata.name)
          const image = spec.template.spec.containers[0]?.image
          return pods.every(one => one.spec.containers[0]?.image === image) ? `${metadata.name}/${image}x${pods.length}` : 'mixed'
        })
        return wanted.join() === found.join()
      },
      120_000
    )
    t.pass(`seed ${seed}`)
  }
})
