// Event: something worth telling happened to an object. Kept for an hour.
//
// core/v1 and events.k8s.io/v1 are two views of the same stored objects: `core/v1` is what is stored.

import {
  type ApiObject,
  age,
  type Cell,
  column,
  type FieldError,
  field,
  humanDuration,
  nameColumn,
  type ObjectReference,
  parseTime,
  qualifiedNameFaults,
  type TableColumn,
  wideColumn
} from '../../object/index.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'
import { matches } from '../validation.js'

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

export const eventTtlSeconds = 3600

export const eventKind: Kind<Event> = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  schemaName: 'io.k8s.api.core.v1.Event',
  allowCreateOnUpdate: true,
  ttlSeconds: eventTtlSeconds,
  defaults: event => {
    event.involvedObject ??= {}
    event.source ??= {}
  },
  validate: validateEvent,
  validateUpdate: validateEvent,
  selectableFields: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type'
  ],
  fields: eventFields,
  columns: eventColumns(),
  cells: eventCells
})

function eventFields(event: Event): Record<string, string> {
  const about = event.involvedObject
  return {
    'involvedObject.kind': about.kind ?? '',
    'involvedObject.namespace': about.namespace ?? '',
    'involvedObject.name': about.name ?? '',
    'involvedObject.uid': about.uid ?? '',
    'involvedObject.apiVersion': about.apiVersion ?? '',
    'involvedObject.resourceVersion': about.resourceVersion ?? '',
    'involvedObject.fieldPath': about.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingComponent: event.reportingComponent ?? '',
    source: event.source?.component || event.reportingComponent || '',
    type: event.type ?? ''
  }
}

export function eventColumns(): TableColumn[] {
  return [
    column('Last Seen', 'The time of the most recent occurrence.'),
    column('Type', 'Normal or Warning.'),
    column('Reason', 'Why it happened, in one word.'),
    column('Object', 'What it happened to.'),
    wideColumn('Subobject', 'The part of the object it happened to.'),
    wideColumn('Source', 'Who tells it.'),
    column('Message', 'What happened.'),
    wideColumn('First Seen', 'The time of the first occurrence.'),
    wideColumn('Count', 'How often it happened.'),
    { ...nameColumn, priority: 1 }
  ]
}

export function eventCells(event: Event, nowMs: number): Cell[] {
  const about = event.involvedObject
  const firstSeen = event.firstTimestamp === undefined ? microAge(event.eventTime, nowMs) : age(event.firstTimestamp, nowMs)
  const last = event.series?.lastObservedTime
  const lastSeen =
    last !== undefined ? microAge(last, nowMs) : event.lastTimestamp === undefined ? firstSeen : age(event.lastTimestamp, nowMs)
  const count = event.series !== undefined ? (event.series.count ?? 0) : event.count || 1
  const kind = (about.kind ?? '').toLowerCase()
  return [
    lastSeen,
    event.type ?? '',
    event.reason ?? '',
    about.name ? `${kind}/${about.name}` : kind,
    about.fieldPath ?? '',
    sourceText(event),
    (event.message ?? '').trim(),
    firstSeen,
    count,
    event.metadata.name ?? ''
  ]
}

function microAge(timestamp: string | undefined, nowMs: number): string {
  const then = timestamp === undefined ? undefined : parseTime(timestamp)
  return then === undefined ? '<unknown>' : humanDuration(nowMs - then)
}

function sourceText(event: Event): string {
  const component = event.source?.component || event.reportingComponent || ''
  const host = event.source?.host || event.reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}

/** Events told through the older API (no eventTime) are checked loosely, as upstream does. */
export function validateEvent(event: Event): FieldError[] {
  const errors: FieldError[] = []
  const about = event.involvedObject.namespace ?? ''
  const where = event.metadata.namespace ?? ''
  // Events of what is cluster-scoped are kept in the namespace `default`.
  if (about === '' ? !['default', ''].includes(where) && event.eventTime !== undefined : about !== where) {
    errors.push(field.invalid('involvedObject.namespace', about, 'does not match event.namespace'))
  }
  if (event.eventTime === undefined) return errors
  if (!event.reportingComponent) errors.push(field.required('reportingController'))
  else errors.push(...matches(event.reportingComponent, qualifiedNameFaults, 'reportingController'))
  return [...errors, ...validateTexts(event)]
}

const instanceLengthMax = 128
const actionLengthMax = 128
const reasonLengthMax = 128
const noteLengthMax = 1024

function validateTexts(event: Event): FieldError[] {
  const limited = [
    ['reportingInstance', event.reportingInstance, instanceLengthMax],
    ['action', event.action, actionLengthMax],
    ['reason', event.reason, reasonLengthMax]
  ] as const
  const errors = limited.flatMap(([name, text, max]) => {
    if (!text) return [field.required(name)]
    return text.length > max ? [field.invalid(name, '', `can have at most ${max} characters`)] : []
  })
  if ((event.message ?? '').length > noteLengthMax)
    errors.push(field.invalid('message', '', `can have at most ${noteLengthMax} characters`))
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(field.invalid('type', '', `has invalid value: ${event.type ?? ''}`))
  }
  return errors
}
