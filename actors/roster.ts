// Roster: every actor a host can start, by name. The one place that loads code by need: a thread imports only what it plays.

import type { AnyActor } from '../lib/actor/index.js'

const sources: Readonly<Record<string, () => Promise<unknown>>> = {
  apiserver: async () => (await import('./apiserver.js')).apiserver,
  container: async () => (await import('./container.js')).container,
  containers: async () => (await import('./containers.js')).containers,
  controller: async () => (await import('./controller.js')).controller,
  'controller-manager': async () => (await import('./controller-manager.js')).controllerManager,
  etcd: async () => (await import('./etcd.js')).etcd,
  'etcd-storage': async () => (await import('./etcd-storage.js')).etcdStorage,
  fabric: async () => (await import('./fabric.js')).fabric,
  'kube-proxy': async () => (await import('./kube-proxy.js')).kubeProxy,
  kubelet: async () => (await import('./kubelet.js')).kubelet,
  scheduler: async () => (await import('./scheduler.js')).scheduler,
  store: async () => (await import('./store.js')).store,
  supervisor: async () => (await import('./supervisor.js')).supervisorOf(find)
}

const loaded = new Map<string, AnyActor>()

export const actorNames: readonly string[] = Object.keys(sources)

export async function load(name: string): Promise<AnyActor> {
  const source = sources[name]
  if (source === undefined) throw new Error(`no actor is called ${name}; there are ${actorNames.join(', ')}`)
  const actor = loaded.get(name) ?? ((await source()) as AnyActor)
  loaded.set(name, actor)
  return actor
}

/** Loads every actor: a simulator starts them without waiting. */
export async function loadAll(): Promise<void> {
  for (const name of actorNames) await load(name)
}

/** An actor that was loaded; else only its name, which is all that starting it in another thread takes. */
export function find(name: string): AnyActor {
  return loaded.get(name) ?? { name, init: () => undefined, on: {} }
}
