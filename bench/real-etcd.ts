// Real etcd: three members on loopback, as Debian packages them, with their data where ours is.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { freePort } from '../lib/host/index.js'

const members = 3
const portFirst = 31_000
const portSpan = 1_000
const readyTimeoutMs = 20_000
const pollMs = 100

export class RealEtcd {
  readonly endpoints: readonly string[]
  readonly #children: readonly ChildProcess[]
  readonly #dataDir: string

  private constructor(endpoints: readonly string[], children: readonly ChildProcess[], dataDir: string) {
    this.endpoints = endpoints
    this.#children = children
    this.#dataDir = dataDir
    process.once('exit', () => {
      for (const child of children) child.kill('SIGKILL') // Whatever the bench died of.
    })
  }

  /** Undefined: there is no etcd on the PATH. */
  static async start(): Promise<RealEtcd | undefined> {
    if (spawnSync('etcd', ['--version']).status !== 0) return undefined
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-etcd-'))
    const ports: number[] = []
    for (let port = portFirst + Math.floor(Math.random() * portSpan); ports.length < 2 * members; port = (ports.at(-1) as number) + 1)
      ports.push(await freePort('127.0.0.1', port))
    const url = (at: number): string => `http://127.0.0.1:${ports[at]}`
    const names = Array.from({ length: members }, (_, at) => `member-${at}`)
    const cluster = names.map((name, at) => `${name}=${url(members + at)}`).join(',')
    const children = names.map((name, at) =>
      spawn(
        'etcd',
        [
          ['--name', name, '--data-dir', path.join(dataDir, name), '--log-level', 'error', '--initial-cluster', cluster],
          ['--listen-client-urls', url(at), '--advertise-client-urls', url(at)],
          ['--listen-peer-urls', url(members + at), '--initial-advertise-peer-urls', url(members + at)]
        ].flat(),
        { stdio: 'ignore' }
      )
    )
    const etcd = new RealEtcd(
      ports.slice(0, members).map(port => `127.0.0.1:${port}`),
      children,
      dataDir
    )
    try {
      for (let at = 0; at < members; at++) await isHealthy(url(at))
      return etcd
    } catch (error) {
      await etcd.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async child => {
        if (child.exitCode !== null) return
        const ended = new Promise(resolve => child.once('exit', resolve))
        child.kill('SIGKILL')
        await ended
      })
    )
    fs.rmSync(this.#dataDir, { recursive: true, force: true })
  }
}

async function isHealthy(url: string): Promise<void> {
  const untilMs = performance.now() + readyTimeoutMs
  for (;;) {
    const body = await fetch(`${url}/health`)
      .then(answer => answer.json() as Promise<{ health?: string }>)
      .catch((): { health?: string } => ({}))
    if (body.health === 'true') return
    if (performance.now() > untilMs) throw new Error(`etcd at ${url} is not healthy after ${readyTimeoutMs / 1000} s`)
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
}
