// Harness: what the semantics suite needs of a host. All of it is asynchronous, so that real threads fit.

import type { Test } from 'tap'
import type { Outcome } from '../../lib/actor/index.js'
import type { Act, PuppetArgs, PuppetProtocol } from './cast.js'

export interface Line {
  readonly address: string
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type Target = { readonly actor: string } | { readonly thread: string } | { readonly machine: string }

export interface Harness {
  /** Starts an actor of the cast, by name, in that thread (default: one of its own); resolves once its `init` has run. */
  start(address: string, actor?: string, args?: PuppetArgs, thread?: string): Promise<void>
  ask<K extends keyof PuppetProtocol>(
    to: string,
    type: K,
    body?: Parameters<PuppetProtocol[K]>[0],
    timeoutMs?: number
  ): Promise<Outcome<ReturnType<PuppetProtocol[K]>>>
  /** Kills at once; a machine with its power, if asked. */
  kill(target: Target, power?: boolean): Promise<void>
  pause(target: Target): Promise<void>
  resume(target: Target): Promise<void>
  /** Everything logged so far, in the order of its thread. */
  lines(): readonly Line[]
  /** Waits until the predicate holds; rejects, naming `what`, if it does not within a generous limit. */
  until(what: string, predicate: () => boolean | Promise<boolean>): Promise<void>
  /** Lets real time pass. Use it only to show that something does not happen. */
  pass(ms: number): Promise<void>
  advanceCluster(ms: number): Promise<void>
  /** Messages to that thread's actors that nobody took. */
  counters(thread: string): Promise<{ readonly deadLetters: number; readonly refused: number; readonly expired: number }>
  /** Loses that share of the messages between two machines, one way; 0 ends it. Only a host that can lose single messages has it. */
  readonly lose?: (from: string, to: string, share: number) => Promise<void>
  /** Makes saves of a machine fail, or succeed again. */
  readonly fillDisk?: (machine: string, full: boolean) => Promise<void>
  /** Makes saves of a machine slow, to see what leaves before they are done. */
  readonly slowDisk?: (machine: string, ms: number) => Promise<void>
  close(): Promise<void>
}

export interface Case {
  readonly name: string
  /** What of a harness it cannot do without; skipped, with that reason, where it is absent. */
  readonly needs?: 'lose' | 'fillDisk' | 'slowDisk'
  readonly run: (t: Test, h: Harness) => Promise<void>
}

/** Has a puppet do something, and insists that it did. */
export async function play(h: Harness, puppet: string, ...acts: Act[]): Promise<void> {
  const outcome = await h.ask(puppet, 'play', acts)
  if (!outcome.ok) throw new Error(`${puppet} did not play: ${JSON.stringify(outcome.error)}`)
}

export const linesOf = (h: Harness, address: string, event: string): Line[] =>
  h.lines().filter(line => line.address === address && line.event === event)

export const texts = (h: Harness, address: string): unknown[] => linesOf(h, address, 'note').map(line => line.fields.text)

export const outcomeOf = (h: Harness, tag: string): Line['fields'] | undefined =>
  h.lines().find(line => line.event === 'outcome' && line.fields.tag === tag)?.fields

export async function outcome(h: Harness, tag: string): Promise<Line['fields']> {
  await h.until(`an outcome of ${tag}`, () => outcomeOf(h, tag) !== undefined)
  return outcomeOf(h, tag) as Line['fields']
}

let probes = 0

/** Has a puppet do that, and waits until what it sent to `to` has been handled there: an echo came back on the same way. */
export async function playThrough(h: Harness, puppet: string, to: string, ...acts: Act[]): Promise<void> {
  const tag = `probe ${++probes}`
  await play(h, puppet, ...acts, { do: 'ask', to, type: 'echo', body: tag, timeoutMs: 60_000, tag })
  await outcome(h, tag)
}
