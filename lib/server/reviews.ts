// Reviews: questions a user may ask of itself: may I (kubectl auth can-i), who am I (kubectl auth whoami).

import { type ApiObject, errors } from '../object/index.js'
import type { User } from './authentication.js'
import { allows } from './authorization.js'
import { type Decoder, decodeObject } from './decoding.js'
import type { VirtualResource } from './discovery.js'
import { jsonReply } from './presentation.js'
import type { Reply } from './serving.js'

interface AccessReview extends ApiObject {
  spec?: {
    resourceAttributes?: {
      verb?: string
      group?: string
      resource?: string
      subresource?: string
      namespace?: string
      name?: string
    }
    nonResourceAttributes?: { path?: string; verb?: string }
  }
}

export function review(resource: VirtualResource, user: User, body: Uint8Array, contentType: string | undefined, decoders: Decoder): Reply {
  const expected = {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    schemaName: `io.k8s.api.${resource.group.split('.')[0]}.${resource.version}.${resource.kind}`
  }
  const object = decodeObject(body, contentType, expected, 'Ignore', decoders, [])
  switch (resource.kind) {
    case 'SelfSubjectAccessReview':
      return jsonReply({ ...object, status: { allowed: mayI(user, object) } }, 201)
    case 'SelfSubjectReview':
      return jsonReply({ ...object, status: { userInfo: { username: user.name, groups: user.groups } } }, 201)
    default:
      throw errors.unknownPath()
  }
}

function mayI(user: User, { spec }: AccessReview): boolean {
  const asked = spec?.resourceAttributes
  const path = spec?.nonResourceAttributes
  if ((asked === undefined) === (path === undefined)) {
    throw errors.badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified')
  }
  return allows(user, {
    verb: asked?.verb ?? path?.verb ?? '',
    group: asked?.group ?? '',
    resource: asked?.resource ?? '',
    subresource: asked?.subresource ?? '',
    namespace: asked?.namespace ?? '',
    name: asked?.name ?? '',
    ...(path === undefined ? {} : { path: path.path ?? '' })
  })
}
