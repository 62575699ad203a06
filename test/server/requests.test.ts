// Requests and what upstream answers them: status, reason, message, body. By message, on a store in memory.

import t from 'tap'
import { type Answer, TestCluster } from './fixture-cluster.js'

const cluster = await TestCluster.start()
t.teardown(() => cluster.close())

const configMaps = '/api/v1/namespaces/default/configmaps'
const pods = '/api/v1/namespaces/default/pods'
const deployments = '/apis/apps/v1/namespaces/default/deployments'
const services = '/api/v1/namespaces/default/services'

const configMap = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more })
const pod = (name: string, spec: object = {}, meta: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...meta },
  spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec }
})
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'nginx' }] } }
  }
})
const service = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec }
})

interface Row {
  readonly name: string
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
  readonly from?: string
  readonly status: number
  readonly reason?: string
  readonly message?: string | RegExp
}

const rows: readonly Row[] = [
  {
    name: 'an unknown path',
    path: '/nothing',
    status: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource'
  },
  { name: 'an unknown resource', path: '/api/v1/namespaces/default/gadgets', status: 404, reason: 'NotFound' },
  { name: 'an unknown version', path: '/apis/apps/v9/deployments', status: 404, reason: 'NotFound' },
  { name: 'a cluster-scoped resource in a namespace', path: '/api/v1/namespaces/default/nodes', status: 404 },
  {
    name: 'an object that is not there',
    path: `${configMaps}/none`,
    status: 404,
    reason: 'NotFound',
    message: 'configmaps "none" not found'
  },
  { name: 'the same in a group', path: `${deployments}/none`, status: 404, message: 'deployments.apps "none" not found' },
  {
    name: 'create in a namespace that is not there',
    method: 'POST',
    path: '/api/v1/namespaces/nowhere/configmaps',
    body: configMap('a'),
    status: 404,
    reason: 'NotFound',
    message: 'namespaces "nowhere" not found'
  },
  {
    name: 'malformed JSON',
    method: 'POST',
    path: configMaps,
    body: '{"a":',
    status: 400,
    reason: 'BadRequest',
    message:
      /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: .* \(7b2261223a\)$/
  },
  {
    name: 'a body that is no object',
    method: 'POST',
    path: configMaps,
    body: '[]',
    status: 400,
    reason: 'BadRequest',
    message: /cannot unmarshal array/
  },
  {
    name: 'another version in the body',
    method: 'POST',
    path: configMaps,
    body: { ...configMap('a'), apiVersion: 'apps/v1' },
    status: 400,
    message: 'the API version in the data (apps/v1) does not match the expected API version (v1)'
  },
  {
    name: 'another kind in the body',
    method: 'POST',
    path: configMaps,
    body: { ...configMap('a'), kind: 'Secret' },
    status: 400,
    message: /cannot be handled as a ConfigMap/
  },
  {
    name: 'a value of the wrong type',
    method: 'POST',
    path: deployments,
    body: { ...deployment('a'), spec: { ...deployment('a').spec, replicas: 'many' } },
    status: 400,
    reason: 'BadRequest',
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'
  },
  {
    name: 'an unknown field, strictly',
    method: 'POST',
    path: `${pods}?fieldValidation=Strict`,
    body: pod('a', { foo: 1 }),
    status: 400,
    reason: 'BadRequest',
    message: 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo"'
  },
  {
    name: 'a field twice, strictly',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Strict`,
    body: '{"metadata":{"name":"a"},"data":{"x":"1","x":"2"}}',
    status: 400,
    message: /strict decoding error: duplicate field "data.x"/
  },
  {
    name: 'an unknown fieldValidation',
    method: 'POST',
    path: `${configMaps}?fieldValidation=Hard`,
    body: configMap('a'),
    status: 422,
    reason: 'Invalid',
    message: /CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Hard"/
  },
  {
    name: 'a name that is none',
    method: 'POST',
    path: configMaps,
    body: configMap('A_b'),
    status: 422,
    reason: 'Invalid',
    message: /^ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b"/
  },
  {
    name: 'no name',
    method: 'POST',
    path: configMaps,
    body: { metadata: {} },
    status: 422,
    message: /metadata.name: Required value: name or generateName is required/
  },
  {
    name: 'another namespace in the body',
    method: 'POST',
    path: configMaps,
    body: { metadata: { name: 'a', namespace: 'other' } },
    status: 400,
    message: 'the namespace of the provided object does not match the namespace sent on the request'
  },
  {
    name: 'a resource version in a new object',
    method: 'POST',
    path: configMaps,
    body: { metadata: { name: 'a', resourceVersion: '7' } },
    status: 400,
    message: 'resourceVersion should not be set on objects to be created'
  },
  {
    name: 'an unknown form of body',
    method: 'POST',
    path: configMaps,
    contentType: 'text/csv',
    body: 'a',
    status: 415,
    reason: 'UnsupportedMediaType'
  },
  {
    name: 'an application without a manager',
    method: 'PATCH',
    path: `${configMaps}/a`,
    contentType: 'application/apply-patch+yaml',
    body: '{}',
    status: 422,
    message: /fieldManager: Required value: is required for apply patch/
  },
  { name: 'a verb the resource has not', method: 'PUT', path: configMaps, body: configMap('a'), status: 405 },
  { name: 'a subresource that is not there', path: `${configMaps}/a/status`, status: 404 },
  {
    name: 'a label selector that is none',
    path: `${pods}?labelSelector=a%3D%3D%3Db`,
    status: 400,
    reason: 'BadRequest',
    message: /unable to parse requirement/
  },
  {
    name: 'a field that cannot be selected',
    path: `${pods}?fieldSelector=spec.foo%3Da`,
    status: 400,
    message: 'field label not supported: spec.foo'
  },
  { name: 'a resource version that is none', path: `${pods}?resourceVersion=x`, status: 400, message: /invalid resource version/ },
  {
    name: 'a match without a version',
    path: `${pods}?resourceVersionMatch=Exact`,
    status: 422,
    message: /resourceVersionMatch is forbidden unless resourceVersion is provided/
  },
  {
    name: 'exactly any version',
    path: `${pods}?resourceVersionMatch=Exact&resourceVersion=0`,
    status: 422,
    message: /forbidden for resourceVersion "0"/
  },
  { name: 'a token that is none', path: `${pods}?limit=1&continue=xyz`, status: 400, message: /continue key is not valid/ },
  { name: 'a stranger', path: configMaps, from: 'nobody/stranger', status: 403, reason: 'Forbidden' },
  {
    name: 'a component beyond its rights',
    method: 'DELETE',
    path: '/api/v1/nodes/a',
    from: 'control-0/scheduler',
    status: 403,
    reason: 'Forbidden',
    message: 'nodes "a" is forbidden: User "system:kube-scheduler" cannot delete resource "nodes" in API group "" at the cluster scope'
  },
  {
    name: 'a kubelet beyond its rights',
    method: 'POST',
    path: deployments,
    body: deployment('a'),
    from: 'worker-1/kubelet',
    status: 403,
    message:
      'deployments.apps is forbidden: User "system:node:worker-1" cannot create resource "deployments" in API group "apps" in the namespace "default"'
  },
  {
    name: 'deleting an immortal namespace',
    method: 'DELETE',
    path: '/api/v1/namespaces/default',
    status: 403,
    message: 'namespaces "default" is forbidden: this namespace may not be deleted'
  },
  {
    name: 'a policy that is none',
    method: 'DELETE',
    path: `${configMaps}/a?propagationPolicy=Never`,
    status: 422,
    message: /propagationPolicy: Unsupported value: "Never"/
  },
  {
    name: 'an unknown priority class',
    method: 'POST',
    path: pods,
    body: pod('a', { priorityClassName: 'vip' }),
    status: 403,
    message: 'pods "a" is forbidden: no PriorityClass with name vip was found'
  },
  {
    name: 'an address outside the range',
    method: 'POST',
    path: services,
    body: service('a', { clusterIP: '1.2.3.4' }),
    status: 422,
    message: /not in the valid range. The range of valid IPs is 10.96.0.0\/16/
  },
  {
    name: 'a node port outside the range',
    method: 'POST',
    path: services,
    body: service('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
    status: 422,
    message: /provided port is not in the valid range. The range of valid ports is 30000-32767/
  },
  {
    name: 'binding a pod that is not there',
    method: 'POST',
    path: `${pods}/none/binding`,
    body: { target: { name: 'n' } },
    status: 404,
    message: 'pods "none" not found'
  },
  {
    name: 'a subresource that is not built',
    method: 'POST',
    path: '/api/v1/namespaces/default/serviceaccounts/default/token',
    body: {},
    status: 503,
    message: /token is not served by this server/
  },
  {
    name: 'too large a body',
    method: 'POST',
    path: configMaps,
    body: 'x'.repeat((3 << 20) + 1),
    status: 413,
    reason: 'RequestEntityTooLarge'
  }
]

t.test('what is refused, and in which words', async t => {
  for (const { name, status, reason, message, method = 'GET', path, body, contentType, from } of rows) {
    const request = { method, path, ...(contentType === undefined ? {} : { contentType }), ...(body === undefined ? {} : { body }) }
    const answer = await cluster.request(request, from)
    t.equal(answer.status, status, `${name}: ${answer.status} ${answer.body.message}`)
    t.match(answer.body, { kind: 'Status', status: 'Failure', code: status }, name)
    if (reason !== undefined) t.equal(answer.body.reason, reason, name)
    if (message !== undefined) t.match(answer.body.message, message, name)
  }
})

t.test('an object from its creation to its end', async t => {
  const made = await cluster.post(configMaps, configMap('life', { data: { a: '1' } }))
  t.equal(made.status, 201)
  t.match(made.body, {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: {
      name: 'life',
      namespace: 'default',
      uid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      resourceVersion: /^\d+$/,
      creationTimestamp: /Z$/,
      managedFields: [{ manager: 'test', operation: 'Update', fieldsV1: { 'f:data': { 'f:a': {} } } }]
    }
  })
  t.same((await cluster.get(`${configMaps}/life`)).body, made.body, 'read as it was answered')
  t.match(await cluster.post(configMaps, configMap('life')), {
    status: 409,
    body: { reason: 'AlreadyExists', message: 'configmaps "life" already exists' }
  })

  const changed = await cluster.put(`${configMaps}/life`, { ...made.body, data: { a: '2' } })
  t.equal(changed.status, 200)
  t.equal(changed.body.metadata.uid, made.body.metadata.uid)
  t.ok(Number(changed.body.metadata.resourceVersion) > Number(made.body.metadata.resourceVersion))
  t.match(await cluster.put(`${configMaps}/life`, made.body), {
    status: 409,
    body: {
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "life": the object has been modified; please apply your changes to the latest version and try again'
    }
  })
  const again = await cluster.put(`${configMaps}/life`, { ...changed.body, metadata: { ...changed.body.metadata, resourceVersion: '' } })
  t.equal(again.body.metadata.resourceVersion, changed.body.metadata.resourceVersion, 'what changes nothing writes nothing')
  t.match(await cluster.put(`${configMaps}/life`, configMap('other')), {
    status: 400,
    body: { message: 'the name of the object (other) does not match the name on the URL (life)' }
  })
  t.match(await cluster.put(`${configMaps}/none`, configMap('none')), { status: 404 })

  t.match(await cluster.remove(`${configMaps}/life`, { preconditions: { uid: 'other' } }), {
    status: 409,
    body: { reason: 'Conflict', message: /Precondition failed: UID in precondition: other/ }
  })
  t.match(await cluster.remove(`${configMaps}/life?dryRun=All`), { status: 200 })
  const gone = await cluster.remove(`${configMaps}/life`)
  t.match(gone, {
    status: 200,
    body: { kind: 'Status', status: 'Success', details: { name: 'life', kind: 'configmaps', uid: made.body.metadata.uid } }
  })
  t.equal((await cluster.get(`${configMaps}/life`)).status, 404)
  t.equal((await cluster.remove(`${configMaps}/life`)).status, 404)
})

t.test('patches of every type', async t => {
  await cluster.post(deployments, deployment('patched'))
  const path = `${deployments}/patched`
  const merge = await cluster.patch(path, 'merge-patch+json', { metadata: { labels: { a: 'b' } }, spec: { replicas: 3 } })
  t.match(merge, { status: 200, body: { metadata: { labels: { a: 'b' }, generation: 2 }, spec: { replicas: 3 } } })
  const strategic = await cluster.patch(path, 'strategic-merge-patch+json', {
    spec: { template: { spec: { containers: [{ name: 'd', image: 'x' }] } } }
  })
  t.same(
    strategic.body.spec.template.spec.containers.map((one: { name: string }) => one.name),
    ['d', 'c'],
    'containers merge by name'
  )
  const json = await cluster.patch(path, 'json-patch+json', [{ op: 'remove', path: '/metadata/labels/a' }])
  t.same(json.body.metadata.labels, undefined)
  t.match(await cluster.patch(path, 'json-patch+json', [{ op: 'test', path: '/spec/replicas', value: 9 }]), {
    status: 422,
    body: { reason: 'Invalid' }
  })
  t.match(await cluster.patch(path, 'merge-patch+json', { spec: { replicas: -1 } }), {
    status: 422,
    body: { message: /spec.replicas: Invalid value: -1/ }
  })
  t.match(await cluster.patch(path, 'merge-patch+json', { metadata: { resourceVersion: '1' } }), { status: 409 })
  t.match(await cluster.patch(`${deployments}/none`, 'merge-patch+json', {}), { status: 404 })
  const dry = await cluster.patch(`${path}?dryRun=All`, 'merge-patch+json', { spec: { replicas: 9 } })
  t.equal(dry.body.spec.replicas, 9)
  t.equal((await cluster.get(path)).body.spec.replicas, 3)
  const writes = await Promise.all(
    Array.from({ length: 20 }, (_, index) => cluster.patch(path, 'merge-patch+json', { metadata: { annotations: { [`k${index}`]: 'v' } } }))
  )
  t.ok(
    writes.every(({ status }) => status === 200),
    'patches that race are all applied'
  )
  t.equal(Object.keys((await cluster.get(path)).body.metadata.annotations).length, 20)
})

t.test('server-side apply: who states a field owns it', async t => {
  const path = `${deployments}/applied`
  const apply = (manager: string, body: object, force = false): Promise<Answer> =>
    cluster.patch(`${path}?fieldManager=${manager}${force ? '&force=true' : ''}`, 'apply-patch+yaml', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      ...body
    })
  const { spec } = deployment('applied')
  const container = { name: 'c', image: 'nginx', ports: [{ containerPort: 80 }] }
  const template = { ...spec.template, spec: { containers: [container] } }
  const config = { metadata: { name: 'applied', labels: { a: '1', b: '2' } }, spec: { ...spec, template } }
  const made = await apply('one', config)
  t.equal(made.status, 201, made.body.message)
  t.match(made.body.metadata.managedFields, [{ manager: 'one', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }])
  t.equal(made.body.metadata.managedFields.length, 1)
  const again = await apply('one', config)
  t.same([again.status, again.body.metadata.resourceVersion], [200, made.body.metadata.resourceVersion], 'nothing new, nothing written')

  await cluster.patch(`${path}?fieldManager=scaler`, 'merge-patch+json', { spec: { replicas: 5 } })
  const refused = await apply('one', config)
  t.match(refused, {
    status: 409,
    body: {
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "scaler" using apps/v1: .spec.replicas',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.replicas' }] }
    }
  })
  t.match((await apply('one', config, true)).body.spec, { replicas: 2 }, 'unless it is forced')

  const sidecar = { name: 'd', image: 'side' }
  const two = await apply('two', { metadata: { labels: { c: '3' } }, spec: { template: { spec: { containers: [sidecar] } } } })
  t.same(
    two.body.spec.template.spec.containers.map((one: { name: string }) => one.name),
    ['c', 'd'],
    'another adds'
  )
  const { replicas: _replicas, ...rest } = config.spec
  const less = await apply('one', {
    metadata: { name: 'applied', labels: { a: '1' } },
    spec: { ...rest, template: { ...template, spec: { containers: [{ name: 'c', image: 'nginx' }] } } }
  })
  t.equal(less.status, 200, less.body.message)
  t.same(less.body.metadata.labels, { a: '1', c: '3' }, 'what is no longer stated goes')
  t.equal(less.body.spec.template.spec.containers[0].ports, undefined)
  t.equal(less.body.spec.replicas, 1, 'back to its default')
  t.match(await apply('two', { spec: { template: { spec: { containers: [{ name: 'c', image: 'other' }] } } } }), {
    status: 409,
    body: { message: 'Apply failed with 1 conflict: conflict with "one": .spec.template.spec.containers[name="c"].image' }
  })
})

t.test('status and scale are written apart from the rest', async t => {
  await cluster.post(deployments, { ...deployment('parts'), status: { replicas: 7 } })
  const path = `${deployments}/parts`
  const made = (await cluster.get(path)).body
  t.same(made.status, {}, 'status is not for the creator')
  const status = await cluster.put(`${path}/status`, {
    ...made,
    spec: { ...made.spec, replicas: 9 },
    status: { replicas: 2, observedGeneration: 1 }
  })
  t.match(status, { status: 200, body: { spec: { replicas: 2 }, status: { replicas: 2 }, metadata: { generation: 1 } } })
  t.match((await cluster.patch(path, 'merge-patch+json', { status: { replicas: 9 } })).body.status, { replicas: 2 })
  const scale = await cluster.get(`${path}/scale`)
  t.match(scale.body, {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    spec: { replicas: 2 },
    status: { replicas: 2, selector: 'app=parts' }
  })
  t.match(await cluster.put(`${path}/scale`, { ...scale.body, spec: { replicas: 5 } }), { status: 200, body: { spec: { replicas: 5 } } })
  t.match(await cluster.put(`${path}/scale`, { ...scale.body, spec: { replicas: 6 } }), { status: 409 })
  t.match(await cluster.patch(`${path}/scale`, 'merge-patch+json', { spec: { replicas: 4 } }), {
    status: 200,
    body: { spec: { replicas: 4 } }
  })
  t.match((await cluster.get(path)).body, { spec: { replicas: 4 }, metadata: { generation: 3 } })
})

t.test('names that are generated differ, and one that is taken is generated anew', async t => {
  const made = await Promise.all(Array.from({ length: 30 }, () => cluster.post(configMaps, { metadata: { generateName: 'gen-' } })))
  const names = made.map(({ body }) => body.metadata.name as string)
  t.ok(names.every(name => /^gen-[a-z0-9]{5}$/.test(name)))
  t.equal(new Set(names).size, 30)
})

t.test('pods go gracefully, and when their last finalizer goes', async t => {
  await cluster.post(pods, pod('free'))
  t.match(await cluster.remove(`${pods}/free`), { status: 200, body: { kind: 'Pod' } }, 'unscheduled: at once')
  t.equal((await cluster.get(`${pods}/free`)).status, 404)

  await cluster.post(pods, pod('bound'))
  const bind = (node: string) =>
    cluster.post(`${pods}/bound/binding`, { metadata: { name: 'bound' }, target: { kind: 'Node', name: node } }, 'control-0/scheduler')
  t.match(await bind('worker-1'), { status: 201, body: { status: 'Success' } })
  t.match(await bind('worker-2'), {
    status: 409,
    body: { message: 'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "worker-1"' }
  })
  t.match((await cluster.get(`${pods}/bound`)).body, {
    spec: { nodeName: 'worker-1', serviceAccountName: 'default', priority: 0 },
    status: { conditions: [{ type: 'PodScheduled', status: 'True' }] }
  })
  const marked = await cluster.remove(`${pods}/bound`, { gracePeriodSeconds: 20 })
  t.match(marked.body.metadata, { deletionTimestamp: /Z$/, deletionGracePeriodSeconds: 20 })
  t.match(
    (await cluster.remove(`${pods}/bound`, { gracePeriodSeconds: 30 })).body.metadata,
    { deletionGracePeriodSeconds: 20 },
    'longer is not granted'
  )
  t.match((await cluster.remove(`${pods}/bound`, { gracePeriodSeconds: 5 })).body.metadata, { deletionGracePeriodSeconds: 5 })
  t.match(await cluster.remove(`${pods}/bound`, { gracePeriodSeconds: 0 }, 'worker-1/kubelet'), { status: 200 })
  t.equal((await cluster.get(`${pods}/bound`)).status, 404)

  await cluster.post(configMaps, { metadata: { name: 'held', finalizers: ['a.b/c'] } })
  t.match((await cluster.remove(`${configMaps}/held`)).body.metadata, { deletionTimestamp: /Z$/, deletionGracePeriodSeconds: 0 })
  t.match(await cluster.patch(`${configMaps}/held`, 'merge-patch+json', { metadata: { finalizers: ['a.b/c', 'd.e/f'] } }), {
    status: 422,
    body: { message: /no new finalizers can be added/ }
  })
  t.equal((await cluster.patch(`${configMaps}/held`, 'merge-patch+json', { metadata: { finalizers: null } })).status, 200)
  t.equal((await cluster.get(`${configMaps}/held`)).status, 404)
  for (const [policy, finalizer] of [
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan']
  ] as const) {
    await cluster.post(deployments, deployment(policy.toLowerCase()))
    const answer = await cluster.remove(`${deployments}/${policy.toLowerCase()}`, { propagationPolicy: policy })
    t.match(answer.body.metadata, { finalizers: [finalizer], deletionTimestamp: /Z$/, generation: 2 })
  }
  await cluster.post(pods, pod('evicted'))
  t.match(await cluster.post(`${pods}/evicted/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'evicted' } }), {
    status: 201,
    body: { status: 'Success' }
  })
  t.equal((await cluster.get(`${pods}/evicted`)).status, 404)
})

