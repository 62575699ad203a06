// Commands of the simulated shell that just-bash does not have, or has without the cluster's clock and signals.

import type { Command, ExecResult, ResolvedCommandContext } from 'just-bash'
import { commandNames, jobVariable, trapVariable } from './shell-script.js'

/** What commands need of the process they run in. */
export interface Process {
  readonly pid: number
  readonly hostname: string
  readonly uid: number
  readonly gid: number
  clusterMs(): number
  /** Waits on the cluster's clock, or until the signal aborts. */
  nap(delayMs: number, signal: AbortSignal | undefined): Promise<void>
  /** Lets others run; slows a script that does nothing but compute. */
  breathe(): Promise<void>
  log(text: string): Promise<void>
  readonly traps: Map<string, string> // Signal name without SIG, or EXIT -> code; '' ignores it.
  /** The code of a trap whose signal has come. */
  trapped(): string | undefined
  startJob(index: number, ctx: ResolvedCommandContext): number
  /** The exit code of the last of them; undefined: a signal came. */
  waitJobs(pids: readonly number[]): Promise<number | undefined>
  kill(pid: number, signal: string): boolean
  /** The script of a nested shell with these arguments. */
  shellScript(args: readonly string[]): Promise<string>
  /** The same script, whose loops give others a turn. */
  plain(script: string): string
}

export const signalNumbers: Readonly<Record<string, number>> = { HUP: 1, INT: 2, QUIT: 3, KILL: 9, USR1: 10, USR2: 12, TERM: 15 }

/** `15`, `TERM` and `SIGTERM` are one; `0` is EXIT. */
export function signalName(text: string): string | undefined {
  if (text === '0' || text === 'EXIT') return 'EXIT'
  const name = text.toUpperCase().replace(/^SIG/, '')
  if (name in signalNumbers) return name
  return Object.keys(signalNumbers).find(known => signalNumbers[known] === Number(text))
}

const done = (stdout = '', exitCode = 0): ExecResult => ({ stdout, stderr: '', exitCode })
const failed = (stderr: string, exitCode = 1): ExecResult => ({ stdout: '', stderr: `${stderr}\n`, exitCode })
const followEveryMs = 250
const naps: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
export const longestNapMs = 2 ** 31 - 1

export const processCommands = (process: Process): Command[] => [
  { name: 'sleep', execute: (args, ctx) => sleep(process, args, ctx) },
  { name: 'date', execute: (args, ctx) => date(process, args, ctx) },
  { name: 'tail', execute: (args, ctx) => tail(process, args, ctx) },
  { name: 'trap', execute: async args => trap(process, args) },
  { name: 'kill', execute: async args => kill(process, args) },
  { name: 'uname', execute: async args => done(uname(process, args)) },
  { name: 'hostname', execute: async () => done(`${process.hostname}\n`) },
  { name: 'whoami', execute: async () => done(`${userName(process.uid)}\n`) },
  { name: 'id', execute: async args => done(id(process, args)) },
  { name: 'nproc', execute: async () => done('1\n') },
  { name: 'arch', execute: async () => done('x86_64\n') },
  { name: 'sync', execute: async () => done() },
  {
    name: 'ps',
    execute: async () =>
      done(`PID   USER     TIME  COMMAND\n${String(process.pid).padStart(5)} ${userName(process.uid).padEnd(8)}  0:00 sh\n`)
  },
  ...['sh', 'bash', 'ash', 'dash'].map(name => ({ name, execute: nested(process) })),
  {
    name: commandNames.yield,
    execute: async () => {
      await process.breathe()
      return done()
    }
  },
  { name: commandNames.trapped, execute: async (_, ctx) => trapped(process, ctx) },
  {
    name: commandNames.background,
    execute: async ([index], ctx) => {
      ctx.env.set(jobVariable, String(process.startJob(Number(index), ctx)))
      return done()
    }
  },
  { name: commandNames.wait, execute: async args => done('', (await process.waitJobs(args.map(Number))) ?? 143) }
]

