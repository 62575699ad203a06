// Authentication: who asks. Over HTTPS the client certificate says so; inside the process the sender's address does.

import { machineOf } from '../actor/index.js'

export interface User {
  readonly name: string
  readonly groups: readonly string[]
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
export const mastersGroup = 'system:masters'
const authenticated = 'system:authenticated'

/** As upstream: the common name is the user, the organizations are its groups. */
export function userOfCertificate(
  client: { readonly commonName: string; readonly organizations: readonly string[] } | null
): User | undefined {
  return client === null ? undefined : { name: client.commonName, groups: [...client.organizations, authenticated] }
}

const knownMax = 8192
const known = new Map<string, User>()

/** Addresses cannot be forged: the host writes them. */
export function userOfAddress(address: string): User {
  const user = known.get(address) ?? userAnew(address)
  if (known.size >= knownMax) known.clear()
  known.set(address, user)
  return user
}

function userAnew(address: string): User {
  const machine = machineOf(address)
  const actor = address.slice(machine.length + 1)
  switch (actor) {
    case 'scheduler':
      return component('system:kube-scheduler')
    case 'controller-manager':
      return component('system:kube-controller-manager')
    case 'apiserver':
      return { name: 'system:apiserver', groups: [mastersGroup, authenticated] }
    case 'kubelet':
      return { name: `system:node:${machine}`, groups: ['system:nodes', authenticated] }
    case 'kube-proxy':
      return component('system:kube-proxy')
  }
  // Many nodes in one thread: `worker-1/kubelet-7` is the kubelet of the node of that name.
  const { node } = /^kubelet-(?<node>.+)$/.exec(actor)?.groups ?? {}
  if (node !== undefined) return { name: `system:node:${node}`, groups: ['system:nodes', authenticated] }
  if (machine === 'root') return { name: 'system:root', groups: [mastersGroup, authenticated] }
  if (actor.endsWith('-controller') || actor.endsWith('garbage-collector')) return serviceAccount('kube-system', actor)
  return anonymous
}

const component = (name: string): User => ({ name, groups: [authenticated] })

export const serviceAccount = (namespace: string, name: string): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, authenticated]
})
