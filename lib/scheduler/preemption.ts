// Preemption: whom to send away so that a pod of higher priority has room (upstream's DefaultPreemption).
//
// It only finds out: nothing is changed when it returns. PodDisruptionBudgets are not looked at yet.

import { findCondition, parseTime } from '../object/index.js'
import { integerBelow, type Random } from '../std/index.js'
import type { Cluster } from './cluster.js'
import { type Diagnosis, fitError } from './diagnosis.js'
import type { NodeInfo } from './node-info.js'
import { type Plugin, type Rejection, rejection } from './plugin.js'
import type { PodInfo } from './pod-info.js'
import { nodeRejects } from './schedule.js'

export type Preemption =
  | { readonly node: string; readonly victims: readonly PodInfo[]; readonly message: ''; readonly clearNomination: false }
  | { readonly node?: undefined; readonly message: string; readonly clearNomination: boolean }

interface Candidate {
  readonly node: NodeInfo
  readonly victims: readonly PodInfo[] // The most important first.
}

const candidatesMin = 100 // As upstream's minCandidateNodesAbsolute.
const candidatesPercentage = 10
const notHelpful = rejection('Preemption is not helpful for scheduling', false)
const noVictims = rejection('No preemption victims found for incoming pod', false)

export function preempt(pod: PodInfo, cluster: Cluster, diagnosis: Diagnosis, random: Random, plugins?: readonly Plugin[]): Preemption {
  const ineligible = whyIneligible(pod, cluster, diagnosis)
  if (ineligible !== undefined) return { message: `preemption: ${ineligible}`, clearNomination: false }
  const potential =
    diagnosis.refusal === undefined ? cluster.nodes.filter(({ name }) => diagnosis.rejections.get(name)?.resolvable === true) : []
  const enough = Math.min(potential.length, Math.max(candidatesMin, Math.floor((potential.length * candidatesPercentage) / 100)))
  const offset = potential.length === 0 ? 0 : integerBelow(random, potential.length)
  const candidates: Candidate[] = []
  const rejections = new Map<string, Rejection>()
  for (let i = 0; i < potential.length && candidates.length < enough; i++) {
    const node = potential[(offset + i) % potential.length] as NodeInfo
    const found = selectVictims(pod, node, cluster, plugins)
    if ('reasons' in found) rejections.set(node.name, found)
    else candidates.push({ node, victims: found })
  }
  const chosen = pickCandidate(candidates)
  if (chosen !== undefined) return { node: chosen.node.name, victims: chosen.victims, message: '', clearNomination: false }
  const text = fitError({ nodesTotal: diagnosis.nodesTotal, rejections, absent: notHelpful, plugins: new Set() }, '')
  return { message: `preemption: ${text}`, clearNomination: true }
}

function whyIneligible(pod: PodInfo, cluster: Cluster, diagnosis: Diagnosis): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominee = cluster.node(cluster.nominationOf(pod.uid) ?? '')
  if (nominee === undefined || diagnosis.rejections.get(nominee.name)?.resolvable === false) return undefined
  for (const other of nominee.pods.values()) {
    if (other.priority < pod.priority && isBeingPreempted(other)) return 'not eligible due to a terminating pod on the nominated node.'
  }
  return undefined
}

function isBeingPreempted({ terminating, pod }: PodInfo): boolean {
  const condition = findCondition(pod.status?.conditions, 'DisruptionTarget')
  return terminating && condition?.status === 'True' && condition.reason === 'PreemptionByScheduler'
}

/** Sends all of lower priority away, then lets as many as possible stay, the most important first. */
function selectVictims(
  pod: PodInfo,
  node: NodeInfo,
  cluster: Cluster,
  plugins: readonly Plugin[] | undefined
): readonly PodInfo[] | Rejection {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < pod.priority).sort(byImportance)
  if (lower.length === 0) return noVictims
  for (const one of lower) cluster.removeFrom(node, one)
  const rejected = nodeRejects(pod, node, cluster, plugins)
  const victims: PodInfo[] = []
  if (rejected === undefined) {
    for (const one of lower) {
      cluster.addTo(node, one)
      if (nodeRejects(pod, node, cluster, plugins) === undefined) continue
      cluster.removeFrom(node, one)
      victims.push(one)
    }
    for (const one of victims) cluster.addTo(node, one)
    return victims
  }
  for (const one of lower) cluster.addTo(node, one)
  return rejected
}

/** Higher priority first, then those that have run longer. */
const byImportance = (a: PodInfo, b: PodInfo): number => b.priority - a.priority || startMs(a) - startMs(b)

function startMs({ pod }: PodInfo): number {
  const startTime = pod.status?.startTime
  return (startTime === undefined ? undefined : parseTime(startTime)) ?? Number.POSITIVE_INFINITY
}

/** Upstream's pickOneNodeForPreemption: the least important victim to lose, the smallest sum, the fewest, the youngest. */
function pickCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  const priorityShift = 2 ** 31 // Makes priorities positive, so that fewer victims are also a smaller sum.
  const costs: ((candidate: Candidate) => number)[] = [
    ({ victims }) => victims[0]?.priority ?? Number.NEGATIVE_INFINITY,
    ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + priorityShift, 0),
    ({ victims }) => victims.length,
    ({ victims }) => -Math.min(...victims.filter(({ priority }) => priority === victims[0]?.priority).map(startMs))
  ]
  let left = candidates
  for (const cost of costs) {
    if (left.length <= 1) break
    const least = Math.min(...left.map(cost))
    left = left.filter(candidate => cost(candidate) === least)
  }
  return left[0]
}
