// Container validation: images, ports, environment, mounts, probes and resources, in upstream's words.

import {
  compareQuantities,
  dns1123LabelFaults,
  envNameFaults,
  type FieldError,
  field,
  formatQuantity,
  parseQuantity,
  qualifiedNameFaults
} from '../../object/index.js'
import {
  duplicates,
  inRange,
  ipFaults,
  matches,
  nonNegative,
  oneOf,
  protocols,
  requiredMatch,
  validPort,
  validPortOrName
} from '../validation.js'
import type { Container, EnvVar, Handler, Lifecycle, Probe, ResourceRequirements } from './pod-spec.js'

const { at, child } = field

export interface ContainerContext {
  readonly volumes: ReadonlySet<string>
  readonly hostNetwork: boolean
}

export function validateContainers(containers: readonly Container[], path: string, context: ContainerContext): FieldError[] {
  if (containers.length === 0) return [field.required(path)]
  return [
    ...containers.flatMap((container, index) => validateContainer(container, at(path, index), context)),
    ...duplicates(names(containers), index => child(at(path, index), 'name')),
    ...hostPortConflicts(containers, path)
  ]
}

export function validateInitContainers(
  containers: readonly Container[],
  regular: readonly Container[],
  path: string,
  context: ContainerContext
): FieldError[] {
  const taken = new Set(names(regular))
  return containers.flatMap((container, index) => {
    const here = at(path, index)
    const errors = validateContainer(container, here, context)
    if (taken.has(container.name) && container.name !== '') errors.push(field.duplicate(child(here, 'name'), container.name))
    taken.add(container.name)
    if (container.restartPolicy === 'Always') return errors
    const detail = 'may not be set for init containers without restartPolicy=Always'
    for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[name] !== undefined) errors.push(field.forbidden(child(here, name), detail))
    }
    return errors
  })
}

const names = (containers: readonly Container[]): string[] => containers.map(container => container.name)

