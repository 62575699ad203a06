// kabuki chaos run: breaks parts of a cluster by chance for a while, and checks meanwhile what its API promises.

import { mkdirSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type LiveFaultKind, liveFaultKinds } from '../../lib/chaos/index.js'
import { type ApiHistory, encodeApiHistory, violationPage } from '../../lib/check/index.js'
import { formatDuration, table } from '../../lib/cli/index.js'
import { Breaker } from '../chaos/breaker.js'
import { Round } from '../chaos/round.js'
import { Progress, Tally } from '../chaos/tally.js'
import { findTarget, statusOf, type Target } from '../chaos/target.js'
import type { CommandOptions } from './call.js'

export interface ChaosRunOptions extends CommandOptions {
  readonly for: number
  readonly check?: boolean
  readonly seed?: number
  readonly faults?: readonly LiveFaultKind[]
  readonly history?: string
}

interface Violation {
  readonly guarantee: string
  readonly excerpt: string
}

const roundMs = 60_000
const lookEveryMs = 500

export async function chaosRun(options: ChaosRunOptions): Promise<void> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32)
  const stopped = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  // The first heals and leaves; who asks twice is let go at once.
  for (const signal of signals) process.on(signal, () => (stopped.signal.aborted ? process.exit(130) : stopped.abort()))
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  const target = await findTarget(options.dataDir, seed, say)
  try {
    const run = new Run(options, seed, target, stopped.signal)
    await run.all()
    process.stdout.write(options.output === 'json' ? `${JSON.stringify(run.result(), null, 2)}\n` : run.summary())
    process.exitCode = run.violations.length > 0 ? 1 : stopped.signal.aborted ? 130 : 0
  } finally {
    await target.stop()
  }
  // Connections that were cut short, and the threads of an own cluster, may hold the process.
  process.exit()
}

class Run {
  readonly violations: Violation[] = []
  readonly #options: ChaosRunOptions
  readonly #seed: number
  readonly #target: Target
  readonly #stopped: AbortSignal
  readonly #tally = new Tally()
  readonly #progress: Progress
  readonly #faults = new Map<LiveFaultKind, number>()
  readonly #startedMs = performance.now()
  readonly #files: string[] = []
  #rounds = 0

  constructor(options: ChaosRunOptions, seed: number, target: Target, stopped: AbortSignal) {
    this.#options = options
    this.#seed = seed
    this.#target = target
    this.#stopped = stopped
    this.#progress = new Progress(options.for)
  }

  async all(): Promise<void> {
    let leftMs = this.#options.for
    while (leftMs > 0 && !this.#stopped.aborted && this.violations.length === 0) {
      const startedMs = performance.now()
      await this.#one(Math.min(leftMs, roundMs), ++this.#rounds)
      leftMs -= Math.min(performance.now() - startedMs, roundMs)
    }
    this.#progress.clear()
  }

  async #one(forMs: number, number: number): Promise<void> {
    const { check, faults = liveFaultKinds } = this.#options
    const seed = (this.#seed + number - 1) >>> 0
    const status = await statusOf(this.#target)
    const nodes = status.machines.filter(({ name }) => name.startsWith('worker-')).length
    const namespace = `chaos-${seed}-${status.pid}`
    const isStopped = (): boolean => this.#stopped.aborted
    const round = check === true ? new Round({ kubeconfig: this.#target.kubeconfig, namespace, seed, nodes, forMs, isStopped }) : undefined
    const breaker = new Breaker(this.#target, faults, seed)
    await round?.start()
    breaker.start()
    const untilMs = performance.now() + forMs
    try {
      while (performance.now() < untilMs && round?.isFull !== true && !isStopped()) {
        await sleep(Math.min(lookEveryMs, Math.max(1, untilMs - performance.now())), undefined, { signal: this.#stopped }).catch(
          () => undefined
        )
        this.#tally.look(await statusOf(this.#target))
        this.#progress.show(`${breaker.last}`, round?.recorder.operations.length ?? 0)
      }
    } finally {
      this.#progress.show('healing', round?.recorder.operations.length ?? 0)
      await breaker.stop()
    }
    for (const [kind, count] of breaker.counts) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count)
    if (round === undefined) return
    this.#progress.show('healed; it has to become what was asked for', round.recorder.operations.length)
    const violations = await round.verdict()
    this.#tally.add(round)
    // Who left before the end did not wait for it to become so.
    if (!isStopped()) this.violations.push(...violations)
    this.#keep(round.recorder, seed, round.isQuiet)
    await round.remove()
  }

  #keep(history: ApiHistory, seed: number, isQuiet: boolean): void {
    const { history: asked, dataDir } = this.#options
    if (asked === undefined && this.violations.length === 0) return
    const directory = path.resolve(asked ?? path.join(dataDir, 'chaos'))
    mkdirSync(directory, { recursive: true })
    const write = (name: string, text: string): void => {
      const file = path.join(directory, name)
      writeFileSync(file, text)
      this.#files.push(file)
    }
    const about = `kabuki chaos run, seed ${seed}`
    write(`seed-${seed}.jsonl`, [...encodeApiHistory(history, { about, quiet: isQuiet }), ''].join('\n'))
    if (this.violations.length > 0) write(`seed-${seed}.html`, violationPage({ title: about, violations: this.violations, history }))
  }

  result(): object {
    const { violations } = this
    const ok = violations.length === 0
    const faults = Object.fromEntries(this.#faults)
    return { ok, seed: this.#seed, rounds: this.#rounds, ...this.#tally.counts(), faults, violations, files: this.#files }
  }

  summary(): string {
    const { operations, acknowledged, inDoubt, exercised } = this.#tally.counts()
    const faults = [...this.#faults].map(([kind, count]): string[] => [kind, String(count)])
    const took = formatDuration(performance.now() - this.#startedMs)
    const lines = [
      `seed ${this.#seed}: ${this.#rounds} ${this.#rounds === 1 ? 'round' : 'rounds'} in ${took}`,
      table(['FAULT', 'TIMES'], faults)
    ]
    if (this.#options.check === true) {
      lines.push(`${operations} operations, ${acknowledged} writes acknowledged, ${inDoubt} in doubt`)
      lines.push(
        table(
          ['EXERCISED', 'TIMES'],
          Object.entries(exercised).map(([what, count]) => [what, String(count)])
        )
      )
      for (const { guarantee, excerpt } of this.violations) lines.push(`broken: ${guarantee}`, excerpt.replaceAll(/^/gm, '    '))
      for (const file of this.#files) lines.push(`kept: ${file}`)
      if (this.violations.length === 0)
        lines.push(this.#stopped.aborted ? 'stopped before the verdict; all is healed' : 'no promise was broken')
    } else lines.push('all is healed')
    return `${lines.join('\n')}\n`
  }
}
