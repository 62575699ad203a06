// The real etcdctl, pointed at a cluster; installed from Debian's packages when that is possible.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import * as path from 'node:path'
import { canListen } from '../../lib/host/free-port.js'
import { type Output, run, type TestCluster } from './cluster.js'

/** Undefined: it is there. Otherwise the reason why not, which a test is skipped with. */
export function etcdctlMissing(): string | undefined {
  const found = (): boolean => {
    try {
      execFileSync('etcdctl', ['version'], { env: { ...process.env, ETCDCTL_API: '3' }, stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  }
  if (found()) return undefined
  if (process.getuid?.() !== 0) return 'NO ETCDCTL ON THE PATH, and only root can install it: apt-get install etcd-client etcd-server'
  try {
    execFileSync('apt-get', ['install', '-y', 'etcd-client', 'etcd-server'], { stdio: 'ignore' })
  } catch (error) {
    return `NO ETCDCTL ON THE PATH, and apt-get install -y etcd-client etcd-server failed: ${error}`
  }
  return found() ? undefined : 'NO ETCDCTL ON THE PATH, though its package is installed'
}

/** The first of so many ports beside each other that are free. */
export async function freePorts(count: number, from = 30_000 + (process.pid % 90) * 10): Promise<number> {
  for (let first = from; first < 65_000; first += 10) {
    const free = await Promise.all(Array.from({ length: count }, (_, at) => canListen('127.0.0.1', first + at)))
    if (free.every(one => one)) return first
  }
  throw new Error('no free ports')
}

export interface Started {
  readonly process: ChildProcess
  readonly output: () => string
  readonly lines: () => readonly string[]
  readonly ended: Promise<number>
}

export class Etcdctl {
  readonly endpoints: readonly string[]
  readonly #flags: readonly string[]

  /** Without a cluster: of one that asks for no certificates. */
  constructor(cluster: TestCluster | undefined, endpoints: readonly string[]) {
    const pki = (file: string): string => path.join(cluster?.dataDir ?? '', 'pki', file)
    this.endpoints = endpoints
    this.#flags = cluster === undefined ? [] : ['--cacert', pki('ca.crt'), '--cert', pki('admin.crt'), '--key', pki('admin.key')]
  }

  /** Never rejects for what the command says. */
  run(args: readonly string[], endpoints = this.endpoints): Promise<Output> {
    return run('etcdctl', ['--endpoints', endpoints.join(','), ...this.#flags, ...args], { ETCDCTL_API: '3' })
  }

  /** The standard output, without its last line's end, of what must succeed. */
  async ok(...args: string[]): Promise<string> {
    return this.okAt(this.endpoints, ...args)
  }

  async okAt(endpoints: readonly string[], ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, endpoints)
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
    return stdout.trimEnd()
  }

  async json(...args: string[]): Promise<any> {
    return JSON.parse(await this.ok(...args, '-w', 'json'))
  }

  /** As `ok`, of a command that reads its standard input. */
  async input(text: string, ...args: string[]): Promise<string> {
    const { process: child, output, ended } = this.start(...args)
    child.stdin?.end(text)
    if ((await ended) !== 0) throw new Error(`etcdctl ${args.join(' ')} failed: ${output()}`)
    return output().trimEnd()
  }

  /** What it says in vain: its error. */
  async error(...args: string[]): Promise<string> {
    const { code, stderr, stdout } = await this.run(args)
    if (code === 0) throw new Error(`etcdctl ${args.join(' ')} succeeded: ${stdout}`)
    return stderr
  }

  /** One that goes on; `lines` grows. */
  start(...args: string[]): Started {
    const child = spawn('etcdctl', ['--endpoints', this.endpoints.join(','), ...this.#flags, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
      stdio: ['pipe', 'pipe', 'pipe']
    })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (text += part))
    const ended = new Promise<number>(resolve => child.on('close', code => resolve(code ?? -1)))
    return { process: child, output: () => text, lines: () => text.split('\n').slice(0, -1), ended }
  }
}