function validateContainer(container: Container, path: string, context: ContainerContext): FieldError[] {
  return [
    ...requiredMatch(container.name, dns1123LabelFaults, child(path, 'name')),
    ...validateImage(container.image, child(path, 'image')),
    ...validatePorts(container, child(path, 'ports'), context.hostNetwork),
    ...(container.env ?? []).flatMap((variable, index) => validateEnv(variable, at(child(path, 'env'), index))),
    ...validateEnvFrom(container, child(path, 'envFrom')),
    ...validateMounts(container, child(path, 'volumeMounts'), context.volumes),
    ...oneOf(container.terminationMessagePolicy, ['FallbackToLogsOnError', 'File'], child(path, 'terminationMessagePolicy')),
    ...oneOf(container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'], child(path, 'imagePullPolicy')),
    ...validateResources(container.resources, child(path, 'resources')),
    ...validateLifecycle(container.lifecycle, child(path, 'lifecycle')),
    ...validateProbes(container, path)
  ]
}

function validateImage(image: string | undefined, path: string): FieldError[] {
  if (image === undefined || image.trim() === '') return [field.required(path)]
  return image === image.trim() ? [] : [field.invalid(path, image, 'must not have leading or trailing whitespace')]
}

function validatePorts(container: Container, path: string, hostNetwork: boolean): FieldError[] {
  const ports = container.ports ?? []
  const errors = ports.flatMap((port, index) => {
    const here = at(path, index)
    const found: FieldError[] = []
    if (port.name) found.push(...validPortOrName(port.name, child(here, 'name')))
    if (!port.containerPort) found.push(field.required(child(here, 'containerPort')))
    else found.push(...validPort(port.containerPort, child(here, 'containerPort')))
    if (port.hostPort) found.push(...validPort(port.hostPort, child(here, 'hostPort')))
    if (hostNetwork && port.hostPort && port.hostPort !== port.containerPort) {
      const detail = 'must match `containerPort` when `hostNetwork` is true'
      found.push(field.invalid(child(here, 'containerPort'), port.containerPort, detail))
    }
    found.push(...oneOf(port.protocol, protocols, child(here, 'protocol')))
    if (port.hostIP) found.push(...matches(port.hostIP, ipFaults, child(here, 'hostIP')))
    return found
  })
  const named = duplicates(
    ports.map(port => port.name),
    index => child(at(path, index), 'name')
  )
  return [...errors, ...named]
}

function hostPortConflicts(containers: readonly Container[], path: string): FieldError[] {
  const seen = new Set<string>()
  return containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, portIndex) => {
      if (!port.hostPort) return []
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`
      if (seen.has(key)) return [field.duplicate(child(at(child(at(path, index), 'ports'), portIndex), 'hostPort'), key)]
      seen.add(key)
      return []
    })
  )
}

function validateEnv(variable: EnvVar, path: string): FieldError[] {
  const errors = requiredMatch(variable.name, envNameFaults, child(path, 'name'))
  const source = variable.valueFrom
  if (source === undefined) return errors
  const here = child(path, 'valueFrom')
  const given = Object.values(source).filter(value => value !== undefined).length
  if (given === 0) {
    errors.push(field.invalid(here, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'))
  } else if ((variable.value ?? '') !== '') {
    errors.push(field.invalid(here, '', 'may not be specified when `value` is not empty'))
  } else if (given > 1) {
    errors.push(field.invalid(here, '', 'may not have more than one field specified at a time'))
  }
  if (source.fieldRef !== undefined && !source.fieldRef.fieldPath) errors.push(field.required(child(here, 'fieldRef', 'fieldPath')))
  if (source.resourceFieldRef !== undefined && !source.resourceFieldRef.resource) {
    errors.push(field.required(child(here, 'resourceFieldRef', 'resource')))
  }
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[name]
    if (reference !== undefined && !reference.key) errors.push(field.required(child(here, name, 'key')))
  }
  return errors
}

function validateEnvFrom(container: Container, path: string): FieldError[] {
  return (container.envFrom ?? []).flatMap((source, index) => {
    const here = at(path, index)
    const errors = source.prefix ? matches(source.prefix, envNameFaults, child(here, 'prefix')) : []
    if (source.configMapRef === undefined && source.secretRef === undefined) {
      errors.push(field.invalid(here, '', 'must specify one of: `configMapRef` or `secretRef`'))
    } else if (source.configMapRef !== undefined && source.secretRef !== undefined) {
      errors.push(field.invalid(here, '', 'may not have more than one field specified at a time'))
    } else if (!(source.configMapRef ?? source.secretRef)?.name) {
      errors.push(field.required(child(here, source.secretRef === undefined ? 'configMapRef' : 'secretRef', 'name')))
    }
    return errors
  })
}

function validateMounts(container: Container, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const paths = new Set<string>()
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const here = at(path, index)
    const errors: FieldError[] = []
    if (!mount.name) errors.push(field.required(child(here, 'name')))
    if (!volumes.has(mount.name)) errors.push(field.notFound(child(here, 'name'), mount.name))
    if (!mount.mountPath) errors.push(field.required(child(here, 'mountPath')))
    if (paths.has(mount.mountPath)) errors.push(field.invalid(child(here, 'mountPath'), mount.mountPath, 'must be unique'))
    paths.add(mount.mountPath)
    if (mount.subPath?.startsWith('/')) errors.push(field.invalid(child(here, 'subPath'), mount.subPath, 'must be a relative path'))
    if (mount.subPath?.split('/').includes('..')) errors.push(field.invalid(child(here, 'subPath'), mount.subPath, "must not contain '..'"))
    return errors
  })
}

const standardResources = ['cpu', 'memory', 'ephemeral-storage']

export function validateResources(resources: ResourceRequirements | undefined, path: string): FieldError[] {
  if (resources === undefined) return []
  const errors: FieldError[] = []
  for (const list of ['limits', 'requests'] as const) {
    for (const [name, text] of Object.entries(resources[list] ?? {}))
      errors.push(...validateAmount(name, text, at(child(path, list), name)))
  }
  for (const [name, text] of Object.entries(resources.requests ?? {})) {
    const limitText = resources.limits !== undefined && Object.hasOwn(resources.limits, name) ? resources.limits[name] : undefined
    const request = parseQuantity(text)
    const limit = limitText === undefined ? undefined : parseQuantity(limitText)
    if (!request.ok || limit?.ok !== true || compareQuantities(request.quantity, limit.quantity) <= 0) continue
    const detail = `must be less than or equal to ${name} limit of ${formatQuantity(limit.quantity)}`
    errors.push(field.invalid(child(path, 'requests'), formatQuantity(request.quantity), detail))
  }
  return errors
}

function validateAmount(name: string, text: string, path: string): FieldError[] {
  const errors = matches(name, qualifiedNameFaults, path)
  if (errors.length === 0 && !name.includes('/') && !standardResources.includes(name) && !name.startsWith('hugepages-')) {
    errors.push(field.invalid(path, name, 'must be a standard resource for containers'))
  }
  const amount = parseQuantity(text)
  if (!amount.ok) return [...errors, field.invalid(path, text, amount.fault)]
  if (amount.quantity.nano < 0n) errors.push(field.invalid(path, formatQuantity(amount.quantity), 'must be greater than or equal to 0'))
  return errors
}

function validateLifecycle(lifecycle: Lifecycle | undefined, path: string): FieldError[] {
  return (['postStart', 'preStop'] as const).flatMap(name => {
    const handler = lifecycle?.[name]
    return handler === undefined ? [] : validateHandler(handler, child(path, name))
  })
}

function validateProbes(container: Container, path: string): FieldError[] {
  return (['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap(name => {
    const probe = container[name]
    if (probe === undefined) return []
    const here = child(path, name)
    const errors = validateProbe(probe, here)
    if (name !== 'readinessProbe' && probe.successThreshold !== 1) {
      errors.push(field.invalid(child(here, 'successThreshold'), probe.successThreshold ?? 0, 'must be 1'))
    }
    if (name === 'readinessProbe' && probe.terminationGracePeriodSeconds !== undefined) {
      errors.push(
        field.invalid(
          child(here, 'terminationGracePeriodSeconds'),
          probe.terminationGracePeriodSeconds,
          'must not be set for readinessProbes'
        )
      )
    }
    return errors
  })
}

function validateProbe(probe: Probe, path: string): FieldError[] {
  const errors = validateHandler(probe, path)
  for (const name of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    errors.push(...nonNegative(probe[name], child(path, name)))
  }
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) {
    errors.push(field.invalid(child(path, 'terminationGracePeriodSeconds'), probe.terminationGracePeriodSeconds, 'must be greater than 0'))
  }
  return errors
}

function validateHandler(handler: Probe & Handler, path: string): FieldError[] {
  const errors: FieldError[] = []
  let count = 0
  const seen = (name: string): void => {
    if (count++ > 0) errors.push(field.forbidden(child(path, name), 'may not specify more than 1 handler type'))
  }
  if (handler.exec !== undefined) {
    seen('exec')
    if ((handler.exec.command ?? []).length === 0) errors.push(field.required(child(path, 'exec', 'command')))
  }
  if (handler.httpGet !== undefined) {
    seen('httpGet')
    const here = child(path, 'httpGet')
    if (!handler.httpGet.path) errors.push(field.required(child(here, 'path')))
    errors.push(...validPortOrName(handler.httpGet.port, child(here, 'port')))
    errors.push(...oneOf(handler.httpGet.scheme, ['HTTP', 'HTTPS'], child(here, 'scheme')))
  }
  if (handler.tcpSocket !== undefined) {
    seen('tcpSocket')
    errors.push(...validPortOrName(handler.tcpSocket.port, child(path, 'tcpSocket', 'port')))
  }
  if (handler.grpc !== undefined) {
    seen('grpc')
    errors.push(...validPort(handler.grpc.port, child(path, 'grpc', 'port')))
  }
  if (handler.sleep !== undefined) {
    seen('sleep')
    errors.push(...inRange(handler.sleep.seconds, 0, Number.MAX_SAFE_INTEGER, child(path, 'sleep', 'seconds')))
  }
  if (count === 0) errors.push(field.required(path, 'must specify a handler type'))
  return errors
}
