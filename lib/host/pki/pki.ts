// Pki: a certificate authority, the serving certificate of the apiserver, and the administrator's client certificate.
//
// Made at the first start, kept in a directory only its owner may read, and reused as long as it is valid and covers the names
// asked for; what is not is made anew, and so is what an authority that was made anew had signed.

import { createPublicKey, X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Issued } from './certificates.js'

export interface PkiOptions {
  readonly directory: string
  /** Further names and addresses the apiserver is reached by: the first address of the service range, other machines'. */
  readonly hosts?: readonly string[]
  readonly nowMs: number
}

export interface Pki {
  readonly caPem: string
  readonly server: Issued
  /** `kubernetes-admin` of `system:masters`. */
  readonly admin: Issued
}

const dayMs = 86_400_000
const authorityDays = 3650 // As kubeadm: ten years, and one for what it signs.
const leafDays = 365
/** Certificates that would expire this soon are renewed. */
const renewBeforeMs = 30 * dayMs

const serverNames = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '127.0.0.1',
  '::1'
]

export async function ensurePki({ directory, hosts = [], nowMs }: PkiOptions): Promise<Pki> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  const names = [...new Set([...serverNames, ...hosts])]
  const kept = read(directory, 'ca')
  const ca = kept !== undefined && isGood(kept, undefined, [], nowMs) ? kept : undefined
  const authority = ca ?? write(directory, 'ca', await (await maker()).makeAuthority(period(nowMs, authorityDays)))

  const leaf = async (file: string, covered: readonly string[], subject: Parameters<Maker['makeLeaf']>[1]): Promise<Issued> => {
    const found = read(directory, file)
    if (found !== undefined && isGood(found, authority, covered, nowMs)) return found
    return write(directory, file, await (await maker()).makeLeaf(authority, subject, period(nowMs, leafDays)))
  }
  const server = await leaf('apiserver', names, { commonName: 'kube-apiserver', organizations: [], hosts: names })
  const admin = await leaf('admin', [], { commonName: 'kubernetes-admin', organizations: ['system:masters'], hosts: [] })
  return { caPem: authority.certPem, server, admin }
}

// Making certificates loads a library of 44 ms, so only a start that has to make some does.
type Maker = typeof import('./certificates.js')
const maker = (): Promise<Maker> => import('./certificates.js')

// A clock that is a little behind ours must find them valid, too.
const period = (nowMs: number, days: number): { readonly notBefore: Date; readonly notAfter: Date } => ({
  notBefore: new Date(nowMs - 5 * 60_000),
  notAfter: new Date(nowMs + days * dayMs)
})

function isGood(issued: Issued, authority: Issued | undefined, names: readonly string[], nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(issued.certPem)
    if (Date.parse(certificate.validFrom) > nowMs || Date.parse(certificate.validTo) < nowMs + renewBeforeMs) return false
    const key = createPublicKey(issued.keyPem).export({ type: 'spki', format: 'pem' })
    if (certificate.publicKey.export({ type: 'spki', format: 'pem' }) !== key) return false
    const signer = new X509Certificate((authority ?? issued).certPem)
    if (!certificate.checkIssued(signer) || !certificate.verify(signer.publicKey)) return false
    return names.every(name => (isIP(name) > 0 ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined)
  } catch {
    return false
  }
}

function read(directory: string, name: string): Issued | undefined {
  try {
    return {
      certPem: readFileSync(join(directory, `${name}.crt`), 'utf8'),
      keyPem: readFileSync(join(directory, `${name}.key`), 'utf8')
    }
  } catch {
    return undefined
  }
}

/** The key first: a crash between the two leaves a pair that does not match and is made again. */
function write(directory: string, name: string, issued: Issued): Issued {
  replace(join(directory, `${name}.key`), issued.keyPem)
  replace(join(directory, `${name}.crt`), issued.certPem)
  return issued
}

export function replace(path: string, text: string): void {
  const fresh = `${path}.${process.pid}.tmp`
  writeFileSync(fresh, text, { mode: 0o600 })
  renameSync(fresh, path)
}
