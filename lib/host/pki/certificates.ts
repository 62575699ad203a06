// Certificates: makes key pairs (P-256) and X.509 certificates.

import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'

export interface Issued {
  readonly certPem: string
  readonly keyPem: string
}

export interface Subject {
  readonly commonName: string
  readonly organizations: readonly string[]
  /** Names and addresses it serves under; none: it is a client's. */
  readonly hosts: readonly string[]
}

interface Period {
  readonly notBefore: Date
  readonly notAfter: Date
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }
type CryptoKey = webcrypto.CryptoKey
type CryptoKeyPair = webcrypto.CryptoKeyPair

x509.cryptoProvider.set(webcrypto as never)

export async function makeAuthority(period: Period): Promise<Issued> {
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=kubernetes',
    ...period,
    signingAlgorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { certPem: certificate.toString('pem'), keyPem: await keyPem(keys.privateKey) }
}

export async function makeLeaf(authority: Issued, { commonName, organizations, hosts }: Subject, period: Period): Promise<Issued> {
  const keys = await makeKeys()
  const issuer = new x509.X509Certificate(authority.certPem)
  const usage = hosts.length > 0 ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [...organizations.map(name => ({ O: [name] })), { CN: [commonName] }],
    issuer: issuer.subject,
    ...period,
    signingAlgorithm,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer, false),
      ...(hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(hosts.map(alternativeName))])
    ]
  })
  return { certPem: certificate.toString('pem'), keyPem: await keyPem(keys.privateKey) }
}

const alternativeName = (host: string): x509.JsonGeneralName => ({ type: isIP(host) > 0 ? 'ip' : 'dns', value: host })

const makeKeys = (): Promise<CryptoKeyPair> => webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])

/** Positive and never zero, as RFC 5280 asks. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function keyPem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`
}

async function importKey(pem: string): Promise<CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign'])
}
