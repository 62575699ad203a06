// Volumes: the virtual files of a pod's volumes. Pure: what they come from is fetched before and handed in.
//
// An emptyDir lives as long as the pod; hostPath and claims are directories shared by name on the node, empty at first, and gone
// with its containers thread. Other kinds of volume are refused by name: nothing claims to be mounted that is not.

import type { DownwardFile, KeyToPath, Pod, ProjectedSource, Volume } from '../kinds/index.js'
import { type DownwardFacts, fieldValue, resourceValue } from './downward.js'
import { base64Bytes, type Sources } from './environment.js'
import type { VolumeFiles } from './runtime.js'

export interface VolumeSources extends Sources {
  /** A service account token, fetched for this audience; undefined: it could not be had. */
  token(audience: string): string | undefined
}

export type VolumesResult =
  | { readonly ok: true; readonly volumes: readonly VolumeFiles[] }
  | { readonly ok: false; readonly volume: string; readonly message: string }

type Files = Record<string, Uint8Array | string>

class Unmountable extends Error {}

export const volumeName = (pod: Pod, volume: Volume): string => {
  if (volume.hostPath !== undefined) return `host${volume.hostPath.path}`
  const claim = volume.persistentVolumeClaim?.claimName
  if (claim !== undefined) return `claim/${pod.metadata.namespace}/${claim}`
  return `${pod.metadata.uid}/${volume.name}`
}

export function podVolumes(pod: Pod, sources: VolumeSources, facts: DownwardFacts): VolumesResult {
  const volumes: VolumeFiles[] = []
  for (const volume of pod.spec.volumes ?? []) {
    try {
      volumes.push({ name: volumeName(pod, volume), files: filesOf(pod, volume, sources, facts), kept: isKept(volume) })
    } catch (error) {
      if (!(error instanceof Unmountable)) throw error
      return { ok: false, volume: volume.name, message: error.message }
    }
  }
  return { ok: true, volumes }
}

/** Which ConfigMaps, Secrets and token audiences the volumes of a pod come from. */
export function volumeSources(pod: Pod): { configMaps: Set<string>; secrets: Set<string>; audiences: Set<string> } {
  const found = { configMaps: new Set<string>(), secrets: new Set<string>(), audiences: new Set<string>() }
  const add = (to: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== '') to.add(name)
  }
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    add(found.configMaps, configMap?.name)
    add(found.secrets, secret?.secretName)
    for (const source of projected?.sources ?? []) {
      add(found.configMaps, source.configMap?.name)
      add(found.secrets, source.secret?.name)
      if (source.serviceAccountToken !== undefined) found.audiences.add(source.serviceAccountToken.audience ?? '')
    }
  }
  return found
}

const isKept = (volume: Volume): boolean =>
  volume.emptyDir !== undefined || volume.hostPath !== undefined || volume.persistentVolumeClaim !== undefined

function filesOf(pod: Pod, volume: Volume, sources: VolumeSources, facts: DownwardFacts): Files {
  const { configMap, secret, downwardAPI, projected } = volume
  if (isKept(volume)) return {}
  if (configMap !== undefined) return configMapFiles(configMap, pod, sources)
  if (secret !== undefined) return secretFiles({ ...secret, name: secret.secretName }, pod, sources)
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI.items ?? [], pod, facts)
  if (projected !== undefined) {
    return Object.assign({}, ...(projected.sources ?? []).map(source => projectedFiles(source, pod, sources, facts)))
  }
  const kind = Object.keys(volume).find(name => name !== 'name') ?? 'no source'
  if (kind === 'no source') return {}
  throw new Unmountable(`volumes of kind ${kind} are not supported by this node's runtime`)
}

interface KeyedSource {
  readonly name?: string | undefined
  readonly items?: KeyToPath[]
  readonly optional?: boolean
}

function configMapFiles(source: KeyedSource, pod: Pod, sources: Sources): Files {
  const found = sources.configMap(source.name ?? '')
  if (found === undefined && source.optional !== true) throw new Unmountable(`configmap "${source.name}" not found`)
  const binary = Object.entries(found?.binaryData ?? {}).map(([key, value]) => [key, base64Bytes(value)] as const)
  return keyed(source, { ...found?.data, ...Object.fromEntries(binary) }, pod)
}

function secretFiles(source: KeyedSource, pod: Pod, sources: Sources): Files {
  const found = sources.secret(source.name ?? '')
  if (found === undefined && source.optional !== true) throw new Unmountable(`secret "${source.name}" not found`)
  return keyed(source, Object.fromEntries(Object.entries(found?.data ?? {}).map(([key, value]) => [key, base64Bytes(value)])), pod)
}

function keyed({ name, items, optional }: KeyedSource, data: Files, pod: Pod): Files {
  if (items === undefined || items.length === 0) return data
  const files: Files = {}
  for (const { key, path } of items) {
    const value = Object.hasOwn(data, key) ? data[key] : undefined
    if (value !== undefined) files[path] = value
    else if (optional !== true) throw new Unmountable(`references non-existent key ${key} of ${pod.metadata.namespace}/${name}`)
  }
  return files
}

function downwardFiles(items: readonly DownwardFile[], pod: Pod, facts: DownwardFacts): Files {
  const files: Files = {}
  for (const { path, fieldRef, resourceFieldRef } of items) {
    const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
      ({ name }) => name === resourceFieldRef?.containerName
    )
    const value =
      fieldRef !== undefined
        ? fieldValue(pod, fieldRef.fieldPath, facts)
        : container && resourceFieldRef && resourceValue(container, resourceFieldRef.resource, resourceFieldRef.divisor, facts.allocatable)
    if (value === undefined) throw new Unmountable(`no value for ${fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? path}`)
    files[path] = value
  }
  return files
}

function projectedFiles(source: ProjectedSource, pod: Pod, sources: VolumeSources, facts: DownwardFacts): Files {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source
  if (configMap !== undefined) return configMapFiles(configMap, pod, sources)
  if (secret !== undefined) return secretFiles(secret, pod, sources)
  if (downwardAPI !== undefined) return downwardFiles(downwardAPI.items ?? [], pod, facts)
  if (serviceAccountToken !== undefined) {
    const token = sources.token(serviceAccountToken.audience ?? '')
    if (token === undefined)
      throw new Unmountable(`failed to fetch token for service account "${pod.spec.serviceAccountName ?? 'default'}"`)
    return { [serviceAccountToken.path]: token }
  }
  throw new Unmountable(`projected volumes of ${Object.keys(source).join(', ')} are not supported by this node's runtime`)
}
