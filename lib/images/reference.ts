// Reference: the name of an image, as docker's reference grammar has it (github.com/distribution/reference). Pure.
//
// `nginx` is `docker.io/library/nginx:latest`; `ghcr.io/a/b:1@sha256:…` has all its parts.

export interface ImageReference {
  readonly repository: string // `docker.io/library/nginx`
  readonly tag: string // '' when there is only a digest.
  readonly digest: string // `sha256:…` or ''.
}

const domainPart = /^(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])$/
const pathPart = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^[a-zA-Z][a-zA-Z0-9]*(?:[-_+.][a-zA-Z][a-zA-Z0-9]*)*:[0-9a-fA-F]{32,}$/
const nameCharsMax = 255

/** Undefined: no valid reference. */
export function parseImage(text: string): ImageReference | undefined {
  const at = text.indexOf('@')
  const digest = at < 0 ? '' : text.slice(at + 1)
  if (at >= 0 && !digestPattern.test(digest)) return undefined
  const named = at < 0 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const name = hasTag ? named.slice(0, colon) : named
  const tag = hasTag ? named.slice(colon + 1) : digest === '' ? 'latest' : ''
  if ((hasTag && !tagPattern.test(tag)) || name === '' || name.length > nameCharsMax) return undefined
  const repository = repositoryOf(name)
  return repository === undefined ? undefined : { repository, tag, digest }
}

function repositoryOf(name: string): string | undefined {
  const slash = name.indexOf('/')
  const head = slash < 0 ? '' : name.slice(0, slash)
  // As docker: the first part is a registry only if it looks like a host.
  const hosted = head !== '' && (/[.:]/.test(head) || head === 'localhost' || head !== head.toLowerCase())
  const domain = hosted ? head : 'docker.io'
  const path = hosted ? name.slice(slash + 1) : slash < 0 ? `library/${name}` : name
  if (!path.split('/').every(part => pathPart.test(part))) return undefined
  const [host = '', port] = domain.split(':')
  if (!host.split('.').every(part => domainPart.test(part)) || (port !== undefined && !/^\d+$/.test(port))) return undefined
  const official = (domain === 'docker.io' || domain === 'index.docker.io') && !path.includes('/')
  return `${domain === 'index.docker.io' ? 'docker.io' : domain}/${official ? 'library/' : ''}${path}`
}

export const formatImage = ({ repository, tag, digest }: ImageReference): string =>
  `${repository}${tag === '' ? '' : `:${tag}`}${digest === '' ? '' : `@${digest}`}`

/**
 * A digest for an image that has no bytes: always the same for the same reference, different for different ones. It is no
 * SHA-256 of anything: eight rounds of FNV-1a stand in for it.
 */
export function standInDigest(text: string): string {
  let digest = ''
  for (let round = 0; round < 8; round++) {
    let hash = 0x811c9dc5 ^ round
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
    digest += ((hash ^ (hash >>> 13)) >>> 0).toString(16).padStart(8, '0')
  }
  return `sha256:${digest}`
}
