// Failures: what etcd says when it cannot (api/v3rpc/rpctypes/error.go), in the words of StorageProtocol.
//
// Of a write the port tells whether it may have happened; that is kept, but where etcd's text says more than its code.

import { doubt, type Failure, type Refusal, refuse } from '../actor/index.js'

const codes: Readonly<Record<string, string>> = {
  'etcdserver: mvcc: required revision has been compacted': 'compacted',
  'etcdserver: mvcc: required revision is a future revision': 'future revision',
  'etcdserver: mvcc: database space exceeded': 'no space',
  'etcdserver: corrupt cluster': 'corrupt',
  'etcdserver: requested lease not found': 'lease not found',
  'etcdserver: lease already exists': 'lease exists',
  'etcdserver: too large lease TTL': 'lease ttl too large',
  'etcdserver: too many operations in txn request': 'too many ops',
  'etcdserver: duplicate key given in txn request': 'duplicate key',
  'etcdserver: key is not provided': 'empty key',
  'etcdserver: key not found': 'key not found',
  'etcdserver: value is provided': 'value provided',
  'etcdserver: lease is provided': 'lease provided',
  'etcdserver: request is too large': 'request too large',
  'etcdserver: too many requests': 'overloaded',
  'etcdserver: permission denied': 'denied',
  'etcdserver: user name is empty': 'denied',
  'etcdserver: invalid auth token': 'denied'
}
/** Before it reaches Raft a request is turned away where there is no leader (v3rpc/interceptor.go); all else of this kind may have been proposed. */
const noLeader = 'etcdserver: no leader'

/** gRPC's own limit turns away what is far larger than etcd's (grpc-go, rpc_util.go). */
const tooLarge = /received message larger than max|message after decompression larger than max/

const codeOf = (detail: string): string | undefined => codes[detail] ?? (tooLarge.test(detail) ? 'request too large' : undefined)

export function refusalOf({ code, detail, definite }: Failure): Refusal {
  const known = codeOf(detail)
  if (known !== undefined) return refuse(known, detail)
  if (detail === noLeader) return refuse('no leader', detail)
  if (code === 'PERMISSION_DENIED' || code === 'UNAUTHENTICATED') return refuse('denied', detail)
  return definite ? refuse('unavailable', `${code}: ${detail}`) : doubt('unavailable', `${code}: ${detail}`)
}

/** The member asked could not, and another may. */
export function isOfMember({ code, detail }: Failure): boolean {
  if (codeOf(detail) !== undefined) return false
  return code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED' || code === 'timeout' || code === 'UNKNOWN' || code === 'INTERNAL'
}

/** What node's TLS says of a certificate that does not fit, and of a server that speaks no TLS, or only TLS. */
const ofTls =
  /certificate|self.signed|altnames|SSL|TLS|EPROTO|wrong version number|unable to verify|ERR_OSSL|handshake|socket hang up before secure/i

export const isOfTls = ({ detail }: Failure): boolean => ofTls.test(detail)
