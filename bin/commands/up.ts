// kabuki up: starts a cluster, says how to reach it, and keeps it until Ctrl-C or `kabuki down`.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callControl, claimDataDir, controlSocketPath } from '../../lib/host/index.js'
import type { ModuleImage } from '../../lib/images/index.js'
import { Cluster } from '../cluster.js'
import { rosterUrl, workerUrl } from '../modules.js'
import { type CommandOptions, print } from './call.js'
import { type EtcdOptions, etcdOf } from './etcd.js'

export interface UpOptions extends CommandOptions, EtcdOptions {
  readonly nodes: number
  readonly stores: number
  readonly apiservers: number
  readonly controllerManagers: number
  readonly schedulers: number
  readonly port: number
  readonly storeQuotaBytes?: number
  readonly etcdPort?: number
  readonly etcdInsecure?: boolean
  readonly ephemeral?: boolean
  readonly seed?: number
  readonly timeScale: number
  readonly detach?: boolean
  readonly nodeGrace?: number
  readonly runtime: 'stand-in' | 'simulated'
  readonly unknownImages: 'fail' | 'simulate'
  readonly image: readonly ModuleImage[]
}

const detachTimeoutMs = 60_000

export async function up(options: UpOptions): Promise<void> {
  if (options.etcdInsecure === true && options.etcdPort === undefined) throw new Error('--etcd-insecure says how: --etcd-port says where')
  if (options.detach === true) return detach(options)
  const startedMs = performance.now()
  const quiet = options.output === 'json'
  const progress = (step: string): void => void (quiet || process.stdout.write(`  ${step}\n`))
  const cluster = await Cluster.start({
    nodes: options.nodes,
    stores: options.stores,
    etcd: etcdOf(options),
    apiservers: options.apiservers,
    controllerManagers: options.controllerManagers,
    schedulers: options.schedulers,
    port: options.port,
    timeScale: options.timeScale,
    ...(options.storeQuotaBytes === undefined ? {} : { storeQuotaBytes: options.storeQuotaBytes }),
    ...(options.etcdPort === undefined ? {} : { etcdPort: options.etcdPort, etcdInsecure: options.etcdInsecure === true }),
    runtime: options.runtime,
    unknownImages: options.unknownImages,
    images: options.image,
    rosterUrl,
    workerUrl,
    onProgress: progress,
    ...(options.nodeGrace === undefined ? {} : { nodeGraceMs: options.nodeGrace }),
    ...(options.ephemeral === true ? {} : { dataDir: options.dataDir }),
    ...(options.seed === undefined ? {} : { seed: options.seed })
  })
  stopOnSignals(cluster)
  await cluster.ready(progress).catch(async error => {
    await cluster.stop()
    throw error
  })
  const where = {
    api: cluster.apiUrl,
    ...etcdAccessOf(cluster.etcdUrls, cluster.dataDir),
    ...(cluster.keptIn === '' ? {} : { keptIn: cluster.keptIn }),
    kubeconfig: cluster.kubeconfig,
    logs: path.join(cluster.dataDir, 'logs'),
    pid: process.pid
  }
  print(options, where, summary(where, Math.round(performance.now() - startedMs), options))
  await cluster.ended
  process.exit(0)
}

interface EtcdAccess {
  readonly endpoints: string
  /** Of client certificates; none in plain text. */
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

/** How etcdctl gets in. */
function etcdAccessOf(urls: readonly string[], dataDir: string): { readonly etcd?: EtcdAccess } {
  if (urls.length === 0) return {}
  const endpoints = urls.join(',')
  const pki = (file: string): string => path.join(path.resolve(dataDir), 'pki', file)
  return {
    etcd: endpoints.startsWith('https:')
      ? { endpoints, cacert: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key') }
      : { endpoints }
  }
}

function etcdLines(etcd: EtcdAccess | undefined): string[] {
  if (etcd === undefined) return []
  const { endpoints, cacert, cert, key } = etcd
  const files = cacert === undefined ? '' : ` --cacert ${cacert} --cert ${cert} --key ${key}`
  // etcdctl 3.4 sends the endpoint of some commands as HTTP/2's `:authority`, where no URL may stand; with `https:` it sends the host.
  return [`  etcd        ETCDCTL_API=3 etcdctl --endpoints ${endpoints.replaceAll('http://', '')}${files}`]
}

function summary(
  where: { api: string; etcd?: EtcdAccess; keptIn?: string; kubeconfig: string; logs: string },
  ms: number,
  { dataDir, etcdServers }: UpOptions
): string {
  const here = dataDir === './.kabuki' ? '' : ` --data-dir ${dataDir}`
  const victim = etcdServers === undefined ? 'control-0/store' : 'control-0/etcd-storage'
  return [
    `kabuki is up (${ms} ms)`,
    `  api         ${where.api}`,
    ...etcdLines(where.etcd),
    ...(where.keptIn === undefined ? [] : [`  kept in     ${where.keptIn}`]),
    `  kubeconfig  ${where.kubeconfig}`,
    `  logs        ${where.logs}`,
    `  try         export KUBECONFIG=${where.kubeconfig}; kubectl get nodes`,
    `              kabuki status${here}; kabuki chaos kill ${victim}${here}; kabuki down${here}`
  ].join('\n')
}

/** The first signal stops cleanly, a second one at once. */
function stopOnSignals(cluster: Cluster): void {
  let asked = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(130)
      asked = true
      void cluster.stop()
    })
  }
}

/** The same command again, as a process of its own, with its output in the logs. */
async function detach(options: UpOptions): Promise<void> {
  if (options.ephemeral === true) throw new Error('--detach needs a data directory, to be found again: leave --ephemeral out')
  await claimDataDir(options.dataDir)
  const log = path.resolve(options.dataDir, 'logs', 'kabuki.log')
  fs.mkdirSync(path.dirname(log), { recursive: true, mode: 0o700 })
  const output = fs.openSync(log, 'a', 0o600)
  const args = process.argv.slice(2).filter(arg => arg !== '--detach')
  const child = spawn(process.execPath, [process.argv[1] as string, ...args], { detached: true, stdio: ['ignore', output, output] })
  let ended: number | undefined
  child.on('exit', code => {
    ended = code ?? 1
  })
  const untilMs = performance.now() + detachTimeoutMs
  for (;;) {
    const ready = await callControl(controlSocketPath(options.dataDir), { method: 'ready', params: {} }, detachTimeoutMs).catch(
      () => undefined
    )
    if (ready !== undefined) {
      const { api, kubeconfig, etcd } = ready as { api: string; kubeconfig: string; etcd: readonly string[] }
      const where = { api, ...etcdAccessOf(etcd, options.dataDir), kubeconfig, logs: path.dirname(log), pid: child.pid }
      child.unref()
      print(
        options,
        where,
        [
          `kabuki is up, in the background (pid ${child.pid})`,
          `  api         ${api}`,
          ...etcdLines(where.etcd),
          `  kubeconfig  ${kubeconfig}`,
          `  logs        ${where.logs}`
        ].join('\n')
      )
      return
    }
    if (ended !== undefined || performance.now() > untilMs) {
      const tail = fs.readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
      throw new Error(`the cluster did not start; the last lines of ${log}:\n${tail}`)
    }
    await sleep(10)
  }
}
