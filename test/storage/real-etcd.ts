// A real etcd: Debian's etcd-server, members on loopback in a temporary directory, each ended by its pid.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const installTimeoutMs = 300_000
const startTimeoutMs = 60_000
const statusTimeoutMs = 1_000
const pollMs = 20

/** Which etcd to run: the one that `KABUKI_TEST_ETCD` names, or Debian's, which is installed where that is possible. Otherwise why there is none. */
export function findEtcd(): { readonly etcd: string } | { readonly missing: string } {
  const etcd = process.env.KABUKI_TEST_ETCD || 'etcd'
  const isThere = (): boolean => spawnSync(etcd, ['--version']).status === 0
  if (isThere()) return { etcd }
  if (process.getuid?.() !== 0) return { missing: 'NO ETCD ON THE PATH, and only root can install it: apt-get install etcd-server' }
  const options = { encoding: 'utf8', timeout: installTimeoutMs, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  const installed = spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', 'etcd-server'], options)
  if (isThere()) return { etcd }
  return { missing: `NO ETCD ON THE PATH, and apt-get install etcd-server failed: ${installed.stderr || installed.error}` }
}

export interface EtcdTls {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

interface Member {
  readonly name: string
  readonly url: string
  readonly args: readonly string[]
  process: ChildProcess
  output: string
}

export class RealEtcd {
  readonly #etcd: string
  readonly #directory: string
  readonly #members: Member[]

  private constructor(etcd: string, directory: string, members: Member[]) {
    this.#etcd = etcd
    this.#directory = directory
    this.#members = members
  }

  /** With `tls`, clients must show a certificate of that authority. Members talk to each other in the clear. */
  static async start(etcd: string, count: number, tls?: EtcdTls): Promise<RealEtcd> {
    const directory = mkdtempSync(path.join(tmpdir(), 'kabuki-etcd-'))
    const ports = await freePorts(2 * count)
    const names = Array.from({ length: count }, (_, at) => `m${at}`)
    const peer = (at: number): string => `http://127.0.0.1:${ports[count + at]}`
    const members = names.map((name, at): Member => {
      const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${ports[at]}`
      const args = [
        ...['--name', name, '--data-dir', path.join(directory, name), '--log-level', 'error', '--logger', 'zap'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peer(at), '--initial-advertise-peer-urls', peer(at)],
        ...['--initial-cluster', names.map((other, index) => `${other}=${peer(index)}`).join(',')],
        ...(tls === undefined
          ? []
          : ['--cert-file', tls.certFile, '--key-file', tls.keyFile, '--trusted-ca-file', tls.caFile, '--client-cert-auth'])
      ]
      return { name, url, args, process: undefined as unknown as ChildProcess, output: '' }
    })
    const started = new RealEtcd(etcd, directory, members)
    for (const member of members) started.#run(member)
    // A test that fails must not leave them behind.
    process.once('exit', () => {
      for (const member of members) member.process.kill('SIGKILL')
    })
    return started
  }

  get urls(): string[] {
    return this.#members.map(({ url }) => url)
  }

  /** Which member leads. Over plain HTTP. */
  async leader(): Promise<string> {
    let found: string | undefined
    await this.until('a leader', async () => {
      for (const { url, process } of this.#members) {
        if (process.exitCode !== null || process.signalCode !== null) continue
        const status = await this.#status(url)
        if (status?.leader !== undefined && status.header.member_id === status.leader) found = url
      }
      return found !== undefined
    })
    return found as string
  }

  /** Asks for users and passwords from now on. Over plain HTTP. */
  async demandUsers(): Promise<void> {
    const url = await this.leader()
    const user = { name: 'root', password: 'secret' }
    for (const [path, body] of [
      ['user/add', user],
      ['role/add', { name: 'root' }],
      ['user/grant', { user: 'root', role: 'root' }],
      ['enable', {}]
    ] as const) {
      const answer = await fetch(`${url}/v3/auth/${path}`, { method: 'POST', body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
    }
  }

  /** Waits until every member follows a leader. Over plain HTTP. */
  whole(): Promise<void> {
    return this.until('a leader that all follow', async () => {
      const leaders = await Promise.all(this.#members.map(async ({ url }) => (await this.#status(url))?.leader))
      return leaders[0] !== undefined && leaders.every(leader => leader === leaders[0] && leader !== '0')
    })
  }

  async #status(url: string): Promise<{ readonly header: { readonly member_id: string }; readonly leader?: string } | undefined> {
    try {
      const signal = AbortSignal.timeout(statusTimeoutMs)
      const answer = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}', signal })
      return (await answer.json()) as { header: { member_id: string }; leader?: string }
    } catch {
      return undefined
    }
  }

  /** At once, as a loss of power of its machine. */
  async kill(url: string): Promise<void> {
    const { process } = this.#memberAt(url)
    const gone = new Promise(resolve => process.once('exit', resolve))
    process.kill('SIGKILL')
    await gone
  }

  restart(url: string): void {
    this.#run(this.#memberAt(url))
  }

  /** Holds it still, or lets it go on. */
  pause(url: string, paused: boolean): void {
    this.#memberAt(url).process.kill(paused ? 'SIGSTOP' : 'SIGCONT')
  }

  async stop(): Promise<void> {
    for (const { url, process } of this.#members) if (process.exitCode === null && process.signalCode === null) await this.kill(url)
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #memberAt(url: string): Member {
    const member = this.#members.find(member => member.url === url)
    if (member === undefined) throw new Error(`no member at ${url}`)
    return member
  }

  #run(member: Member): void {
    const env = { PATH: process.env.PATH, HOME: this.#directory } // No ETCD_* of this machine's.
    member.process = spawn(this.#etcd, member.args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [member.process.stdout, member.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        member.output = (member.output + text).slice(-20_000)
      })
    }
  }

  /** Waits until it holds; shows what the members said if it does not. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + startTimeoutMs
    while (!(await holds())) {
      if (performance.now() > untilMs) throw new Error(`in vain: ${what}\n${this.#members.map(({ output }) => output).join('\n')}`)
      await sleep(pollMs)
    }
  }
}

/** Of the system's choice; all held at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer())
  const ports = await Promise.all(
    servers.map(
      server => new Promise<number>(resolve => server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port)))
    )
  )
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
