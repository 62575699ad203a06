// Target: the cluster that is to be broken: one that runs, or one of our own that ends with us.

import { setTimeout as sleep } from 'node:timers/promises'
import type { ControlCall, LiveTargets } from '../../lib/chaos/index.js'
import type { ClusterStatus } from '../../lib/cli/index.js'
import { callControl, controlSocketPath, NotRunning } from '../../lib/host/index.js'
import { Cluster } from '../cluster.js'
import { answerControl } from '../control.js'
import { rosterUrl, workerUrl } from '../modules.js'

const controlTimeoutMs = 60_000 // A jump of the clock takes its time.
const ownNodeGraceMs = 5_000

export interface Target {
  readonly kubeconfig: string
  readonly isOwn: boolean
  call(call: ControlCall | { readonly method: 'status'; readonly params: object }): Promise<unknown>
  stop(): Promise<void>
}

export async function findTarget(dataDir: string, seed: number, say: (text: string) => void): Promise<Target> {
  const socket = controlSocketPath(dataDir)
  try {
    const { kubeconfig } = (await callControl(socket, { method: 'ready', params: {} }, controlTimeoutMs)) as { kubeconfig: string }
    return { kubeconfig, isOwn: false, call: call => callControl(socket, call, controlTimeoutMs), stop: async () => undefined }
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error
  }
  say(`no cluster runs on ${dataDir}: starting one that ends with this command`)
  // Twice what can be led by another, so that there is somebody to take over.
  const twice = { apiservers: 2, controllerManagers: 2, schedulers: 2 }
  const cluster = await Cluster.start({ rosterUrl, workerUrl, nodeGraceMs: ownNodeGraceMs, seed, ...twice })
  await cluster.ready().catch(async error => {
    await cluster.stop()
    throw error
  })
  return { kubeconfig: cluster.kubeconfig, isOwn: true, call: call => answerControl(cluster, call), stop: () => cluster.stop() }
}

export const statusOf = (target: Target): Promise<ClusterStatus> => target.call({ method: 'status', params: {} }) as Promise<ClusterStatus>

export const targetsOf = ({ actors, machines, leaders }: ClusterStatus): LiveTargets => ({
  actors,
  machines: machines.map(({ name }) => name),
  leaders: Object.values(leaders)
})

/** Tries again until it is done: what is being healed may be slow to answer. */
export async function insist(target: Target, call: ControlCall): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await target.call(call)
      return
    } catch (error) {
      if (tries === 5) throw error
      await sleep(200)
    }
  }
}
