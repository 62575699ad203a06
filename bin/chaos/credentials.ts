// Credentials: where a kubeconfig of ours points, and the certificates it holds.

import { readFileSync } from 'node:fs'

export interface Credentials {
  readonly server: URL
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export function readCredentials(kubeconfig: string): Credentials {
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8'))
  const pem = (base64: string): string => Buffer.from(base64, 'base64').toString()
  const { cluster } = config.clusters[0]
  const { user } = config.users[0]
  return {
    server: new URL(cluster.server),
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data'])
  }
}
