// Fields: who wrote which, kept in metadata.managedFields for every write (server-side apply builds on it).

import { type ApiObject, formatTime, updateManagedFields } from '../object/index.js'
import type { Call, Serving } from './serving.js'

const managerMax = 128 // Characters, as upstream.

/** Sets the entries of `object` after it was made, or made of `old`. */
export function attribute(serving: Serving, call: Call, object: ApiObject, old: ApiObject | undefined): void {
  if (call.manages !== undefined) return call.manages(object)
  const { resource, target, query } = call
  const manager = (query.get('fieldManager') || call.agent).slice(0, managerMax)
  const entries = updateManagedFields(
    visible(object, target.subresource),
    old === undefined ? undefined : visible(old, target.subresource),
    {
      manager,
      apiVersion: resource.apiVersion,
      time: formatTime(serving.ctx.clusterMs),
      ...(target.subresource === '' ? {} : { subresource: target.subresource })
    },
    { schemas: serving.schemas, schemaName: resource.kind.schemaName }
  )
  if (entries.length === 0) delete object.metadata.managedFields
  else object.metadata.managedFields = entries
}

/** What the request can write: status only through its subresource. */
function visible(object: ApiObject, subresource: string): ApiObject {
  if (subresource !== '' || !('status' in object)) return object
  const { status: _status, ...rest } = object as ApiObject & { status: unknown }
  return rest
}
