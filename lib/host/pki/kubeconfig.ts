// Kubeconfig: the file kubectl reads to find the cluster and to prove who it is.

import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Issued } from './certificates.js'
import { replace } from './pki.js'

export interface Identity {
  readonly cluster: string
  readonly user: string
  readonly server: string // https://127.0.0.1:6443
  readonly caPem: string
  readonly client: Issued
  readonly namespace?: string
}

/** JSON, which is YAML too. It holds a private key: nobody but its owner may read it. */
export function writeKubeconfig(path: string, { cluster, user, server, caPem, client, namespace }: Identity): void {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const context = `${user}@${cluster}`
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    contexts: [{ name: context, context: { cluster, user, ...(namespace === undefined ? {} : { namespace }) } }],
    users: [{ name: user, user: { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) } }]
  }
  mkdirSync(dirname(path), { recursive: true })
  replace(path, `${JSON.stringify(config, null, 2)}\n`)
  chmodSync(path, 0o600)
}
