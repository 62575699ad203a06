// Cluster: a whole cluster in this process: addresses, certificates, clock, plan and supervisors put together.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { nanoid } from 'nanoid'
import { type ClusterPlan, type ClusterShape, clusterSupervisor, defaultShape, plan } from '../actors/plan.js'
import { machineOf } from '../lib/actor/index.js'
import {
  Chaos,
  type ClaimedAddresses,
  type ClusterFacts,
  canListen,
  claimAddresses,
  claimDataDir,
  controlSocketPath,
  ensurePki,
  freePort,
  Runtime,
  readFacts,
  resumeClusterMs,
  serveControl,
  writeFacts,
  writeKubeconfig
} from '../lib/host/index.js'
import { answerControl } from './control.js'
import { fatalOf, missingOf, readinessOf } from './readiness.js'
import { storesOf } from './store-members.js'

export interface ClusterOptions extends Partial<ClusterShape> {
  /** Undefined: a temporary directory that goes with the cluster. */
  readonly dataDir?: string
  /** The first port to try for the API; the next free one is taken. */
  readonly port?: number
  readonly seed?: number
  readonly timeScale?: number
  readonly rosterUrl: string
  readonly workerUrl: (actor: string) => string
  readonly onProgress?: (step: string) => void
}

const portDefault = 6443
const readyTimeoutMs = 60_000

export class Cluster {
  readonly id: string
  readonly dataDir: string
  readonly apiUrl: string
  readonly kubeconfig: string
  /** The real etcd that keeps it, and where in it; empty: stores of its own do. */
  readonly keptIn: string
  readonly runtime: Runtime
  readonly chaos: Chaos
  readonly plan: ClusterPlan
  readonly startedMs = performance.now()
  readonly #ephemeral: boolean
  readonly #addresses: ClaimedAddresses
  #closeControl: () => Promise<void> = async () => undefined
  #stopped: Promise<void> | undefined
  #ended: () => void = () => undefined
  /** Resolves when the cluster has stopped, for whatever reason. */
  readonly ended = new Promise<void>(resolve => {
    this.#ended = resolve
  })

  private constructor(parts: {
    facts: ClusterFacts
    dataDir: string
    ephemeral: boolean
    port: number
    keptIn: string
    runtime: Runtime
    plan: ClusterPlan
    addresses: ClaimedAddresses
  }) {
    this.id = parts.facts.id
    this.dataDir = parts.dataDir
    this.apiUrl = `https://127.0.0.1:${parts.port}`
    this.keptIn = parts.keptIn
    this.kubeconfig = path.join(parts.dataDir, 'kubeconfig')
    this.runtime = parts.runtime
    this.plan = parts.plan
    this.#ephemeral = parts.ephemeral
    this.#addresses = parts.addresses
    const components = new Map(parts.plan.machines.flatMap(machine => machine.children.map(child => [child.address, child.thread])))
    this.chaos = new Chaos({
      runtime: parts.runtime,
      machines: parts.plan.machines.map(machine => machine.name).filter(name => name !== 'root'),
      supervisorOf: machine => `root/${machine}`,
      components
    })
  }

  /** Where etcd's API is answered now: beside each member of the store; nowhere unless asked for. */
  get etcdUrls(): readonly string[] {
    const endpoints = storesOf(this).map(store => this.runtime.facts.of(`${machineOf(store)}/etcd`)?.endpoint)
    return endpoints.filter(endpoint => typeof endpoint === 'string')
  }