t.test('a namespace goes when its finalizers are gone, and takes in nothing meanwhile', async t => {
  const made = await cluster.post('/api/v1/namespaces', { metadata: { name: 'going' } })
  t.match(made.body, { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } })
  t.match((await cluster.remove('/api/v1/namespaces/going')).body, {
    status: { phase: 'Terminating' },
    metadata: { deletionTimestamp: /Z$/ }
  })
  t.match(await cluster.post('/api/v1/namespaces/going/configmaps', configMap('late')), {
    status: 403,
    body: {
      message: 'configmaps "late" is forbidden: unable to create new content in namespace going because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating' }] }
    }
  })
  const current = (await cluster.get('/api/v1/namespaces/going')).body
  t.match(await cluster.put('/api/v1/namespaces/going/finalize', { ...current, spec: { finalizers: [] } }), { status: 200 })
  t.equal((await cluster.get('/api/v1/namespaces/going')).status, 404)
})

t.test('addresses and node ports are given once, however many ask at once', async t => {
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, index) => cluster.post(services, service(`many-${index}`, { type: 'NodePort' })))
  )
  t.ok(made.every(({ status }) => status === 201))
  const ips = made.map(({ body }) => body.spec.clusterIP as string)
  const ports = made.map(({ body }) => body.spec.ports[0].nodePort as number)
  t.equal(new Set(ips).size, 40)
  t.equal(new Set(ports).size, 40)
  t.ok(ips.every(ip => ip.startsWith('10.96.')))
  t.ok(ports.every(port => port >= 30000 && port <= 32767))
  const wanted = { type: 'NodePort', clusterIP: '10.96.0.77', ports: [{ port: 80, nodePort: 30077 }] }
  const race = await Promise.all([1, 2, 3].map(index => cluster.post(services, service(`race-${index}`, wanted))))
  t.same(race.map(({ status }) => status).sort(), [201, 422, 422])
  t.match(race.find(({ status }) => status === 422)?.body.message, /provided (IP|port) is already allocated/)
  const winner = race.find(({ status }) => status === 201)?.body.metadata.name as string
  t.match(
    await cluster.patch(`${services}/${winner}`, 'merge-patch+json', {
      spec: { type: 'ClusterIP', ports: [{ port: 80, nodePort: null }] }
    }),
    { status: 200 }
  )
  t.match(
    await cluster.post(services, service('port-again', { type: 'NodePort', ports: [{ port: 80, nodePort: 30077 }] })),
    { status: 201 },
    'a port given back is free'
  )
  t.equal((await cluster.remove(`${services}/${winner}`)).status, 200)
  t.equal((await cluster.post(services, service('address-again', { clusterIP: '10.96.0.77' }))).status, 201, 'so is an address')
  t.same((await cluster.post(services, service('headless', { clusterIP: 'None' }))).body.spec.clusterIPs, ['None'])
  t.match((await cluster.get('/api/v1/namespaces/default/services/kubernetes')).body.spec, { clusterIP: '10.96.0.1' })
})

