// The real host behind the face of the semantics suite: each case has a runtime, and threads, of its own.

import type { Outcome, Ref } from '../../lib/actor/index.js'
import { Runtime, type RuntimeOptions } from '../../lib/host/index.js'
import type { PuppetArgs, PuppetProtocol } from '../actor/cast.js'
import type { Harness, Line, Target } from '../actor/harness.js'
import { type Bundle, bundle } from './bundle.js'
import { Lines } from './lines.js'

const limitMs = 60_000
let bundled: Promise<Bundle> | undefined

export class HostHarness implements Harness {
  readonly runtime: Runtime
  readonly #lines: Lines

  private constructor(runtime: Runtime) {
    this.runtime = runtime
    this.#lines = new Lines(runtime.dataDir)
  }

  static async start(options: Partial<RuntimeOptions> = {}): Promise<HostHarness> {
    bundled ??= bundle()
    return new HostHarness(await Runtime.start({ ...(await bundled), ...options }))
  }

  start(address: string, actor = 'puppet', args?: PuppetArgs, thread = address): Promise<void> {
    return this.runtime.startActor(address, actor, args, thread)
  }

  async ask<K extends keyof PuppetProtocol>(
    to: string,
    type: K,
    body?: Parameters<PuppetProtocol[K]>[0],
    timeoutMs = limitMs
  ): Promise<Outcome<ReturnType<PuppetProtocol[K]>>> {
    const outcome = await this.runtime.call(to as Ref<PuppetProtocol>, timeoutMs, type as 'echo', body as string)
    return outcome as unknown as Outcome<ReturnType<PuppetProtocol[K]>>
  }

  async kill(target: Target, power = false): Promise<void> {
    const { runtime } = this
    if ('actor' in target) return void (await runtime.killActor(target.actor, 'killed'))
    const threads = this.#threadsOf(target)
    const actors = threads.flatMap(thread => runtime.actorsIn(thread))
    await Promise.all(threads.map(thread => runtime.killThread(thread, 'killed')))
    if (power) await runtime.cutPower(actors)
  }

  async pause(target: Target): Promise<void> {
    if ('actor' in target) return void (await this.runtime.pauseActor(target.actor))
    for (const thread of this.#threadsOf(target)) if (!(await this.runtime.pauseThread(thread))) throw new Error(`${thread} does not pause`)
  }

  async resume(target: Target): Promise<void> {
    if ('actor' in target) return void (await this.runtime.resumeActor(target.actor))
    for (const thread of this.#threadsOf(target)) this.runtime.resumeThread(thread)
  }

  lines(): readonly Line[] {
    return this.#lines.read()
  }

  async until(what: string, predicate: () => boolean | Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + limitMs
    while (!(await predicate())) {
      if (performance.now() > untilMs) throw new Error(`in vain: ${what}`)
      await this.pass(1)
    }
  }

  pass(ms: number): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, ms))
  }

  advanceCluster(ms: number): Promise<void> {
    return this.runtime.advanceClock(ms)
  }

  async counters(thread: string): Promise<{ deadLetters: number; refused: number; expired: number }> {
    const status = (await this.runtime.status()).find(status => status.name === thread)
    if (status === undefined) throw new Error(`${thread} does not run`)
    return status.counters
  }

  async close(): Promise<void> {
    this.#lines.close()
    await this.runtime.stop()
  }

  #threadsOf(target: { readonly thread: string } | { readonly machine: string }): string[] {
    return 'thread' in target ? [target.thread] : this.runtime.threadsOf(target.machine)
  }
}