// just-bash's own would run a script whose loops hold up the thread.
const nested =
  (process: Process) =>
  async (args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> => {
    if (ctx.exec === undefined) return failed('sh: not available')
    const script = args.length === 0 ? Buffer.from(ctx.stdin as unknown as string, 'latin1').toString() : await process.shellScript(args)
    const env = ctx.exportedEnv ?? {}
    const stdin = args.length === 0 ? '' : (ctx.stdin as unknown as string)
    return ctx.exec(process.plain(script), {
      cwd: ctx.cwd,
      env,
      replaceEnv: true,
      stdin,
      stdinKind: 'bytes',
      ...(ctx.signal && { signal: ctx.signal })
    })
  }

async function sleep(process: Process, args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
  if (args.length === 0) return failed('sleep: missing operand')
  let delayMs = 0
  for (const arg of args) {
    const [, number, unit = 's'] = /^(\d*\.?\d+|infinity|inf)([smhd]?)$/.exec(arg) ?? []
    if (number === undefined) return failed(`sleep: invalid number '${arg}'`)
    delayMs += (number.startsWith('inf') ? Number.POSITIVE_INFINITY : Number(number)) * (naps[unit || 's'] ?? 1000)
  }
  while (delayMs > 0 && ctx.signal?.aborted !== true) {
    await process.nap(Math.min(delayMs, longestNapMs), ctx.signal)
    delayMs -= longestNapMs
  }
  return done()
}

// just-bash's, told what time it is in the cluster.
async function date(process: Process, args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
  const original = ctx.origCommand
  if (original === undefined) return failed('date: not available')
  if (args.some(arg => /^(-d|--date|-r|-f|-s)/.test(arg))) return original([...args])
  const nowMs = process.clusterMs()
  const format = args.find(arg => arg.startsWith('+'))
  // Below a second its parser knows nothing.
  const exact = format?.replace(/%(\d?)N/g, (_, digits) =>
    String(Math.floor(nowMs % 1000))
      .padStart(3, '0')
      .padEnd(9, '0')
      .slice(0, Number(digits || 9))
  )
  return original(['-d', `@${Math.floor(nowMs / 1000)}`, ...args.map(arg => (arg === format ? (exact as string) : arg))])
}

async function tail(process: Process, args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
  const original = ctx.origCommand
  const follows = (arg: string): boolean => arg === '-f' || arg === '-F' || arg.startsWith('--follow') || /^-[a-zA-Z]*[fF]/.test(arg)
  if (original === undefined) return failed('tail: not available')
  if (!args.some(follows)) return original([...args])
  const others = args.filter(arg => !follows(arg))
  const name = others.findLast(arg => !arg.startsWith('-') && !/^\d+$/.test(arg))
  if (name === undefined) return failed('tail: no file to follow')
  const file = ctx.fs.resolvePath(ctx.cwd, name)
  const first = await original(others)
  if (first.stdout !== '') await process.log(first.stdout)
  let length = (await ctx.fs.readFileBuffer(file).catch(() => undefined))?.length ?? 0
  while (ctx.signal?.aborted !== true) {
    await process.nap(followEveryMs, ctx.signal)
    const bytes = await ctx.fs.readFileBuffer(file).catch(() => undefined)
    if (bytes === undefined || bytes.length === length) continue
    await process.log(Buffer.from(bytes.subarray(bytes.length < length ? 0 : length)).toString())
    length = bytes.length
  }
  return done()
}

function trap({ traps }: Process, args: readonly string[]): ExecResult {
  if (args.length === 0) return done([...traps].map(([name, code]) => `trap -- '${code.replaceAll("'", `'\\''`)}' ${name}\n`).join(''))
  const words = args[0] === '--' ? args.slice(1) : args
  const [code = '', ...signals] = words
  if (signals.length === 0) signals.push(code)
  for (const text of signals) {
    const name = signalName(text)
    if (name === undefined) return failed(`trap: ${text}: invalid signal specification`)
    if (code === '-' || words.length === 1) traps.delete(name)
    else traps.set(name, code)
  }
  return done()
}

function trapped(process: Process, ctx: ResolvedCommandContext): ExecResult {
  const code = process.trapped()
  const last = ctx.env.get('?') ?? '0'
  // What the statement before it returned is still there for the one after: `cmd; if [ $? -eq 0 ]`.
  const keeps = last !== '0' && !(ctx.env.get('SHELLOPTS') ?? '').includes('errexit')
  if (code === undefined && !keeps) return done()
  ctx.env.set(trapVariable, code ?? `(exit ${last})`)
  return done('', 1)
}

function kill(process: Process, args: readonly string[]): ExecResult {
  let signal = 'TERM'
  const pids: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string
    if (arg === '-l') return done(`${Object.keys(signalNumbers).join(' ')}\n`)
    if (arg === '-0') return done()
    if (arg === '-s') signal = args[++i] ?? signal
    else if (arg.startsWith('-')) signal = arg.slice(1)
    else pids.push(arg)
  }
  const name = signalName(signal)
  if (name === undefined) return failed(`kill: ${signal}: invalid signal specification`)
  const missing = pids.filter(pid => !process.kill(Number(pid), name))
  return missing.length === 0 ? done() : failed(`kill: (${missing[0]}) - No such process`)
}

const release = '6.1.0-kabuki'
const version = '#1 SMP kabuki'

function uname({ hostname }: Process, args: readonly string[]): string {
  const parts: Record<string, string> = { s: 'Linux', n: hostname, r: release, v: version, m: 'x86_64', o: 'GNU/Linux' }
  const letters = args.join('').replaceAll('-', '') || 's'
  const shown = letters.includes('a') ? 'snrvmo' : [...'snrvmo'].filter(letter => letters.includes(letter)).join('')
  return `${[...shown].map(letter => parts[letter]).join(' ')}\n`
}

const userName = (uid: number): string => (uid === 0 ? 'root' : uid === 65_534 ? 'nobody' : String(uid))

function id({ uid, gid }: Process, args: readonly string[]): string {
  const letters = args.join('')
  if (letters.includes('u')) return `${letters.includes('n') ? userName(uid) : uid}\n`
  if (letters.includes('g')) return `${gid}\n`
  return `uid=${uid}(${userName(uid)}) gid=${gid}(${userName(gid)}) groups=${gid}(${userName(gid)})\n`
}