t.test('lists: selectors, pages, versions', async t => {
  const path = '/api/v1/namespaces/kube-system/configmaps'
  for (let index = 0; index < 7; index++) {
    await cluster.post(path, { metadata: { name: `m${index}`, labels: { parity: index % 2 === 0 ? 'even' : 'odd' } } })
  }
  const names = ({ body }: Answer): string[] => body.items.map((one: { metadata: { name: string } }) => one.metadata.name)
  t.same(names(await cluster.get(`${path}?labelSelector=parity%3Dodd`)), ['m1', 'm3', 'm5'])
  t.same(names(await cluster.get(`${path}?labelSelector=parity+notin+(odd)`)), ['m0', 'm2', 'm4', 'm6'])
  t.same(names(await cluster.get(`${path}?fieldSelector=metadata.name%3Dm4`)), ['m4'])
  const first = await cluster.get(`${path}?limit=3`)
  t.same(names(first), ['m0', 'm1', 'm2'])
  t.equal(first.body.metadata.remainingItemCount, 4)
  await cluster.remove(`${path}/m3`)
  await cluster.post(path, { metadata: { name: 'm9' } })
  const next = await cluster.get(`${path}?limit=3&continue=${first.body.metadata.continue}`)
  t.same(names(next), ['m3', 'm4', 'm5'], 'pages show the state of the first')
  t.equal(next.body.metadata.resourceVersion, first.body.metadata.resourceVersion)
  t.same(names(await cluster.get(`${path}?limit=9&continue=${next.body.metadata.continue}`)), ['m6'])
  const exact = `${path}?resourceVersionMatch=Exact&resourceVersion=${first.body.metadata.resourceVersion}`
  t.equal(names(await cluster.get(exact)).length, 7)
  t.equal(names(await cluster.get(`${path}?resourceVersion=0`)).length, 7)
  t.same(names(await cluster.get(`${path}?limit=2&labelSelector=parity%3Deven`)), ['m0', 'm2'])

  const revision = cluster.store.mvcc.revision
  t.equal(cluster.store.mvcc.apply({ type: 'compact', revision }).type, 'compact')
  const expired = await cluster.get(`${path}?limit=3&continue=${first.body.metadata.continue}`)
  t.match(expired, { status: 410, body: { reason: 'Expired', message: /The provided continue parameter is too old/ } })
  const offered = expired.body.metadata.continue
  t.same(
    names(await cluster.get(`${path}?limit=9&continue=${offered}`)),
    ['m4', 'm5', 'm6', 'm9'],
    'the token offered goes on with the state of now'
  )
  t.match(await cluster.get(exact), { status: 410, body: { message: 'The resourceVersion for the provided list is too old.' } })
  t.match(await cluster.remove(`${path}?labelSelector=parity%3Deven`), { status: 200, body: { kind: 'ConfigMapList' } })
  t.same(names(await cluster.get(path)), ['m1', 'm5', 'm9'])
})

