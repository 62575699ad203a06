// Environment: the variables of a container, and `$(NAME)` in its command, as upstream's makeEnvironmentVariables. Pure: the
// ConfigMaps and Secrets it needs are fetched before and handed in.

import type { ConfigMap, Container, Pod, Secret, Service } from '../kinds/index.js'
import { type DownwardFacts, fieldValue, resourceValue } from './downward.js'

export interface Sources {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
}

export type EnvironmentResult =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string }

class Missing extends Error {}

/** Which ConfigMaps and Secrets the environment of a container comes from. */
export function environmentSources(container: Container): { readonly configMaps: Set<string>; readonly secrets: Set<string> } {
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  const add = (to: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== '') to.add(name)
  }
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    add(configMaps, configMapRef?.name)
    add(secrets, secretRef?.name)
  }
  for (const { valueFrom } of container.env ?? []) {
    add(configMaps, valueFrom?.configMapKeyRef?.name)
    add(secrets, valueFrom?.secretKeyRef?.name)
  }
  return { configMaps, secrets }
}

export function environment(
  pod: Pod,
  container: Container,
  services: Readonly<Record<string, string>>,
  sources: Sources,
  facts: DownwardFacts
): EnvironmentResult {
  try {
    const env: Record<string, string> = { ...services, ...fromSources(container, sources) }
    const known: Record<string, string> = { ...env }
    for (const variable of container.env ?? []) {
      const { name, value, valueFrom } = variable
      const found = valueFrom === undefined ? expand(value ?? '', known) : variableValue(pod, container, variable, sources, facts)
      if (found === undefined) continue
      known[name] = found
      env[name] = found
    }
    return { ok: true, env }
  } catch (error) {
    if (error instanceof Missing) return { ok: false, message: error.message }
    throw error
  }
}

function fromSources(container: Container, sources: Sources): Record<string, string> {
  const env: Record<string, string> = {}
  for (const { configMapRef, secretRef, prefix = '' } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined ? configMapData(configMapRef, sources) : secretRef !== undefined ? secretData(secretRef, sources) : {}
    for (const [name, value] of Object.entries(data)) env[prefix + name] = value
  }
  return env
}

function configMapData({ name = '', optional }: { name?: string; optional?: boolean }, sources: Sources): Record<string, string> {
  const found = sources.configMap(name)
  if (found === undefined && optional !== true) throw new Missing(`configmap "${name}" not found`)
  return found?.data ?? {}
}

function secretData({ name = '', optional }: { name?: string; optional?: boolean }, sources: Sources): Record<string, string> {
  const found = sources.secret(name)
  if (found === undefined && optional !== true) throw new Missing(`secret "${name}" not found`)
  return Object.fromEntries(Object.entries(found?.data ?? {}).map(([key, value]) => [key, utf8(value)]))
}

function variableValue(
  pod: Pod,
  container: Container,
  { valueFrom }: NonNullable<Container['env']>[number],
  sources: Sources,
  facts: DownwardFacts
): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom ?? {}
  if (fieldRef !== undefined) {
    const value = fieldValue(pod, fieldRef.fieldPath, facts)
    if (value === undefined) throw new Missing(`unsupported fieldPath: ${fieldRef.fieldPath}`)
    return value
  }
  if (resourceFieldRef !== undefined) {
    const of = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === resourceFieldRef.containerName)
    const value = resourceValue(of ?? container, resourceFieldRef.resource, resourceFieldRef.divisor, facts.allocatable)
    if (value === undefined) throw new Missing(`unsupported container resource : ${resourceFieldRef.resource}`)
    return value
  }
  if (configMapKeyRef !== undefined) return keyOf('ConfigMap', configMapKeyRef, configMapData(configMapKeyRef, sources), pod)
  if (secretKeyRef !== undefined) return keyOf('Secret', secretKeyRef, secretData(secretKeyRef, sources), pod)
  throw new Missing('fileKeyRef is not supported by this kubelet')
}

function keyOf(
  kind: 'ConfigMap' | 'Secret',
  reference: { key: string; name?: string; optional?: boolean },
  data: Readonly<Record<string, string>>,
  pod: Pod
): string | undefined {
  const value = Object.hasOwn(data, reference.key) ? data[reference.key] : undefined
  if (value !== undefined || reference.optional === true) return value
  throw new Missing(`couldn't find key ${reference.key} in ${kind} ${pod.metadata.namespace}/${reference.name}`)
}

/** `$(NAME)` becomes the value; `$$(NAME)` stays `$(NAME)`; what is not known stays as it is. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$'
    return Object.hasOwn(env, name) ? (env[name] as string) : whole
  })
}

/** Variables of services, as links of Docker once were: those of the pod's namespace, and the API's own in any case. */
export function serviceVariables(services: readonly Service[], links: boolean, namespace: string): Record<string, string> {
  const env: Record<string, string> = {}
  for (const service of services) {
    const { name = '', namespace: of } = service.metadata
    const master = of === 'default' && name === 'kubernetes'
    const ip = service.spec?.clusterIP
    if ((!master && !(links && of === namespace)) || ip === undefined || ip === '' || ip === 'None') continue
    const prefix = name.toUpperCase().replaceAll('-', '_')
    const ports = service.spec?.ports ?? []
    const first = ports[0]
    if (first === undefined) continue
    env[`${prefix}_SERVICE_HOST`] = ip
    env[`${prefix}_SERVICE_PORT`] = String(first.port)
    for (const port of ports) {
      if (port.name !== undefined && port.name !== '') {
        env[`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`] = String(port.port)
      }
    }
    env[`${prefix}_PORT`] = `${(first.protocol ?? 'TCP').toLowerCase()}://${ip}:${first.port}`
    for (const { port, protocol = 'TCP' } of ports) {
      const at = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
      env[at] = `${protocol.toLowerCase()}://${ip}:${port}`
      env[`${at}_PROTO`] = protocol.toLowerCase()
      env[`${at}_PORT`] = String(port)
      env[`${at}_ADDR`] = ip
    }
  }
  return env
}

const decoder = new TextDecoder()

export function base64Bytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), char => char.charCodeAt(0))
}

const utf8 = (base64: string): string => decoder.decode(base64Bytes(base64))
