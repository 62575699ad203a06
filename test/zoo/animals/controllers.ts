// Animals of those who use the API: informers, controllers, and two schedulers.

import type { Animal } from '../animal.js'

export const controllerAnimals: readonly Animal[] = [
  {
    name: 'a controller writes its status over what a user wrote meanwhile',
    modelledOn:
      'Kubernetes [API conventions](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#concurrency-control-and-consistency): who writes back an object says at which resourceVersion it was read',
    file: 'lib/controllers/deployment-rollout.ts',
    replace: [
      [
        'updateStatus(resources.deployments, next)',
        'updateStatus(resources.deployments, { ...next, metadata: { ...next.metadata, resourceVersion: undefined as unknown as string } })'
      ]
    ],
    habitat: 'rollouts',
    caught: { seeds: 9, of: 10 },
    seedsMax: 10,
    caughtBy: ['a write takes effect at most once']
  },
  {
    name: 'a relist does not notice what was deleted',
    modelledOn:
      'Kubernetes [#115658](https://github.com/kubernetes/kubernetes/issues/115658), an informer that misses deletions on a relist',
    file: 'lib/client/informer.ts',
    replace: [
      [
        '    for (const key of [...this.#store.keys()]) if (!present.has(key)) this.#forget(key, undefined)\n',
        "    if (present.size < 0) this.#forget('', undefined)\n"
      ]
    ],
    habitat: 'holders',
    caught: { seeds: 8, of: 12 },
    seedsMax: 10,
    caughtBy: [
      'once all faults have ended, what an informer holds and has told its handlers is what there is',
      'once all faults have ended, the cluster becomes what was asked for'
    ]
  },
  {
    name: 'an informer tells again what a list repeats',
    modelledOn:
      'client-go’s [informers](https://pkg.go.dev/k8s.io/client-go/tools/cache#SharedInformer): a client’s handlers are notified of the states of an object in order',
    file: 'lib/client/informer.ts',
    replace: [
      ['    if (old !== undefined && !isNewer(object, old)) return\n', '    if (old !== undefined && isNewer(old, object)) return\n']
    ],
    habitat: 'holders',
    caught: { seeds: 7, of: 8 },
    seedsMax: 10,
    caughtBy: ['an informer tells its handlers of the changes of an object in their order, each once']
  },
  {
    name: 'a controller forgets what it has just created',
    modelledOn: 'KubeRay [#715](https://github.com/ray-project/kuberay/issues/715), more pods than asked for, from a cache that was behind',
    file: 'lib/controllers/expectations.ts',
    replace: [['    if (expected === undefined) return true\n', '    if (expected === undefined || nowMs >= 0) return true\n']],
    habitat: 'rollouts',
    caught: { seeds: 6, of: 12 },
    seedsMax: 12,
    caughtBy: ['a replica set never has more pods than were asked for, creations in doubt aside']
  },
  {
    name: 'a pod that is bound is bound again',
    modelledOn: 'Kubernetes [#1139](https://github.com/kubernetes/kubernetes/issues/1139), pods scheduled twice',
    file: 'lib/server/subresources.ts',
    replace: [['if (pod.spec.nodeName) throw conflict(', "if (pod.spec.nodeName === '') throw conflict("]],
    habitat: 'schedulers',
    caught: { seeds: 10, of: 10 },
    seedsMax: 10,
    caughtBy: ['a pod is bound to one node, once']
  }
]