t.test('events have two versions of one form', async t => {
  const path = '/api/v1/namespaces/default/events'
  const event = {
    metadata: { name: 'e1' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
    reason: 'Started',
    message: 'hello',
    type: 'Normal'
  }
  t.equal((await cluster.post(path, event)).status, 201)
  const newer = await cluster.get('/apis/events.k8s.io/v1/namespaces/default/events/e1')
  t.match(newer.body, { apiVersion: 'events.k8s.io/v1', kind: 'Event', note: 'hello', regarding: { name: 'p' } })
  t.equal((await cluster.get('/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp')).body.items.length, 1)
  t.equal((await cluster.get('/api/v1/events?fieldSelector=involvedObject.name%3Dq')).body.items.length, 0)
})

t.test('who I am, and what I may', async t => {
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const ask = (verb: string, resource: string) => ({ spec: { resourceAttributes: { verb, resource } } })
  t.match((await cluster.post(reviews, ask('list', 'pods'), 'control-0/scheduler')).body.status, { allowed: true })
  t.match((await cluster.post(reviews, ask('create', 'pods'), 'control-0/scheduler')).body.status, { allowed: false })
  const me = await cluster.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, 'worker-1/kubelet')
  t.match(me.body.status.userInfo, { username: 'system:node:worker-1', groups: ['system:nodes', 'system:authenticated'] })
})

