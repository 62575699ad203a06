// What containers reach the network with: wget, nc, nslookup, and the fetch of curl. All of it goes out through the
// sockets of the cluster, from the pod's own address; names are looked up by the owner of the port.

import { isIPv4 } from 'node:net'
import type { Command, ExecResult, IFileSystem, ResolvedCommandContext } from 'just-bash'
import type { SocketAddress } from '../../ports/index.js'
import { exchange, fetchOnce, type Work } from './sockets-client.js'
import { type Network, socketError } from './sockets-network.js'

export interface ShellNetwork {
  readonly network: Network
  readonly machine: string
  readonly podIp: string | undefined
  readonly signal: AbortSignal
  /** Addresses of a fully qualified name. */
  lookup(name: string): Promise<readonly string[]>
}

const timeoutDefaultMs = 15_000
const bodyBytesMax = 8 << 20
const redirectsMax = 5

export const networkCommands = (to: ShellNetwork): Command[] => [
  { name: 'wget', execute: (args, ctx) => wget(to, args, ctx) },
  { name: 'nc', execute: (args, ctx) => nc(to, args, ctx) },
  { name: 'nslookup', execute: (args, ctx) => nslookup(to, args, ctx) }
]

/** The fetch that just-bash's curl uses. */
export const shellFetch =
  (to: ShellNetwork, fs: IFileSystem) =>
  async (
    url: string,
    options: { method?: string; headers?: unknown; body?: string; followRedirects?: boolean; timeoutMs?: number } = {}
  ) => {
    const headers = Object.fromEntries(options.headers instanceof Headers ? options.headers : Object.entries(options.headers ?? {}))
    const { response, url: last } = await get(to, url, {
      ...options,
      headers,
      fs,
      redirects: options.followRedirects === false ? 0 : redirectsMax
    })
    return { status: response.status, statusText: '', headers: response.headers, body: response.body, url: last }
  }

/** Names as resolv.conf has them searched: short ones with each suffix first (ndots), others as they are first. */
export async function resolve(
  to: ShellNetwork,
  fs: IFileSystem | undefined,
  name: string
): Promise<{ name: string; addresses: readonly string[] }> {
  if (isIPv4(name)) return { name, addresses: [name] }
  if (name === 'localhost') return { name, addresses: ['127.0.0.1'] }
  const conf = fs === undefined ? '' : await fs.readFile('/etc/resolv.conf').catch(() => '')
  const search = /^\s*search\s+(.*)$/m.exec(conf)?.[1]?.trim().split(/\s+/) ?? []
  const ndots = Number(/^\s*options\s.*\bndots:(\d+)/m.exec(conf)?.[1] ?? 1)
  const bare = name.replace(/\.$/, '')
  const suffixed = search.map(suffix => `${bare}.${suffix}`)
  const candidates = name.endsWith('.') ? [bare] : bare.split('.').length - 1 >= ndots ? [bare, ...suffixed] : [...suffixed, bare]
  for (const candidate of candidates) {
    const addresses = await to.lookup(candidate)
    if (addresses.length > 0) return { name: candidate, addresses }
  }
  return { name: bare, addresses: [] }
}

interface GetOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly timeoutMs?: number
  readonly redirects: number
  readonly fs?: IFileSystem
  readonly connecting?: (host: string, at: SocketAddress) => void
}

async function get(to: ShellNetwork, address: string, options: GetOptions) {
  let url = new URL(/^[a-z]+:\/\//i.test(address) ? address : `http://${address}`)
  for (let left = options.redirects; ; left--) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw socketError('invalid', `unsupported scheme in ${url}`)
    const { addresses } = await resolve(to, options.fs, url.hostname)
    if (addresses[0] === undefined) throw socketError('ENOTFOUND', url.hostname)
    const secure = url.protocol === 'https:'
    const at = { address: addresses[0], port: Number(url.port) || (secure ? 443 : 80) }
    options.connecting?.(url.host, at)
    const response = await perform(
      to,
      fetchOnce(to.network, to.machine, {
        ...at,
        scheme: secure ? 'https' : 'http',
        method: options.method ?? 'GET',
        path: url.pathname + url.search,
        headers: { host: url.host, ...options.headers },
        ...(options.body !== undefined && { body: Buffer.from(options.body) }),
        ...(to.podIp !== undefined && { from: to.podIp }),
        timeoutMs: options.timeoutMs ?? timeoutDefaultMs,
        bodyBytesMax
      })
    )
    const location = response.headers.location
    if (response.status < 300 || response.status > 399 || location === undefined || left <= 0) return { response, url: url.href }
    url = new URL(location, url)
  }
}

