// Caller: who makes a call of gRPC: by the token that a login gave, or by the name in the client's certificate.
//
// The metadata is etcd's: `token`, or `authorization` as JSON gateways send it. What came through such a gateway has its certificate, which
// says nothing of who is behind it (etcd's AuthInfoFromTLS).

import type { GrpcCall } from '../ports/index.js'
import type { StoreCaller } from '../storage/index.js'

const nobody: StoreCaller = {}

export function callerOf({ metadata, client }: GrpcCall): StoreCaller {
  const token = metadata.token ?? metadata.authorization
  if (token !== undefined) return { token }
  return client === null || metadata['grpcgateway-accept'] !== undefined ? nobody : { commonName: client }
}
