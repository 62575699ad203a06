// Resolver: what /etc/resolv.conf says in a pod, and with it how short names are searched. Pure.
//
// As upstream for each dnsPolicy; `Default` is the host's own resolver there, and has no search here: a stand-in's names
// are those of the cluster, whatever the host can look up. Names are answered by the node's kube-proxy, so the nameserver
// shown is the node; nothing listens there for DNS.

import { clusterDomain, type Pod } from '../kinds/index.js'

const searchesMax = 32 // Both as upstream's limits.
const nameserversMax = 3

export function resolvConf({ metadata, spec }: Pod, hostIp: string): string {
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {}
  const clusterFirst =
    spec.dnsPolicy === 'ClusterFirstWithHostNet' || (spec.hostNetwork !== true && (spec.dnsPolicy ?? 'ClusterFirst') === 'ClusterFirst')
  const own = spec.dnsPolicy === 'None' ? [] : [hostIp]
  const cluster = clusterFirst ? [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain] : []
  const servers = unique([...own, ...nameservers]).slice(0, nameserversMax)
  const domains = unique([...cluster, ...searches]).slice(0, searchesMax)
  const named = new Map(clusterFirst ? [['ndots', '5']] : [])
  for (const { name = '', value = '' } of options) if (name !== '') named.set(name, value)
  const settings = [...named].map(([name, value]) => (value === '' ? name : `${name}:${value}`))
  return [
    ...(domains.length === 0 ? [] : [`search ${domains.join(' ')}`]),
    ...servers.map(server => `nameserver ${server}`),
    ...(settings.length === 0 ? [] : [`options ${settings.join(' ')}`]),
    ''
  ].join('\n')
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)]
