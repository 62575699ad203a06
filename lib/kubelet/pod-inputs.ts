// PodInputs: fetches what a pod's containers are told at their start: ConfigMaps, Secrets, tokens, services; and makes of it
// their volumes and environment. Flows; a failure is a message in upstream's words, and is tried again by the caller.

import type { Flow } from '../actor/index.js'
import { type Resource, resourcePath, resources } from '../client/index.js'
import type { ConfigMap, Container, Pod, Secret } from '../kinds/index.js'
import type { ApiObject } from '../object/index.js'
import type { DownwardFacts } from './downward.js'
import { type EnvironmentResult, environment, environmentSources, serviceVariables } from './environment.js'
import type { PodHost } from './pod-host.js'
import { podVolumes, type VolumesResult, volumeSources } from './volumes.js'

const tokenSeconds = 3607 // As upstream's default of projected tokens.

export function* fetchVolumes(host: PodHost, pod: Pod, podIp: string): Flow<VolumesResult> {
  const needed = volumeSources(pod)
  const configMaps = yield* fetchAll<ConfigMap>(host, pod, resources.configMaps, needed.configMaps)
  const secrets = yield* fetchAll<Secret>(host, pod, resources.secrets, needed.secrets)
  const tokens = new Map<string, string>()
  for (const audience of needed.audiences) {
    const token = yield* fetchToken(host, pod, audience)
    if (token !== undefined) tokens.set(audience, token)
  }
  const sources = {
    configMap: (name: string) => configMaps.get(name),
    secret: (name: string) => secrets.get(name),
    token: (audience: string) => tokens.get(audience)
  }
  return podVolumes(pod, sources, downwardFacts(host, podIp))
}

export function* fetchEnvironment(host: PodHost, pod: Pod, container: Container, podIp: string): Flow<EnvironmentResult> {
  const needed = environmentSources(container)
  const configMaps = yield* fetchAll<ConfigMap>(host, pod, resources.configMaps, needed.configMaps)
  const secrets = yield* fetchAll<Secret>(host, pod, resources.secrets, needed.secrets)
  const { namespace = '' } = pod.metadata
  const links = pod.spec.enableServiceLinks !== false
  const listed = links ? yield* host.client.list(resources.services, { namespace }) : undefined
  const master =
    namespace === 'default' && links ? undefined : yield* host.client.get(resources.services, { namespace: 'default', name: 'kubernetes' })
  const services = [...(master?.ok === true ? [master.value] : []), ...(listed?.ok === true ? listed.value.items : [])]
  const sources = { configMap: (name: string) => configMaps.get(name), secret: (name: string) => secrets.get(name) }
  return environment(pod, container, serviceVariables(services, links, namespace), sources, downwardFacts(host, podIp))
}

const downwardFacts = ({ facts }: PodHost, podIp: string): DownwardFacts => ({
  nodeName: facts.name,
  hostIp: facts.hostIp,
  podIp,
  allocatable: facts.capacity
})

// What cannot be fetched is absent: the reader of it says what is missing.
function* fetchAll<T extends ApiObject>(host: PodHost, pod: Pod, resource: Resource<T>, names: ReadonlySet<string>): Flow<Map<string, T>> {
  const found = new Map<string, T>()
  for (const name of names) {
    const result = yield* host.client.get(resource, { namespace: pod.metadata.namespace, name })
    if (result.ok) found.set(name, result.value)
  }
  return found
}

function* fetchToken(host: PodHost, pod: Pod, audience: string): Flow<string | undefined> {
  const { namespace, name, uid } = pod.metadata
  const account = pod.spec.serviceAccountName ?? 'default'
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: audience === '' ? [] : [audience],
      expirationSeconds: tokenSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid }
    }
  }
  const path = resourcePath(resources.serviceAccounts, { namespace, name: account }, 'token')
  const result = yield* host.client.call<{ status?: { token?: string } }>('POST', path, body)
  if (!result.ok) host.ctx.log('no token', { pod: `${namespace}/${name}`, message: result.error.message })
  return result.ok ? result.value.status?.token : undefined
}
