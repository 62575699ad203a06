import { readFileSync } from 'node:fs'
import t from 'tap'
import { metaModels, modelOf, servedKinds } from '../../build/served.js'
import type { Schema } from '../../lib/object/schema.js'
import { createValidators } from '../../lib/object/validate-schema.js'

const file = new URL('../../resources/schemas.json', import.meta.url)
const models: Record<string, Schema> = JSON.parse(readFileSync(file, 'utf8'))
const validators = createValidators({ get: name => models[name] })
const core = 'io.k8s.api.core.v1'
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

function property(model: string, name: string): Schema {
  const found = models[model]?.properties?.[name]
  if (!found) throw new Error(`no ${model}.${name}`)
  return found
}

t.test('every served kind is there, an object with a kind and metadata', async t => {
  t.ok(servedKinds.length > 0)
  for (const kind of servedKinds) {
    const { apiVersion, kind: name, metadata } = models[modelOf(kind)]?.properties ?? {}
    t.match(apiVersion, { type: 'string' }, modelOf(kind))
    t.match(name, { type: 'string' }, modelOf(kind))
    t.same(metadata?.ref, `${meta}.ObjectMeta`, modelOf(kind))
  }
  for (const name of metaModels) t.ok(models[name], name)
})

t.test('every reference leads to a model, and every list says how it merges', async t => {
  const dangling: string[] = []
  const listless: string[] = []
  let references = 0
  const visit = (schema: Schema, where: string): void => {
    if (schema.ref !== undefined) {
      references++
      if (!models[schema.ref]) dangling.push(`${where} → ${schema.ref}`)
    }
    for (const [name, child] of Object.entries(schema.properties ?? {})) {
      visit(child, `${where}.${name}`)
      if (child.type === 'array' && child.listType === undefined && name !== 'items') listless.push(`${where}.${name}`)
    }
    if (schema.items) visit(schema.items, `${where}[]`)
    if (schema.additionalProperties) visit(schema.additionalProperties, `${where}{}`)
  }
  for (const [name, schema] of Object.entries(models)) visit(schema, name)
  t.ok(references > 500)
  t.same(dangling, [])
  t.same(listless, [])
})

t.test('map keys are properties of the elements, required or with a default', async t => {
  const wrong: string[] = []
  for (const [name, model] of Object.entries(models)) {
    for (const [field, { listType, listMapKeys, items }] of Object.entries(model.properties ?? {})) {
      if (listType !== 'map') continue
      const element = models[items?.ref ?? '']
      for (const key of listMapKeys ?? ['(none)']) {
        const found = element?.properties?.[key]
        if (!found || !(element?.required?.includes(key) || found.default !== undefined)) wrong.push(`${name}.${field} by ${key}`)
      }
    }
  }
  // Upstream requires a name of these only in their validation.
  t.same(wrong, [`${core}.ServiceAccount.secrets by name`])
})

