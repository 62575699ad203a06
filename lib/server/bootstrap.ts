// Bootstrap: what a cluster has before anybody made anything: upstream's system namespaces, and the Service by which the API is
// reached from inside. Made by whichever apiserver comes first; the others find them there.

import { type Flow, sleep } from '../actor/index.js'
import { addressAt, parseCidr } from './cidr.js'

export const systemNamespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system']

/** A request of the server's own: creates, or with PATCH applies, an object; the status of the answer. */
export type Send = (method: 'POST' | 'PATCH', path: string, object: object) => Flow<number>

const retryMs = 200
const triesMax = 150 // Half a minute of a store that does not answer; each apiserver's start tries again.

export function* bootstrap(send: Send, serviceCidr: string, endpoint: { readonly address: string; readonly port: number }): Flow<void> {
  for (const name of systemNamespaces)
    yield* ensure(send, 'POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const labels = { component: 'apiserver', provider: 'kubernetes' }
  const clusterIP = addressAt(parseCidr(serviceCidr), 1)
  yield* ensure(send, 'POST', '/api/v1/namespaces/default/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', labels },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: endpoint.port }],
      sessionAffinity: 'None'
    }
  })
  // Applied, since the address may be another than at the last start. Of several apiservers the last to start is named.
  const slice = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes?fieldManager=kube-apiserver&force=true'
  yield* ensure(send, 'PATCH', slice, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [endpoint.address], conditions: { ready: true } }],
    ports: [{ name: 'https', port: endpoint.port, protocol: 'TCP' }]
  })
}

function* ensure(send: Send, method: 'POST' | 'PATCH', path: string, object: object): Flow<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    const status = yield* send(method, path, object)
    if (status < 500 && status !== 404) return // Made, or there already, or refused for good.
    yield* sleep('real', retryMs)
  }
}
