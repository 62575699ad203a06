// A pod of the size that a cluster is full of: 755 bytes as JSON.

export const pod = (n: number): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `web-7d4b9c6f5-${String(n).padStart(5, '0')}`,
    namespace: 'default',
    uid: `0e7c2c1e-0000-4000-8000-${String(n).padStart(12, '0')}`,
    resourceVersion: String(10_000 + n),
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'web', 'pod-template-hash': '7d4b9c6f5' },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web-7d4b9c6f5',
        uid: '0e7c2c1e-0000-4000-8000-000000000001',
        controller: true,
        blockOwnerDeletion: true
      }
    ]
  },
  spec: {
    containers: [
      { name: 'c', image: 'nginx:1.27', resources: { requests: { cpu: '100m', memory: '64Mi' } }, ports: [{ containerPort: 80 }] }
    ],
    nodeName: 'worker-1',
    restartPolicy: 'Always',
    serviceAccountName: 'default'
  },
  status: {
    phase: 'Running',
    podIP: '127.244.0.7',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }]
  }
})