// As BusyBox's: what it says on stderr, and 1 for any failure.
async function wget(to: ShellNetwork, args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
  const { flags, values, rest } = options(args, 'q S c', 'O T U header post-data timeout', 'spider no-check-certificate')
  const url = rest[0]
  if (url === undefined) return failed('wget: missing URL\n')
  const headers: Record<string, string> = { 'user-agent': values.get('U')?.[0] ?? 'Wget' }
  for (const line of values.get('header') ?? [])
    headers[line.split(':')[0]?.trim().toLowerCase() ?? ''] = line.slice(line.indexOf(':') + 1).trim()
  const quiet = flags.has('q')
  const body = values.get('post-data')?.[0]
  const seconds = Number(values.get('T')?.[0] ?? values.get('timeout')?.[0] ?? 0)
  let said = ''
  const connecting = (host: string, { address, port }: SocketAddress): void => {
    if (!quiet) said += `Connecting to ${host} (${address}:${port})\n`
  }
  try {
    const { response } = await get(to, url, {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      redirects: redirectsMax,
      fs: ctx.fs,
      connecting,
      ...(body !== undefined && { body }),
      ...(seconds > 0 && { timeoutMs: seconds * 1000 })
    })
    if (flags.has('S'))
      said += `  HTTP/1.1 ${response.status}\n${Object.entries(response.headers)
        .map(([name, value]) => `  ${name}: ${value}\n`)
        .join('')}`
    if (response.status >= 400) return failed(`${said}wget: server returned error: HTTP/1.1 ${response.status}\n`)
    if (flags.has('spider')) return { stdout: '', stderr: quiet ? said : `${said}remote file exists\n`, exitCode: 0 }
    const file = values.get('O')?.[0] ?? (new URL(/:\/\//.test(url) ? url : `http://${url}`).pathname.split('/').pop() || 'index.html')
    if (file === '-') return { stdout: Buffer.from(response.body).toString('latin1'), stdoutKind: 'bytes', stderr: said, exitCode: 0 }
    await ctx.fs.writeFile(ctx.fs.resolvePath(ctx.cwd, file), response.body)
    return { stdout: '', stderr: quiet ? said : `${said}saving to '${file}'\n'${file}' saved\n`, exitCode: 0 }
  } catch (error) {
    return failed(`${said}wget: ${reason(error, url)}\n`)
  }
}

async function nc(to: ShellNetwork, args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
  const { flags, values, rest } = options(args, 'z v u n l k', 'w i p s q', '')
  if (flags.has('l')) return failed('nc: listening is not supported by this shell; use an image that serves\n')
  const [host, portText] = rest
  const port = Number(portText)
  if (host === undefined || !(port > 0 && port < 65_536)) return failed('nc: usage: nc [-zvu] [-w SECONDS] HOST PORT\n')
  const timeoutMs = Number(values.get('w')?.[0] ?? 10) * 1000
  try {
    const { addresses } = await resolve(to, ctx.fs, host)
    if (addresses[0] === undefined) return failed(`nc: bad address '${host}'\n`)
    const at = { address: addresses[0], port, timeoutMs, ...(to.podIp !== undefined && { from: to.podIp }) }
    const transport = flags.has('u') ? 'UDP' : 'TCP'
    const bytes = flags.has('z') ? new Uint8Array() : Buffer.from(ctx.stdin as unknown as string, 'latin1')
    const answer =
      flags.has('z') && transport === 'TCP'
        ? await connectOnly(to, at)
        : await perform(to, exchange(to.network, to.machine, { ...at, transport, bytes, bodyBytesMax }))
    const stderr = flags.has('v') ? `${host} (${at.address}:${port}) open\n` : ''
    return { stdout: Buffer.from(answer).toString('latin1'), stdoutKind: 'bytes', stderr, exitCode: 0 }
  } catch (error) {
    return failed(`nc: ${host} (${host}:${port}): ${systemText(error)}\n`)
  }
}

function connectOnly(to: ShellNetwork, at: SocketAddress & { readonly from?: string; readonly timeoutMs: number }): Promise<Uint8Array> {
  return perform(to, done => {
    const socket = to.network.connect(at, at.from, to.machine, at.timeoutMs, error => {
      socket.destroy()
      done(error, new Uint8Array())
    })
    return () => socket.destroy()
  })
}

async function nslookup(to: ShellNetwork, args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
  const name = args.find(arg => !arg.startsWith('-'))
  if (name === undefined) return failed('nslookup: usage: nslookup HOST\n')
  const conf = await ctx.fs.readFile('/etc/resolv.conf').catch(() => '')
  const server = /^\s*nameserver\s+(\S+)/m.exec(conf)?.[1] ?? '127.0.0.1'
  const found = await resolve(to, ctx.fs, name).catch(() => undefined)
  const head = `Server:\t\t${server}\nAddress:\t${server}:53\n\n`
  if (found === undefined) return { stdout: `${head};; connection timed out; no servers could be reached\n\n`, stderr: '', exitCode: 1 }
  if (found.addresses.length === 0) return { stdout: `${head}** server can't find ${found.name}: NXDOMAIN\n\n`, stderr: '', exitCode: 1 }
  return {
    stdout: `${head}${found.addresses.map(address => `Name:\t${found.name}\nAddress: ${address}\n`).join('')}\n`,
    stderr: '',
    exitCode: 0
  }
}

const failed = (stderr: string, exitCode = 1): ExecResult => ({ stdout: '', stderr, exitCode })

function perform<T>(to: ShellNetwork, work: Work<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const give = (): void => {
      cancel()
      reject(socketError('EINTR', 'interrupted'))
    }
    const cancel = work((error, value) => {
      to.signal.removeEventListener('abort', give)
      if (error === undefined) resolve(value as T)
      else reject(error)
    })
    to.signal.addEventListener('abort', give, { once: true })
  })
}