t.test('discovery names what is served, and OpenAPI is there', async t => {
  const list = (await cluster.get('/api/v1')).body
  t.equal(list.kind, 'APIResourceList')
  const named = (name: string) => list.resources.find((one: { name: string }) => one.name === name)
  t.match(named('pods'), {
    namespaced: true,
    kind: 'Pod',
    shortNames: ['po'],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
  })
  t.match(named('pods/eviction'), { group: 'policy', version: 'v1', kind: 'Eviction' })
  t.equal(named('pods/exec'), undefined, 'what is not built is not named')
  t.match(
    (await cluster.get('/apis')).body.groups.map((group: { name: string }) => group.name),
    ['apps', 'coordination.k8s.io', 'discovery.k8s.io', 'events.k8s.io']
  )
  t.match((await cluster.get('/version')).body, { major: '1', minor: '34' })
  t.equal((await cluster.get('/readyz')).body, 'ok')
  t.match((await cluster.get('/openapi/v3')).body, { paths: { 'api/v1': { serverRelativeURL: /^\/openapi\/v3\/api\/v1\?hash=/ } } })
  t.match((await cluster.get('/openapi/v3/apis/apps/v1')).body, { openapi: /^3\./ })
  t.match((await cluster.get('/openapi/v2')).body, { swagger: '2.0' })
})
