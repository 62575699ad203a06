// Cluster process: a cluster as a user starts it, by the real command in a process of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ClusterStatus } from '../lib/cli/index.js'
import { callControl, controlSocketPath } from '../lib/host/index.js'

const command = fileURLToPath(new URL('../bundle/kabuki.js', import.meta.url))
const portFirst = 21_000
const portSpan = 8_000
const stopTimeoutMs = 10_000
const controlTimeoutMs = 15_000
const clockTicksPerSecond = 100 // USER_HZ, which Linux shows to all.

export class ClusterProcess {
  readonly kubeconfig: string
  /** From the start of the process to its word that the cluster is ready. */
  readonly readyMs: number
  readonly pid: number
  readonly #child: ChildProcess
  readonly #dataDir: string

  private constructor(child: ChildProcess, kubeconfig: string, dataDir: string, readyMs: number) {
    this.#child = child
    this.kubeconfig = kubeconfig
    this.#dataDir = dataDir
    this.readyMs = readyMs
    this.pid = child.pid as number
  }

  static async start(...options: readonly string[]): Promise<ClusterProcess> {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-'))
    const port = String(portFirst + Math.floor(Math.random() * portSpan))
    const startedMs = performance.now()
    const args = [command, 'up', '--output', 'json', '--data-dir', dataDir, '--port', port, ...options]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const said = await new Promise<string>((resolve, reject) => {
      let text = ''
      child.on('error', reject)
      child.on('exit', code => reject(new Error(`kabuki up ended with ${code}: ${text}`)))
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk
        if (text.trimEnd().endsWith('}')) resolve(text)
      })
    })
    const readyMs = performance.now() - startedMs
    return new ClusterProcess(child, (JSON.parse(said) as { kubeconfig: string }).kubeconfig, dataDir, readyMs)
  }

  status(): Promise<ClusterStatus> {
    return this.#control('status', {}) as Promise<ClusterStatus>
  }

  async kill(target: string): Promise<void> {
    await this.#control('chaos', { action: 'kill', targets: [target] })
  }

  /** Of all its threads, since its start. NaN where the system does not tell. */
  cpuMs(): number {
    try {
      const fields = fs.readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return ((Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond) * 1e3
    } catch {
      return Number.NaN
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>(resolve => this.#child.once('exit', () => resolve()))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
    this.#child.kill('SIGTERM')
    await ended
    clearTimeout(timer)
    fs.rmSync(this.#dataDir, { recursive: true, force: true })
  }

  #control(method: string, params: unknown): Promise<unknown> {
    return callControl(controlSocketPath(path.dirname(this.kubeconfig)), { method, params }, controlTimeoutMs)
  }
}

/** Runs `use` on a cluster of its own, which is stopped whatever becomes of it. */
export async function withCluster<R>(options: readonly string[], use: (cluster: ClusterProcess) => Promise<R>): Promise<R> {
  const cluster = await ClusterProcess.start(...options)
  try {
    return await use(cluster)
  } finally {
    await cluster.stop()
  }
}
