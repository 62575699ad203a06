// Event of events.k8s.io/v1: the newer view of the events that core/v1 stores.

import { type ApiObject, type FieldError, field, type ObjectReference } from '../../object/index.js'
import { type Event, type EventSeries, type EventSource, eventCells, eventColumns, eventKind, eventTtlSeconds } from '../core/event.js'
import { defineKind } from '../definition.js'
import type { Kind } from '../kind.js'

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

export const eventsEventKind: Kind<EventsEvent> = defineKind<EventsEvent>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  schemaName: 'io.k8s.api.events.v1.Event',
  storage: eventKind.storage,
  allowCreateOnUpdate: true,
  ttlSeconds: eventTtlSeconds,
  defaults: event => {
    event.regarding ??= {}
    event.deprecatedSource ??= {}
  },
  validate: event => {
    // The new API's own rules (ValidateEventCreate): what the old one forgave is required.
    const errors: FieldError[] = []
    if (event.eventTime === undefined) errors.push(field.required('eventTime'))
    if (event.deprecatedCount) errors.push(field.invalid('count', '', 'needs to be unset'))
    if (event.deprecatedFirstTimestamp !== undefined) errors.push(field.invalid('firstTimestamp', '', 'needs to be unset'))
    if (event.deprecatedLastTimestamp !== undefined) errors.push(field.invalid('lastTimestamp', '', 'needs to be unset'))
    const core = toCoreEvent(event)
    return [...errors, ...eventKind.validate(core)]
  },
  validateUpdate: (event, old) => eventKind.validateUpdate(toCoreEvent(event), toCoreEvent(old)),
  selectableFields: ['regarding.kind', 'regarding.namespace', 'regarding.name', 'regarding.uid', 'reason', 'reportingController', 'type'],
  fields: event => ({
    'regarding.kind': event.regarding?.kind ?? '',
    'regarding.namespace': event.regarding?.namespace ?? '',
    'regarding.name': event.regarding?.name ?? '',
    'regarding.uid': event.regarding?.uid ?? '',
    reason: event.reason ?? '',
    reportingController: event.reportingController ?? '',
    type: event.type ?? ''
  }),
  columns: eventColumns(),
  cells: (event, nowMs) => eventCells(toCoreEvent(event), nowMs)
})

// The same thing under two names: events.k8s.io/v1 → core/v1. Everything else is named alike.
const coreNames: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count'
}
const eventsNames = Object.fromEntries(Object.entries(coreNames).map(([events, core]) => [core, events]))

/** The stored form. Shares its parts with the event given. */
export function toCoreEvent(event: EventsEvent): Event {
  return { ...renamed<Event>(event, coreNames), apiVersion: 'v1', involvedObject: event.regarding ?? {} }
}

/** A stored event as events.k8s.io/v1 shows it. Shares its parts with the event given. */
export const toEventsEvent = (event: Event): EventsEvent => ({
  ...renamed<EventsEvent>(event, eventsNames),
  apiVersion: 'events.k8s.io/v1'
})

function renamed<T>(event: object, names: Readonly<Record<string, string>>): T {
  return Object.fromEntries(Object.entries(event).map(([name, value]) => [Object.hasOwn(names, name) ? names[name] : name, value])) as T
}