t.test('facts known from upstream', async t => {
  const mergeBy = (key: string, ...keys: string[]): Schema => ({
    type: 'array',
    patchStrategy: ['merge'],
    patchMergeKey: key,
    listType: 'map',
    listMapKeys: [key, ...keys]
  })
  const facts: readonly (readonly [model: string, field: string, fact: object])[] = [
    [`${core}.PodSpec`, 'containers', mergeBy('name')],
    [`${core}.PodSpec`, 'initContainers', mergeBy('name')],
    [`${core}.PodSpec`, 'ephemeralContainers', mergeBy('name')],
    [`${core}.PodSpec`, 'volumes', { ...mergeBy('name'), patchStrategy: ['merge', 'retainKeys'] }],
    [`${core}.PodSpec`, 'imagePullSecrets', mergeBy('name')],
    [`${core}.PodSpec`, 'hostAliases', mergeBy('ip')],
    [`${core}.PodSpec`, 'topologySpreadConstraints', mergeBy('topologyKey', 'whenUnsatisfiable')],
    [`${core}.PodSpec`, 'tolerations', { listType: 'atomic', patchStrategy: undefined }],
    [`${core}.PodSpec`, 'nodeSelector', { mapType: 'atomic', additionalProperties: { type: 'string' } }],
    [`${core}.PodSpec`, 'terminationGracePeriodSeconds', { type: 'integer', format: 'int64', omitEmpty: undefined }],
    [`${core}.PodSpec`, 'hostNetwork', { type: 'boolean', omitEmpty: true }],
    [`${core}.PodSpec`, 'restartPolicy', { type: 'string', goType: 'v1.RestartPolicy' }],
    [`${core}.PodStatus`, 'conditions', mergeBy('type')],
    [`${core}.PodStatus`, 'podIPs', mergeBy('ip')],
    [`${core}.PodStatus`, 'hostIPs', { patchStrategy: ['merge'], patchMergeKey: 'ip', listType: 'atomic' }],
    [`${core}.PodStatus`, 'containerStatuses', { listType: 'atomic' }],
    [`${core}.Container`, 'ports', mergeBy('containerPort', 'protocol')],
    [`${core}.EphemeralContainer`, 'ports', mergeBy('containerPort', 'protocol')],
    [`${core}.Container`, 'env', mergeBy('name')],
    [`${core}.Container`, 'volumeMounts', mergeBy('mountPath')],
    [`${core}.Container`, 'volumeDevices', mergeBy('devicePath')],
    [`${core}.Container`, 'command', { listType: 'atomic', items: { type: 'string' } }],
    [`${core}.ContainerPort`, 'protocol', { default: 'TCP', goType: 'v1.Protocol' }],
    [
      `${core}.ResourceRequirements`,
      'limits',
      { type: 'object', additionalProperties: { ref: 'io.k8s.apimachinery.pkg.api.resource.Quantity' } }
    ],
    [`${core}.ResourceRequirements`, 'claims', { listType: 'map', listMapKeys: ['name'] }],
    [`${core}.ServiceSpec`, 'ports', mergeBy('port', 'protocol')],
    [`${core}.ServiceSpec`, 'selector', { mapType: 'atomic' }],
    [`${core}.ServiceSpec`, 'clusterIPs', { listType: 'atomic' }],
    [`${core}.ServicePort`, 'targetPort', { ref: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' }],
    [`${core}.ServicePort`, 'protocol', { default: 'TCP' }],
    [`${core}.NodeSpec`, 'podCIDRs', { patchStrategy: ['merge'], listType: 'set' }],
    [`${core}.NodeStatus`, 'conditions', mergeBy('type')],
    [`${core}.NodeStatus`, 'addresses', mergeBy('type')],
    [`${core}.NodeStatus`, 'images', { listType: 'atomic' }],
    [`${core}.NamespaceStatus`, 'conditions', mergeBy('type')],
    [`${core}.ServiceAccount`, 'secrets', mergeBy('name')],
    [`${core}.ServiceAccount`, 'imagePullSecrets', { listType: 'atomic' }],
    [`${core}.Secret`, 'data', { additionalProperties: { type: 'string', format: 'byte' } }],
    [`${core}.Event`, 'eventTime', { ref: `${meta}.MicroTime` }],
    ['io.k8s.api.coordination.v1.LeaseSpec', 'renewTime', { ref: `${meta}.MicroTime` }],
    ['io.k8s.api.discovery.v1.Endpoint', 'addresses', { listType: 'set' }],
    ['io.k8s.api.discovery.v1.EndpointSlice', 'ports', { listType: 'atomic' }],
    ['io.k8s.api.apps.v1.DeploymentSpec', 'strategy', { patchStrategy: ['retainKeys'], ref: 'io.k8s.api.apps.v1.DeploymentStrategy' }],
    ['io.k8s.api.apps.v1.DeploymentSpec', 'replicas', { type: 'integer', format: 'int32' }],
    ['io.k8s.api.apps.v1.DeploymentStatus', 'conditions', mergeBy('type')],
    ['io.k8s.api.batch.v1.JobStatus', 'conditions', { patchMergeKey: 'type', listType: 'atomic' }],
    ['io.k8s.api.apps.v1.RollingUpdateDeployment', 'maxSurge', { ref: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' }],
    ['io.k8s.api.apps.v1.ControllerRevision', 'data', { ref: 'io.k8s.apimachinery.pkg.runtime.RawExtension' }],
    [`${meta}.ObjectMeta`, 'finalizers', { patchStrategy: ['merge'], listType: 'set' }],
    [`${meta}.ObjectMeta`, 'ownerReferences', mergeBy('uid')],
    [`${meta}.ObjectMeta`, 'managedFields', { listType: 'atomic' }],
    [`${meta}.ObjectMeta`, 'creationTimestamp', { ref: `${meta}.Time` }]
  ]
  for (const [model, field, fact] of facts) t.match(property(model, field), fact, `${model}.${field}`)
  const leaves: Record<string, Schema> = {
    [`${meta}.Time`]: { type: 'string', format: 'date-time' },
    [`${meta}.MicroTime`]: { type: 'string', format: 'date-time-micro' },
    [`${meta}.FieldsV1`]: { type: 'object', preserveUnknownFields: true },
    'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', format: 'quantity' },
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { format: 'int-or-string', intOrString: true },
    'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object', preserveUnknownFields: true }
  }
  for (const [name, schema] of Object.entries(leaves)) t.same(models[name], schema, name)
  t.same(models[`${core}.Container`]?.required, ['name'])
  t.same(models[`${core}.PodSpec`]?.required, ['containers'])
  t.same(models['io.k8s.api.apps.v1.DeploymentSpec']?.required, ['selector', 'template'])
  for (const name of [`${meta}.LabelSelector`, `${meta}.OwnerReference`, `${core}.ObjectReference`])
    t.equal(models[name]?.mapType, 'atomic', name)
})

const template = {
  metadata: { labels: { app: 'web' }, annotations: { 'example.com/x': '1' } },
  spec: {
    serviceAccountName: 'web',
    containers: [
      {
        name: 'web',
        image: 'nginx:1.27',
        args: ['-g', 'daemon off;'],
        env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        ports: [{ name: 'http', containerPort: 80 }],
        resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '1Gi' } },
        readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
        volumeMounts: [{ name: 'config', mountPath: '/etc/web', readOnly: true }],
        securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'] } }
      }
    ],
    volumes: [{ name: 'config', configMap: { name: 'web', items: [{ key: 'a', path: 'a' }] } }],
    tolerations: [{ key: 'x', operator: 'Exists', tolerationSeconds: 0 }]
  }
}
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
    template
  }
}

function validate(object: unknown) {
  const validator = validators.get('io.k8s.api.apps.v1.Deployment')
  if (!validator) throw new Error('no validator')
  return validator(object)
}

t.test('a deployment as people write it passes untouched', async t => {
  const result = validate(deployment)
  t.equal(result.object, deployment)
  t.equal(result.failure, undefined)
})

t.test('a deployment as people get it wrong', async t => {
  const spec = (change: object) => ({ ...deployment, spec: { ...deployment.spec, ...change } })
  t.same(validate(spec({ replica: 3 })).unknown, ['spec.replica'])
  t.equal(
    validate(spec({ replicas: 'three' })).failure?.message,
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'
  )
  const container = { ...template.spec.containers[0], imagePullPolicy: 1 }
  t.equal(
    validate(spec({ template: { ...template, spec: { ...template.spec, containers: [container] } } })).failure?.message,
    'json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy'
  )
  t.equal(
    validate(spec({ template: { ...template, spec: { ...template.spec, containers: 'web' } } })).failure?.message,
    'json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container'
  )
})
