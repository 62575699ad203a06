// kabuki store members, add, promote, remove, move-leader, replace: who the members of a running cluster's store are.

import { setTimeout as sleep } from 'node:timers/promises'
import { table } from '../../lib/cli/index.js'
import type { Replacement, StoreMembers, StoreReplacement } from '../../lib/store/index.js'
import type { MembersParams, Replaced, ReplaceParams } from '../store-members.js'
import { type CommandOptions, call, print } from './call.js'

export interface ReplaceOptions extends CommandOptions {
  /** Names, or how many; absent: as many as there are voters to go. */
  readonly add?: readonly string[] | number
  readonly remove?: readonly string[]
  readonly timeout: number
}

const askAgainMs = 200
/** A failure that may pass, as that of a leader that has just begun and has not heard everybody, is taken for one that lasts after so long. */
const patienceMs = 10_000

export async function storeMembers(params: MembersParams, options: CommandOptions): Promise<void> {
  show(await call<StoreMembers>(options, 'members', params), options)
}

function show({ members }: StoreMembers, options: CommandOptions): void {
  const rows = members.map(({ address, isLearner, isStarted, isLeaving }) => [
    address,
    isLearner ? 'learner' : isLeaving === true ? 'voter, leaving' : 'voter',
    isStarted ? 'yes' : 'no'
  ])
  print(options, { members }, table(['MEMBER', 'ROLE', 'STARTED'], rows))
}

/** Until all of it is done. Whatever stops it, what was done stays, and the same wish goes on from there. */
export async function replaceStoreMembers(options: ReplaceOptions): Promise<void> {
  const { remove = [], add, timeout } = options
  let wish: ReplaceParams = { ...(add === undefined ? {} : { add }), remove }
  const startedMs = performance.now()
  let wellMs = startedMs
  let told = ''
  for (;;) {
    const replaced: Replaced = await call<Replaced>(options, 'replaceMembers', wish)
    const { outcome } = replaced
    wish = replaced.wish
    const nowMs = performance.now()
    if ('step' in outcome) {
      wellMs = nowMs
      if (outcome.step === 'replaced') return show(outcome, options)
      const text = progressOf(outcome)
      if (text !== told && options.output !== 'json') process.stderr.write(`  ${text}\n`)
      told = text
    } else {
      const text = `${outcome.code}: ${outcome.detail}${hints[outcome.code] ?? ''}`
      if (isFinal(outcome.code)) throw new Error(text)
      if (nowMs - wellMs > patienceMs) throw new Error(`${text}. ${goOn(replaced.wish)}`)
    }
    if (nowMs - startedMs > timeout) throw new Error(`not done within ${Math.round(timeout / 1000)} s: ${told}. ${goOn(replaced.wish)}`)
    await sleep(askAgainMs)
  }
}

function progressOf({ step, learning, members }: StoreReplacement): string {
  if (step === 'joint') {
    const leaving = members.filter(({ isLeaving }) => isLeaving === true).map(({ address }) => address)
    return `${leaving.length === 0 ? 'new members join' : `leaving: ${leaving.join(', ')}`}; old and new members decide together`
  }
  return `learning: ${learning.map(({ address, has, of }) => `${address} has ${has} of ${of} entries`).join(', ')}`
}

/** That nobody waits out. */
const isFinal = (code: string): boolean =>
  ['invalid', 'member exists', 'member not found', 'too many learners', 'not enough started members', 'unknown message'].includes(code)

const hints: Readonly<Record<string, string>> = {
  unhealthy: ': heal what does not answer, or have it go (--remove)',
  'member exists': ' (--add)',
  'member not found': ': `kabuki store members` lists them',
  'too many learners': ': `kabuki store remove` removes one, --add names it'
}

const goOn = ({ add, remove }: Replacement): string =>
  `What was done stays; this goes on from there: kabuki store replace --add ${add.length === 0 ? '0' : add.join(',')}${remove.length === 0 ? '' : ` --remove ${remove.join(',')}`}`
