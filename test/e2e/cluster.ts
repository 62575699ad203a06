// A cluster as a user has it: the command in a process of its own, driven by the real kubectl.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubectlPath } from '../../build/kubectl-layer.js'
import type { ClusterStatus } from '../../lib/cli/index.js'

export const command = new URL('../../bundle/kabuki.js', import.meta.url).pathname

/** Where this test process begins to look for a free port: others look elsewhere. */
export const portStart = 20_000 + (process.pid % 90) * 10

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface UpOptions {
  readonly args?: readonly string[]
  /** Another user to run it as; needs root. */
  readonly uid?: number
  readonly dataDir?: string
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
}

/** Node without what the test runner loads into every Node it starts: not every user may read it, and it takes its time. */
export const node = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath] as const

export class TestCluster {
  readonly dataDir: string
  readonly startMs: number
  readonly process: ChildProcess
  readonly #output: string[]

  private constructor(dataDir: string, process: ChildProcess, output: string[], startMs: number) {
    this.dataDir = dataDir
    this.process = process
    this.#output = output
    this.startMs = startMs
  }

  static async up({
    args = [],
    uid,
    dataDir = mkdtempSync(path.join(tmpdir(), 'kabuki-e2e-')),
    port = portStart,
    env = {}
  }: UpOptions = {}): Promise<TestCluster> {
    const startedMs = performance.now()
    const options =
      uid === undefined ? { env: { ...process.env, ...env } } : { uid, gid: uid, env: { PATH: process.env.PATH, HOME: dataDir } }
    const [file, ...words] = node
    const child = spawn(file, [...words, command, 'up', '--data-dir', dataDir, '--port', String(port), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options
    })
    const output: string[] = []
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text))
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', () => output.join('').includes('kabuki is up') && resolve())
      child.on('exit', code => reject(new Error(`kabuki up ended with ${code}:\n${output.join('')}`)))
    })
    return new TestCluster(dataDir, child, output, performance.now() - startedMs)
  }

  get output(): string {
    return this.#output.join('')
  }

  get kubeconfig(): string {
    return path.join(this.dataDir, 'kubeconfig')
  }

  /** Never rejects for what the command says: its exit code is part of the answer. */
  kubectl(...args: string[]): Promise<Output> {
    return run(kubectlPath(), args, { KUBECONFIG: this.kubeconfig })
  }

  /** The standard output of a kubectl that must succeed. */
  async kubectlOk(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.kubectl(...args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}${await this.#situation(args)}`)
    return stdout
  }

  /** What there was to see when a wait was in vain. */
  async #situation([verb]: readonly string[]): Promise<string> {
    if (verb !== 'wait' && verb !== 'rollout') return ''
    const views = [await this.kubectl('get', 'pods', '-o', 'wide'), await this.kubectl('get', 'events'), await this.kabuki('status')]
    return `\n${views.map(({ stdout }) => stdout).join('\n')}`
  }

  kubectlProcess(...args: string[]): ChildProcess {
    return spawn(kubectlPath(), args, { env: { ...process.env, KUBECONFIG: this.kubeconfig }, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  async get(...args: string[]): Promise<any> {
    return JSON.parse(await this.kubectlOk('get', ...args, '-o', 'json'))
  }

  kabuki(...args: string[]): Promise<Output> {
    return runNode([command, ...args, '--data-dir', this.dataDir])
  }

  async kabukiOk(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.kabuki(...args)
    if (code !== 0) throw new Error(`kabuki ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  async status(): Promise<ClusterStatus> {
    return JSON.parse(await this.kabukiOk('status', '-o', 'json'))
  }

  /** Ends the process and waits for it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode
    const exited = new Promise<number | null>(resolve => this.process.once('exit', resolve))
    this.process.kill(signal)
    return exited
  }

  remove(): void {
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}

const runTimeoutMs = 180_000
const overdue = 124 // As timeout(1) says it.

export function run(file: string, args: readonly string[], env: Record<string, string>, timeoutMs = runTimeoutMs): Promise<Output> {
  return new Promise(resolve => {
    execFile(file, [...args], { env: { ...process.env, ...env }, maxBuffer: 32 << 20, timeout: timeoutMs }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : error.killed === true ? overdue : 1
      resolve({ code, stdout, stderr })
    })
  })
}

export function runNode(args: readonly string[], env: Record<string, string> = {}, timeoutMs = runTimeoutMs): Promise<Output> {
  const [file, ...words] = node
  return run(file, [...words, ...args], env, timeoutMs)
}

/** Asks until it is so; rejects, naming `what` and what was last seen, after `limitMs`. */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false>, limitMs = 120_000): Promise<T> {
  const startedMs = performance.now()
  let last: unknown
  for (;;) {
    try {
      const seen = await ask()
      if (seen !== undefined && seen !== false) return seen
      last = seen
    } catch (error) {
      last = error
    }
    if (performance.now() - startedMs > limitMs) throw new Error(`${what}: not so after ${limitMs / 1000} s (${String(last)})`)
    await sleep(50)
  }
}
