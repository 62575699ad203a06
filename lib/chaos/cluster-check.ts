// Cluster check: whether what users did and were told agrees with the store's history. Pure: records in, violations out.

import type { Pod } from '../kinds/index.js'
import type { ApiObject } from '../object/index.js'
import { type Change, type ClusterHistory, objectOf, registryRoot } from './cluster-history.js'
import { operationAnnotation, type UserOperation } from './cluster-user.js'
import type { WatchSession } from './cluster-watcher.js'
import type { RunViolation } from './run.js'

export const clusterGuarantees = {
  noLostWrite: 'an acknowledged write of the API is in the store’s history, at the revision that was answered',
  noInvention: 'every change of a user’s object is one that this user asked for and was not refused',
  atMostOnce: 'a write of the API takes effect at most once',
  readYourWrites: 'a read without a resource version sees every write acknowledged before it',
  watchExact: 'a list and the watch from it tell every change once, in order, and nothing else',
  boundOnce: 'a pod is bound to one node, once',
  majority: 'once a majority of the stores has healed, the cluster becomes what was asked for, whatever the others do',
  convergence: 'once all faults have ended, the cluster becomes what was asked for',
  noFailure: 'no actor fails by a fault of its own'
} as const

const podsPrefix = `${registryRoot}pods/`
const violationsMax = 10

class Violations {
  readonly list: RunViolation[] = []
  add(guarantee: string, excerpt: string): void {
    if (this.list.filter(one => one.guarantee === guarantee).length < violationsMax) this.list.push({ guarantee, excerpt })
  }
}

const describe = ({ id, kind, key, startedMs, outcome, revision, detail }: UserOperation): string =>
  `${kind} ${id} of ${key} at ${startedMs} ms: ${outcome ?? 'no answer'}${revision === 0 ? '' : `, revision ${revision}`} ${detail}`

/** Every object a user writes is its own, and its writes are one after the other. */
export function checkWrites(operations: readonly UserOperation[], history: ClusterHistory): RunViolation[] {
  const wrong = new Violations()
  const ofKey = new Map<string, UserOperation[]>()
  for (const operation of operations) ofKey.set(operation.key, [...(ofKey.get(operation.key) ?? []), operation])
  const changes = new Map<string, Change[]>()
  for (const change of history.changes) {
    if (!ofKey.has(change.key)) continue
    const known = changes.get(change.key)
    if (known === undefined) changes.set(change.key, [change])
    else known.push(change)
  }
  for (const [key, own] of ofKey) checkKey(own, changes.get(key) ?? [], wrong)
  return wrong.list
}

function checkKey(operations: readonly UserOperation[], changes: readonly Change[], wrong: Violations): void {
  const byId = new Map(operations.map(operation => [String(operation.id), operation]))
  const tookEffect = new Map<string, number>() // Operation -> revision.
  let deletions = 0
  let last = ''
  for (const change of changes) {
    if (change.value === undefined) {
      deletions++
      last = ''
      continue
    }
    const id = objectOf<ApiObject>(change)?.metadata.annotations?.[operationAnnotation] ?? ''
    if (id === last) continue
    last = id
    const operation = byId.get(id)
    if (operation === undefined || operation.outcome === 'refused') {
      wrong.add(clusterGuarantees.noInvention, `${change.key} at revision ${change.revision}: ${operation ? describe(operation) : id}`)
    } else if (tookEffect.has(id)) wrong.add(clusterGuarantees.atMostOnce, `again at revision ${change.revision}: ${describe(operation)}`)
    tookEffect.set(id, change.revision)
  }
  checkAcknowledged(operations, changes, tookEffect, deletions, wrong)
  checkReads(operations, wrong)
}

function checkAcknowledged(
  operations: readonly UserOperation[],
  changes: readonly Change[],
  tookEffect: ReadonlyMap<string, number>,
  deletions: number,
  wrong: Violations
): void {
  for (const operation of operations) {
    if (operation.outcome !== 'acknowledged' || (operation.kind !== 'create' && operation.kind !== 'change')) continue
    if (tookEffect.get(String(operation.id)) !== operation.revision) {
      const near = changes
        .filter(({ revision }) => Math.abs(revision - operation.revision) < 50)
        .map(({ revision, type }) => [revision, type])
      wrong.add(clusterGuarantees.noLostWrite, `${describe(operation)}; history: ${JSON.stringify(near)}`)
    }
  }
  const deletes = operations.filter(({ kind, outcome }) => kind === 'delete' && outcome !== 'refused')
  const acknowledged = deletes.filter(({ outcome }) => outcome === 'acknowledged')
  if (deletions < acknowledged.length) {
    wrong.add(
      clusterGuarantees.noLostWrite,
      `${deletions} deletions of ${acknowledged.length} acknowledged: ${acknowledged.map(describe).join('\n')}`
    )
  }
  if (deletions > deletes.length)
    wrong.add(clusterGuarantees.noInvention, `${operations[0]?.key}: ${deletions} deletions of ${deletes.length}`)
}