/** Short flags may be joined (`-qO-`); `takes` are those with a value. */
export function options(args: readonly string[], flags: string, takes: string, long: string) {
  const known = { flags: new Set([...flags.split(' '), ...long.split(' ')]), takes: new Set(takes.split(' ')) }
  const found = { flags: new Set<string>(), values: new Map<string, string[]>(), rest: [] as string[] }
  const value = (name: string, text: string): void => void found.values.set(name, [...(found.values.get(name) ?? []), text])
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    if (arg.startsWith('--')) {
      const [name = '', ...text] = arg.slice(2).split('=')
      if (known.takes.has(name)) value(name, text.length > 0 ? text.join('=') : (args[++i] ?? ''))
      else found.flags.add(name)
    } else if (arg.startsWith('-') && arg !== '-') {
      for (let at = 1; at < arg.length; at++) {
        const letter = arg[at] as string
        if (!known.takes.has(letter)) found.flags.add(letter)
        else {
          value(letter, at + 1 < arg.length ? arg.slice(at + 1) : (args[++i] ?? ''))
          break
        }
      }
    } else found.rest.push(arg)
  }
  return found
}

function reason(error: unknown, url: string): string {
  const { code } = error as NodeJS.ErrnoException
  const host = url.replace(/^[a-z]+:\/\//, '').split('/')[0] ?? url
  if (code === 'ENOTFOUND') return `bad address '${host}'`
  if (code === 'ETIMEDOUT') return 'download timed out'
  return `can't connect to remote host (${host}): ${systemText(error)}`
}

function systemText(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const texts: Record<string, string> = {
    ECONNREFUSED: 'Connection refused',
    ECONNRESET: 'Connection reset by peer',
    ETIMEDOUT: 'Connection timed out',
    EHOSTUNREACH: 'No route to host',
    EADDRNOTAVAIL: 'Cannot assign requested address'
  }
  return texts[code ?? ''] ?? message
}