  /** Starts it; `ready` tells when it serves. Throws an Error that says what to do, and then has left nothing behind. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const undo: (() => unknown)[] = []
    try {
      return await Cluster.#start(options, undo)
    } catch (error) {
      for (const step of undo.reverse()) await step()
      throw error
    }
  }

  static async #start(options: ClusterOptions, undo: (() => unknown)[]): Promise<Cluster> {
    const progress = options.onProgress ?? (() => undefined)
    const ephemeral = options.dataDir === undefined
    const dataDir = path.resolve(options.dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-')))
    if (ephemeral) undo.push(() => fs.rmSync(dataDir, { recursive: true, force: true }))
    await claimDataDir(dataDir)
    const shape: ClusterShape = { ...defaultShape, ...definedOf(options) }
    const facts = readFacts(dataDir) ?? { id: nanoid(12), clockOffsetMs: 0, clusterMs: 0 }
    const addresses = await claimAddresses({ dataDir, startAt: Math.random() })
    undo.push(() => addresses.release())
    const port = await freePort('127.0.0.1', options.port ?? portDefault)
    if (port !== (options.port ?? portDefault)) progress(`port ${options.port ?? portDefault} is taken: the API is on ${port}`)
    if (addresses.loopback === 'one')
      progress('this system has no loopback address but 127.0.0.1: pods and services are reached by NodePort only')
    await checkEtcdPorts(shape)
    const apiAddress = `127.${addresses.serviceOctet}.0.1`
    const pki = await ensurePki({ directory: path.join(dataDir, 'pki'), hosts: [apiAddress], nowMs: Date.now() })
    progress('certificates ready')
    const made = plan(shape, {
      clusterId: facts.id,
      podOctet: addresses.podOctet,
      serviceOctet: addresses.serviceOctet,
      manyLoopbacks: addresses.loopback === 'many',
      apiPort: port,
      tls: { certPem: pki.server.certPem, keyPem: pki.server.keyPem, clientCaPem: pki.caPem }
    })
    const runtime = await Runtime.start({
      dataDir,
      rosterUrl: options.rosterUrl,
      workerUrl: options.workerUrl,
      clusterMs: resumeClusterMs(facts, Date.now()),
      scale: options.timeScale ?? 1,
      ...(options.seed === undefined ? {} : { seed: options.seed })
    })
    undo.push(() => runtime.stop())
    const keptIn = shape.etcd === undefined ? '' : `${shape.etcd.servers.join(',')} under ${shape.etcd.prefix}`
    const cluster = new Cluster({ facts, dataDir, ephemeral, port, keptIn, runtime, plan: made, addresses })
    writeKubeconfig(cluster.kubeconfig, {
      cluster: 'kabuki',
      user: 'kubernetes-admin',
      server: cluster.apiUrl,
      caPem: pki.caPem,
      client: pki.admin
    })
    cluster.#closeControl = await serveControl(controlSocketPath(dataDir), request => answerControl(cluster, request))
    undo.push(() => cluster.#closeControl())
    await runtime.startActor(clusterSupervisor, 'supervisor', {
      children: made.machines.map(machine => ({
        address: `root/${machine.name}`,
        actor: 'supervisor',
        args: { children: machine.children },
        thread: 'root/main'
      }))
    })
    progress(`${made.machines.length - 1} machines started`)
    cluster.keepFacts()
    return cluster
  }

  /** Resolves when the API serves, controllers and scheduler have leaders, and every node is Ready; tells progress on the way. */
  async ready(onProgress: (step: string) => void = () => undefined, timeoutMs = readyTimeoutMs): Promise<void> {
    const told = new Set<string>()
    const startedMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        const readiness = readinessOf(this.plan, address => this.runtime.facts.of(address), storesOf(this))
        for (const { name, ready } of readiness) {
          if (!ready || told.has(name)) continue
          told.add(name)
          onProgress(`${name} (${Math.round(performance.now() - startedMs)} ms)`)
        }
        const fatal = fatalOf(this.plan, address => this.runtime.facts.of(address))
        if (readiness.every(({ ready }) => ready)) finish(resolve)
        else if (fatal !== undefined) finish(() => reject(new Error(fatal)))
      }
      const finish = (then: () => void): void => {
        clearTimeout(timer)
        stopListening()
        then()
      }
      const stopListening = this.runtime.facts.listen(look)
      const timer = setTimeout(() => {
        const missing = missingOf(readinessOf(this.plan, address => this.runtime.facts.of(address), storesOf(this)))
        finish(() =>
          reject(new Error(`not ready after ${timeoutMs / 1000} s: ${missing}; the logs are in ${path.join(this.dataDir, 'logs')}`))
        )
      }, timeoutMs)
      look()
    })
  }

  /** Cluster time's distance to the machine's clock survives restarts. */
  keepFacts(): void {
    const clusterMs = this.runtime.clock.nowMs()
    writeFacts(this.dataDir, { id: this.id, clockOffsetMs: clusterMs - Date.now(), clusterMs })
  }

  /** Ends it cleanly; a temporary data directory goes too. Once begun, further calls wait for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.chaos.stop()
    this.keepFacts()
    await this.runtime.stopActor(clusterSupervisor, 'the cluster stops')
    await this.runtime.stop()
    await this.#addresses.release()
    await this.#closeControl()
    fs.rmSync(controlSocketPath(this.dataDir), { force: true })
    if (this.#ephemeral) fs.rmSync(this.dataDir, { recursive: true, force: true })
    this.#ended()
  }
}

/** Clients of etcd are told where to look for it: no other ports will do. */
async function checkEtcdPorts({ etcdPort, stores }: ClusterShape): Promise<void> {
  if (etcdPort === 0) return
  const ports = Array.from({ length: stores }, (_, index) => etcdPort + index)
  for (const port of ports) {
    const free = port < 65_536 && (await canListen('127.0.0.1', port))
    const range = stores === 1 ? `port ${etcdPort}` : `ports ${etcdPort} to ${ports.at(-1)}`
    if (!free) throw new Error(`etcd's API needs ${range} of 127.0.0.1, and ${port} is taken: choose others with --etcd-port`)
  }
}

function definedOf(options: ClusterOptions): Partial<ClusterShape> {
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => name in defaultShape && value !== undefined))
}
