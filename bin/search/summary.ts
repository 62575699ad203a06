// Summary: what a search found, as text.

import { type Case, commandOf, isFailing, type SeedAnswer, workloads } from '../../lib/chaos/index.js'
import { formatDuration, table } from '../../lib/cli/index.js'
import { type Found, isSound, type LotFound, rareText, shareOf } from './search.js'
import { brokenOf, type Shrunk } from './shrinking.js'

const strikesShownMax = 40
const failingShownMax = 20 // Of a workload, as one line each.

/** A failing seed made smaller, and the files that tell of it. */
export interface Told {
  readonly original: Case
  readonly shrunk: Shrunk
  readonly files: readonly string[]
}

export const ratioOf = ({ virtualMs, processorMs }: Found): string => `${(virtualMs / Math.max(1, processorMs)).toFixed(1)} : 1`

export function summary(found: Found, told: readonly Told[]): string {
  const { lots, virtualMs, processorMs, tookMs } = found
  const count = lots.reduce((sum, { results, crashed }) => sum + results.length + crashed.length, 0)
  const lines = [
    `${count} seed${count === 1 ? '' : 's'}, ${formatDuration(virtualMs)} of virtual time in ${formatDuration(tookMs)}; ${formatDuration(processorMs)} of processor time (${ratioOf(found)} on one core)`
  ]
  for (const lot of lots) lines.push('', ...lotLines(lot))
  for (const one of told) lines.push('', ...toldLines(one))
  lines.push('', isSound(found) ? 'no promise was broken' : 'failed')
  return `${lines.join('\n')}\n`
}

function lotLines({ lot, results, crashed, rare }: LotFound): string[] {
  const { workload, options } = lot
  const lines = exercised({ lot, results, crashed, rare })
  if (results.length === 1 && results[0] !== undefined) lines.push(...detail(results[0]))
  for (const name of rare) lines.push(rareText(name))
  const failing = results.filter(isFailing)
  for (const { seed, ...result } of failing.slice(0, failingShownMax)) {
    lines.push(
      `fails: ${commandOf({ workload, seed, options })}`,
      ...brokenOf({ seed, ...result })
        .slice(0, 1)
        .map(broken => `  ${broken}`)
    )
  }
  if (failing.length > failingShownMax) lines.push(`and ${failing.length - failingShownMax} more`)
  for (const { seed, error } of crashed) lines.push(`crashed: ${commandOf({ workload, seed, options })}`, indented(error))
  return lines
}

/** What the seeds of a workload reached, and what befell them. */
export function exercised({ lot, results }: LotFound): string[] {
  const { events, faults } = workloads[lot.workload]
  const sum = (name: 'operations' | 'acknowledged' | 'inDoubt'): number => results.reduce((all, result) => all + result[name], 0)
  const row = (name: string, of: (result: SeedAnswer) => number | undefined): string[] => [
    name,
    `${Math.round(100 * shareOf(results, of))} %`,
    String(results.reduce((all, result) => all + (of(result) ?? 0), 0))
  ]
  return [
    `${lot.workload}: ${results.length} seeds, ${sum('operations')} operations, ${sum('acknowledged')} writes acknowledged, ${sum('inDoubt')} in doubt`,
    table(
      ['EXERCISED', 'SEEDS', 'TIMES'],
      events.map(event => row(event, result => result.events[event]))
    ),
    table(
      ['INFLICTED', 'SEEDS', 'TIMES'],
      faults.map(fault => row(fault, result => result.inflicted[fault]))
    )
  ]
}

const detail = ({ troubles, recoveredMs, traceHash }: SeedAnswer): string[] => [
  `faults: ${troubles.join(', ') || 'none'}`,
  `recovered in ${formatDuration(recoveredMs)}; trace ${traceHash}`
]

// A failing seed -------------------------------------------------------------------------------------

function toldLines({ original, shrunk, files }: Told): string[] {
  const { answer, runs, isDone } = shrunk
  const broken = brokenOf(answer)[0] ?? 'nothing, when it was run once more'
  const excerpts = answer.violations.filter(({ guarantee }) => guarantee === broken).map(({ excerpt }) => excerpt)
  const shortest = excerpts.sort((a, b) => a.length - b.length)[0] ?? answer.unknown ?? ''
  return [
    `${commandOf(original)}`,
    `smaller, after ${runs} runs${isDone ? '' : ' (given up there)'}: ${sizeOf(answer)}`,
    `  ${commandOf(shrunk.case)}`,
    `broken: ${broken}`,
    indented(shortest),
    ...(answer.strikes.length === 0 ? [] : ['strikes:', ...strikeLines(answer)]),
    ...files.map(file => `see ${file}`)
  ]
}

const sizeOf = ({ strikes, clients, watchers, operations, virtualMs }: SeedAnswer): string =>
  `${strikes.length} strikes, ${clients} clients, ${watchers} watchers, ${operations} operations, ${formatDuration(virtualMs)}`

function strikeLines({ strikes }: SeedAnswer): string[] {
  const shown = strikes.slice(0, strikesShownMax).map(({ number, atMs, kind, faults, lastsMs }) => {
    const lasts = lastsMs === Number.POSITIVE_INFINITY ? '' : ` for ${Math.round(lastsMs)} ms`
    return `    ${number}: ${kind} at ${Math.round(atMs)} ms${lasts}: ${faults.slice(0, 4).map(brief).join('; ')}${faults.length > 4 ? '; ...' : ''}`
  })
  return strikes.length > strikesShownMax ? [...shown, `    and ${strikes.length - strikesShownMax} more`] : shown
}

const brief = (fault: object): string =>
  Object.values(fault)
    .map(value => (typeof value === 'number' ? Number(value.toPrecision(3)) : value))
    .join(' ')

const indented = (text: string): string =>
  text
    .split('\n')
    .map(line => `    ${line}`)
    .join('\n')
