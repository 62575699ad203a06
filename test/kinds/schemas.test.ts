// Kinds against the generated schemas: every kind has one, its own defaults pass it, and patches merge as it says.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { apiVersionOf, deploymentKind, kinds, podKind } from '../../lib/kinds/index.js'
import {
  applyStrategicMergePatch,
  cloneJson,
  createValidators,
  type Json,
  type Schema,
  updateManagedFields
} from '../../lib/object/index.js'

const file = new URL('../../resources/schemas.json', import.meta.url)
const models: Record<string, Schema> = JSON.parse(readFileSync(file, 'utf8'))
const schemas = { get: (name: string): Schema | undefined => models[name] }
const validators = createValidators(schemas)

t.test('what defaults write, the schema knows', async t => {
  const container = {
    name: 'c',
    image: 'i',
    livenessProbe: { grpc: { port: 1 } },
    env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }]
  }
  const template = {
    metadata: { labels: { a: 'b' } },
    spec: { containers: [container], volumes: [{ name: 'v' }, { name: 'h', hostPath: { path: '/' } }] }
  }
  const bodies: Record<string, object> = {
    Pod: template,
    Deployment: { spec: { selector: { matchLabels: { a: 'b' } }, template } },
    ReplicaSet: { spec: { selector: { matchLabels: { a: 'b' } }, template } },
    Service: { spec: { type: 'LoadBalancer', sessionAffinity: 'ClientIP', ports: [{ port: 1 }] } },
    Secret: { stringData: { a: 'b' } },
    EndpointSlice: { addressType: 'IPv4', endpoints: [], ports: [{ port: 1 }] },
    Node: { status: { capacity: { cpu: '2' } } }
  }
  for (const kind of kinds) {
    t.ok(models[kind.schemaName], kind.schemaName)
    const validate = validators.get(kind.schemaName)
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name: 'x' }, ...cloneJson(bodies[kind.kind] ?? {}) }
    kind.defaults(object)
    kind.prepareForCreate(object)
    const before = JSON.stringify(object)
    const result = validate?.(cloneJson(object))
    t.match(result, { unknown: [] }, `${kind.schemaName}: ${before}`)
  }
})

t.test('strategic merge by the real schema', async t => {
  const deployment = {
    spec: {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
      template: {
        spec: {
          containers: [
            { name: 'a', image: 'x:1', ports: [{ containerPort: 80, protocol: 'TCP' }], env: [{ name: 'E', value: '1' }], args: ['1'] },
            { name: 'b' }
          ],
          tolerations: [{ key: 'k' }],
          volumes: [{ name: 'v', emptyDir: {} }]
        }
      }
    }
  }
  const patch = {
    spec: {
      strategy: { $retainKeys: ['type'], type: 'Recreate' },
      template: {
        spec: {
          '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
          containers: [
            { name: 'a', image: 'x:2', ports: [{ containerPort: 80, name: 'http' }], env: [{ name: 'F', value: '2' }], args: ['2'] }
          ],
          tolerations: [{ key: 'l' }],
          volumes: [{ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'm' } }]
        }
      }
    }
  }
  const result = applyStrategicMergePatch(deployment as Json, patch as Json, deploymentKind.schemaName, schemas)
  t.strictSame(result.ok && result.value, {
    spec: {
      strategy: { type: 'Recreate' },
      template: {
        spec: {
          containers: [
            {
              name: 'a',
              image: 'x:2',
              ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }],
              env: [
                { name: 'F', value: '2' },
                { name: 'E', value: '1' }
              ],
              args: ['2']
            },
            { name: 'b' }
          ],
          tolerations: [{ key: 'l' }],
          volumes: [{ name: 'v', configMap: { name: 'm' } }]
        }
      }
    }
  })
})

t.test('managed fields by the real schema', async t => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x', labels: { a: 'b' } },
    spec: { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '1' } } }], nodeSelector: { x: 'y' } }
  }
  const manager = { manager: 'kubectl', apiVersion: 'v1', time: '2025-01-01T00:00:00Z' }
  const [entry] = updateManagedFields(pod, undefined, manager, { schemas, schemaName: podKind.schemaName })
  t.strictSame(entry?.fieldsV1, {
    'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
    'f:spec': {
      'f:containers': {
        'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {}, 'f:resources': { '.': {}, 'f:limits': { '.': {}, 'f:cpu': {} } } }
      },
      'f:nodeSelector': {}
    }
  })
})
