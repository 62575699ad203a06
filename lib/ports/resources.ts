// resources: a port that reads what the build generated from upstream's packages: schemas, OpenAPI documents.
//
// Read only, the same for everybody, and large: an actor asks for what it needs when it needs it.

import type { PortKind } from '../actor/index.js'

export const resourcesPort: PortKind<ResourcesProtocol> = { name: 'resources' }

export interface ResourcesProtocol {
  /** The whole of a file by its path: `schemas.json`, `openapi/v2.json`. Refused with `not found` or `invalid`. */
  read(file: { readonly name: string }): Uint8Array
}
