// failover: how long clients wait when the leader of the store, or the apiserver, is killed.

import { setTimeout as sleep } from 'node:timers/promises'
import { machineOf } from '../lib/actor/index.js'
import { type ClusterProcess, withCluster } from './cluster-process.js'
import { type Credentials, credentialsOf, HttpLoad } from './http-load.js'
import { median } from './measure.js'
import { configMap, createNamespace } from './objects.js'
import type { Figure, Scenario } from './scenario.js'
import { loader, startMember, startStore } from './store-runtime.js'

const rounds = 5
const settleMs = 1_500 // For who was killed to be back, and followed.
const retryMs = 5
const attemptMs = 250
const timeoutMs = 30_000

export const failover: Scenario = {
  name: 'failover',
  what: `from what is lost to the next answer, median of ${rounds}: over HTTPS, asked again every ${retryMs} ms; of the store alone, by message`,
  marks: [
    { figure: 'leader killed to next acknowledged write', at: 'most', value: 300 },
    { figure: 'leader killed, by message', at: 'most', value: 300 },
    { figure: 'leader paused, by message', at: 'most', value: 1000 },
    { figure: 'leader cut off, by message', at: 'most', value: 1000 }
  ],
  run: async () => [...(await overHttps()), ...(await byMessage())]
}

const overHttps = (): Promise<Figure[]> =>
  withCluster([], async cluster => {
    const credentials = credentialsOf(cluster.kubeconfig)
    const load = new HttpLoad(credentials, 1)
    const base = await createNamespace(load, 'failover')
    load.close()
    let number = 0
    const write = (one: HttpLoad) => one.request('POST', base, configMap(number++))
    const read = (one: HttpLoad) => one.request('GET', `${base}/cm-0`)
    await answeredMs(credentials, write, 201)
    const leader = await measured(cluster, credentials, leaderOf, write, 201)
    const apiserver = await measured(cluster, credentials, async () => 'control-0/apiserver', read, 200)
    return [figure('leader killed to next acknowledged write', leader), figure('apiserver killed to next answer', apiserver)]
  })

async function byMessage(): Promise<Figure[]> {
  const { runtime, chaos, stop } = await startStore()
  const lose: Readonly<Record<string, (member: string) => Promise<unknown>>> = {
    killed: member => chaos.kill(member, {}),
    paused: member => chaos.pause(member, undefined),
    'cut off': member => chaos.cut(machineOf(member), undefined)
  }
  const bringBack: typeof lose = {
    killed: member => startMember(runtime, member),
    paused: member => chaos.resume(member),
    'cut off': () => chaos.heal(undefined, undefined)
  }
  try {
    const figures: Figure[] = []
    for (const [how, lost] of Object.entries(lose)) {
      const tookMs: number[] = []
      for (let round = 0; round < rounds; round++) {
        const leading = await runtime.call(loader, timeoutMs, 'leader')
        if (!leading.ok) throw new Error(leading.error.detail)
        const { leader } = leading.value
        const startMs = performance.now()
        await lost(leader)
        const written = await runtime.call(loader, timeoutMs, 'writtenWithout', { leader })
        if (!written.ok) throw new Error(written.error.detail)
        tookMs.push(performance.now() - startMs)
        await bringBack[how]?.(leader)
        await sleep(settleMs)
      }
      figures.push(figure(`leader ${how}, by message`, tookMs))
    }
    return figures
  } finally {
    await stop()
  }
}

const figure = (name: string, tookMs: readonly number[]): Figure => ({
  name,
  unit: 'ms',
  value: median(tookMs),
  also: { mostMs: Math.max(...tookMs) }
})

type Ask = (load: HttpLoad) => Promise<{ readonly status: number }>

async function measured(
  cluster: ClusterProcess,
  credentials: Credentials,
  victimOf: (cluster: ClusterProcess) => Promise<string>,
  ask: Ask,
  expected: number
): Promise<number[]> {
  const tookMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const victim = await victimOf(cluster)
    await cluster.kill(victim)
    tookMs.push(await answeredMs(credentials, ask, expected))
    await sleep(settleMs)
  }
  return tookMs
}

async function leaderOf(cluster: ClusterProcess): Promise<string> {
  for (;;) {
    const leader = (await cluster.status()).leaders.store
    if (leader !== undefined) return leader
    await sleep(retryMs)
  }
}

/** A connection that breaks is made anew: what was in flight on it is lost. */
async function answeredMs(credentials: Credentials, ask: Ask, expected: number): Promise<number> {
  const startMs = performance.now()
  let load = new HttpLoad(credentials, 1)
  try {
    for (;;) {
      const late = sleep(attemptMs).then(() => ({ status: 0 }))
      const { status } = await Promise.race([ask(load).catch(() => ({ status: -1 })), late])
      if (status === expected) return performance.now() - startMs
      if (performance.now() - startMs > timeoutMs) throw new Error(`no answer in ${timeoutMs / 1000} s`)
      if (status < 0) {
        load.close()
        await sleep(retryMs)
        load = new HttpLoad(credentials, 1)
      }
    }
  } finally {
    load.close()
  }
}