function checkReads(operations: readonly UserOperation[], wrong: Violations): void {
  let last: UserOperation | undefined
  let doubtful = false // A deletion or a creation that may take effect at any time.
  for (const operation of operations) {
    const { kind, outcome, revision } = operation
    if (outcome === 'in doubt' || outcome === undefined) doubtful ||= kind === 'delete' || kind === 'create'
    if (outcome !== 'acknowledged') continue
    if (kind !== 'read') last = operation
    else if (last !== undefined && revision > 0 && revision < last.revision) {
      wrong.add(clusterGuarantees.readYourWrites, `${describe(operation)}, after ${describe(last)}`)
    } else if (last !== undefined && !doubtful && revision > 0 !== (last.kind !== 'delete')) {
      wrong.add(clusterGuarantees.readYourWrites, `${describe(operation)}, after ${describe(last)}`)
    }
  }
}

/** `complete`: the last session has had the time to catch up with the history. */
export function checkWatch(sessions: readonly WatchSession[], history: ClusterHistory, complete: boolean): RunViolation[] {
  const wrong = new Violations()
  sessions.forEach((session, at) => {
    const { prefix, listed, revision, events } = session
    const all = history.under(prefix)
    const state = new Map<string, number>()
    for (const change of all) {
      if (change.revision > revision) break
      if (change.type === 'DELETED') state.delete(change.key)
      else state.set(change.key, change.revision)
    }
    const odd = [...new Set([...state.keys(), ...listed.keys()])].find(key => state.get(key) !== listed.get(key))
    if (odd !== undefined) {
      wrong.add(clusterGuarantees.watchExact, `list at ${revision}: ${odd} at ${listed.get(odd)}, in the history ${state.get(odd)}`)
    }
    const due = all.filter(change => change.revision > revision)
    const isLast = at === sessions.length - 1
    const count = isLast && complete ? Math.max(due.length, events.length) : events.length
    for (let index = 0; index < count; index++) {
      const told = events[index]
      const happened = due[index]
      if (told?.type === happened?.type && told?.key === happened?.key && told?.revision === happened?.revision) continue
      const show = (event: typeof told): string => (event === undefined ? 'nothing' : `${event.type} ${event.key} at ${event.revision}`)
      const was = happened === undefined ? undefined : { ...happened }
      wrong.add(clusterGuarantees.watchExact, `event ${index} after the list at ${revision}: told ${show(told)}, happened ${show(was)}`)
      break
    }
  })
  return wrong.list
}

export interface PodFacts {
  readonly violations: readonly RunViolation[]
  readonly evictions: number
  readonly podsMax: number
}

/** What the history says of pods. */
export function checkPods(history: ClusterHistory): PodFacts {
  const wrong = new Violations()
  const nodes = new Map<string, string>() // Of a pod, by uid.
  const evicted = new Set<string>()
  const alive = new Set<string>()
  let podsMax = 0
  for (const change of history.under(podsPrefix)) {
    const pod = objectOf<Pod>(change)
    if (pod === undefined) alive.delete(change.key)
    else alive.add(change.key)
    podsMax = Math.max(podsMax, alive.size)
    if (pod === undefined) continue
    const uid = pod.metadata.uid ?? ''
    const node = pod.spec.nodeName ?? ''
    const bound = nodes.get(uid)
    if (bound !== undefined && bound !== node) wrong.add(clusterGuarantees.boundOnce, `${change.key}: ${bound}, then ${node}`)
    if (node !== '') nodes.set(uid, node)
    if (pod.status?.conditions?.some(({ reason }) => reason === 'DeletionByTaintManager') === true) evicted.add(uid)
  }
  return { violations: wrong.list, evictions: evicted.size, podsMax }
}
