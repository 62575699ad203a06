// Service validation, in upstream's words.

import { dns1123LabelFaults, dns1123SubdomainFaults, type FieldError, field, validateLabels } from '../../object/index.js'
import { duplicates, inRange, ipFaults, matches, oneOf, protocols, validPort, validPortOrName } from '../validation.js'
import type { Service, ServicePort, ServiceSpec } from './service.js'

const { at, child } = field

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const stickySecondsMax = 86_400

export function validateService(service: Service): FieldError[] {
  const { spec } = service
  const errors: FieldError[] = []
  const headless = spec.clusterIP === 'None'
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') errors.push(field.required('spec.ports'))
  errors.push(...validateOfType(spec, headless), ...validatePorts(spec.ports ?? []))
  errors.push(...validateLabels(spec.selector, 'spec.selector'))
  errors.push(...oneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity'))
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (spec.sessionAffinity === 'ClientIP' && timeout !== undefined && !(timeout > 0 && timeout <= stickySecondsMax)) {
    const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'
    errors.push(field.invalid(path, timeout, `must be greater than 0 and less than ${stickySecondsMax}`))
  }
  errors.push(...oneOf(spec.type, types, 'spec.type'))
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) errors.push(...matches(ip, ipFaults, at('spec.externalIPs', index)))
  if (spec.internalTrafficPolicy !== undefined) {
    errors.push(...oneOf(spec.internalTrafficPolicy, ['Cluster', 'Local'], 'spec.internalTrafficPolicy'))
  }
  return [...errors, ...validateClusterIPs(spec), ...validateTrafficPolicy(spec)]
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors: FieldError[] = []
  // The address of a service is for life, unless it had or gets none.
  const [before] = clusterIPs(old.spec)
  const [after] = clusterIPs(service.spec)
  const bothHave = old.spec.type !== 'ExternalName' && service.spec.type !== 'ExternalName'
  if (bothHave && before !== undefined && before !== after) {
    errors.push(field.invalid('spec.clusterIPs[0]', service.spec.clusterIPs ?? [], 'may not change once set'))
  }
  if (old.spec.loadBalancerClass !== undefined && service.spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer') {
    if (service.spec.loadBalancerClass !== old.spec.loadBalancerClass) {
      errors.push(field.invalid('spec.loadBalancerClass', service.spec.loadBalancerClass, 'may not change once set'))
    }
  }
  return [...errors, ...validateService(service)]
}

const clusterIPs = (spec: ServiceSpec): string[] => spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])

function validateOfType(spec: ServiceSpec, headless: boolean): FieldError[] {
  const errors: FieldError[] = []
  switch (spec.type) {
    case 'LoadBalancer':
    case 'NodePort':
      if (headless) errors.push(field.invalid('spec.clusterIPs[0]', spec.clusterIP, `may not be set to 'None' for ${spec.type} services`))
      break
    case 'ExternalName': {
      if ((spec.clusterIPs ?? []).length > 0) errors.push(field.forbidden('spec.clusterIPs', 'may not be set for ExternalName services'))
      const name = (spec.externalName ?? '').replace(/\.$/, '')
      if (name === '') errors.push(field.required('spec.externalName'))
      else errors.push(...matches(name, dns1123SubdomainFaults, 'spec.externalName'))
      break
    }
  }
  const external = spec.type === 'LoadBalancer' || spec.type === 'NodePort'
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (external || !port.nodePort) continue
    const path = child(at('spec.ports', index), 'nodePort')
    errors.push(field.forbidden(path, `may not be used when \`type\` is '${spec.type}'`))
  }
  return errors
}

function validatePorts(ports: readonly ServicePort[]): FieldError[] {
  const path = 'spec.ports'
  const errors = ports.flatMap((port, index) => {
    const here = at(path, index)
    const found: FieldError[] = []
    if (port.name) found.push(...matches(port.name, dns1123LabelFaults, child(here, 'name')))
    else if (ports.length > 1) found.push(field.required(child(here, 'name')))
    found.push(...validPort(port.port, child(here, 'port')))
    found.push(...oneOf(port.protocol, protocols, child(here, 'protocol')))
    if (port.targetPort !== undefined) found.push(...validPortOrName(port.targetPort, child(here, 'targetPort')))
    if (port.nodePort) found.push(...inRange(port.nodePort, 1, 65535, child(here, 'nodePort')))
    return found
  })
  errors.push(
    ...duplicates(
      ports.map(port => port.name),
      index => child(at(path, index), 'name')
    )
  )
  const seen = new Set<string>()
  const nodePorts = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const key = `${port.protocol}/${port.port}`
    if (seen.has(key)) errors.push(field.duplicate(at(path, index), { port: port.port, protocol: port.protocol }))
    seen.add(key)
    const nodeKey = `${port.protocol}/${port.nodePort}`
    if (port.nodePort && nodePorts.has(nodeKey)) errors.push(field.duplicate(child(at(path, index), 'nodePort'), port.nodePort))
    nodePorts.add(nodeKey)
  }
  return errors
}

function validateClusterIPs(spec: ServiceSpec): FieldError[] {
  const list = spec.clusterIPs ?? []
  if (spec.clusterIP && list.length > 0 && list[0] !== spec.clusterIP) {
    return [field.invalid('spec.clusterIPs', list, 'first value must match `clusterIP`')]
  }
  if (list.length > 2) return [field.invalid('spec.clusterIPs', list, 'may only hold up to 2 values')]
  return list.flatMap((ip, index) => {
    const path = at('spec.clusterIPs', index)
    if (ip === 'None') return list.length > 1 ? [field.invalid(path, ip, "'None' must be the first and only value")] : []
    return matches(ip, ipFaults, path)
  })
}

function validateTrafficPolicy(spec: ServiceSpec): FieldError[] {
  if (!spec.externalTrafficPolicy) return []
  const reachable =
    spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  if (!reachable) {
    const detail = 'may only be set for externally-accessible services'
    return [field.invalid('spec.externalTrafficPolicy', spec.externalTrafficPolicy, detail)]
  }
  return oneOf(spec.externalTrafficPolicy, ['Cluster', 'Local'], 'spec.externalTrafficPolicy')
}
