// Etcd options: a real etcd as the store of a cluster, named as kube-apiserver names it.

import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import type { ClusterShape } from '../../actors/plan.js'

export interface EtcdOptions {
  readonly etcdServers?: readonly string[]
  readonly etcdPrefix: string
  readonly etcdCafile?: string
  readonly etcdCertfile?: string
  readonly etcdKeyfile?: string
}

const serversMax = 16

export function etcdServers(text: string): readonly string[] {
  const servers = text.split(',').map(server => server.trim())
  const fits = servers.every(server => {
    const url = URL.canParse(server) ? new URL(server) : undefined
    return url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '' && url.pathname === '/'
  })
  if (!fits || servers.length > serversMax)
    throw new InvalidArgumentError(`up to ${serversMax} of http://host:port or https://host:port, with commas between`)
  return servers
}

/** Throws an Error that says what to do. */
export function etcdOf(options: EtcdOptions): ClusterShape['etcd'] {
  const { etcdServers, etcdPrefix, etcdCafile, etcdCertfile, etcdKeyfile } = options
  const hasTls = etcdCafile !== undefined || etcdCertfile !== undefined || etcdKeyfile !== undefined
  if (etcdServers === undefined) {
    if (hasTls || etcdPrefix !== '/registry')
      throw new Error('--etcd-prefix and the certificates of etcd are for --etcd-servers: say which')
    return undefined
  }
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined))
    throw new Error('--etcd-certfile and --etcd-keyfile are needed together')
  const tls = {
    ...(etcdCafile === undefined ? {} : { caPem: textOf(etcdCafile) }),
    ...(etcdCertfile === undefined ? {} : { certPem: textOf(etcdCertfile) }),
    ...(etcdKeyfile === undefined ? {} : { keyPem: textOf(etcdKeyfile) })
  }
  return { servers: etcdServers, prefix: etcdPrefix, ...(hasTls ? { tls } : {}) }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
}
