// proxy: what a kube-proxy thinks with: the rules of services, and who gets the next connection.

export { Balancer } from './balancer.js'
export { addressesOfName, type NameSource } from './names.js'
export { type NodeView, type Rule, ruleName, rulesOf, serviceNameLabel } from './rules.js'
