import type { ApiObject, ObjectReference } from '../../object/index.js'

export interface Event extends ApiObject {
  action?: string
  count?: number
  eventTime?: string // Microseconds.
  firstTimestamp?: string
  involvedObject: ObjectReference
  lastTimestamp?: string
  message?: string
  reason?: string
  related?: ObjectReference
  reportingComponent?: string
  reportingInstance?: string
  series?: EventSeries
  source?: EventSource
  type?: string // Normal, Warning
}

export interface EventSeries {
  count?: number
  lastObservedTime?: string
}

export interface EventSource {
  component?: string
  host?: string
}
