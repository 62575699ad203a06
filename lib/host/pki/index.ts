// pki: the cluster's certificates and the kubeconfig that goes with them.

export { writeKubeconfig } from './kubeconfig.js'
export { ensurePki, type Pki } from './pki.js'
