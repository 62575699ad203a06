// pki: the cluster's certificates and the kubeconfig that goes with them.

export { type Identity, writeKubeconfig } from './kubeconfig.js'
export { ensurePki, type Pki, type PkiOptions } from './pki.js'
