import type { ApiObject, ObjectReference } from '../../object/index.js'
import type { EventSeries, EventSource } from '../core/event.js'

/** events.k8s.io/v1 Event. */
export interface EventsEvent extends ApiObject {
  action?: string
  deprecatedCount?: number
  deprecatedFirstTimestamp?: string
  deprecatedLastTimestamp?: string
  deprecatedSource?: EventSource
  eventTime?: string
  note?: string
  reason?: string
  regarding?: ObjectReference
  related?: ObjectReference
  reportingController?: string
  reportingInstance?: string
  series?: EventSeries
  type?: string
}
