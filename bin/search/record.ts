// Record: a section about a search, appended to a file of Markdown: of which commit, how much, what was exercised, what was found.

import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { arch, cpus } from 'node:os'
import * as path from 'node:path'
import { commandOf, isFailing } from '../../lib/chaos/index.js'
import { formatDuration } from '../../lib/cli/index.js'
import { type Found, isSound, rareText } from './search.js'
import { brokenOf } from './shrinking.js'
import { exercised, ratioOf, type Told } from './summary.js'

const head = `# Search record

Searches over many seeds: appended by \`kabuki sim --record FILE\`, never by hand. What was found and fixed is in [track-record.md](track-record.md).
`

export function record(file: string, found: Found, told: readonly Told[], nowMs: number): void {
  if (!existsSync(file)) writeFileSync(file, head)
  appendFileSync(file, `\n${section(found, told, nowMs, commitOf(path.dirname(path.resolve(file))))}`)
}

function section(found: Found, told: readonly Told[], nowMs: number, commit: string): string {
  const { lots, virtualMs, processorMs, tookMs } = found
  const seeds = lots.reduce((sum, { results, crashed }) => sum + results.length + crashed.length, 0)
  const hours = (virtualMs / 3_600_000).toFixed(1)
  const threads = `Node ${process.version.slice(1)}, ${arch()}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`
  const lines = [
    `## ${new Date(nowMs).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${commit}`,
    '',
    `${seeds} seeds, ${hours} virtual hours in ${formatDuration(tookMs)} (processor time ${formatDuration(processorMs)}, ${ratioOf(found)} on one core). ${threads}.`,
    `Seeds ${lots.map(({ lot, results }) => `${results[0]?.seed ?? '-'} to ${results.at(-1)?.seed ?? '-'} of ${lot.workload}`).join(', ')}.`,
    '',
    isSound(found) ? 'Found: nothing.' : 'Found:',
    ...findings(found, told),
    '',
    '```',
    lots.map(lot => exercised(lot).join('\n')).join('\n\n'),
    '```',
    ''
  ]
  return lines.join('\n')
}

function findings({ lots }: Found, told: readonly Told[]): string[] {
  return lots.flatMap(({ lot: { workload, options }, results, crashed, rare }) => [
    ...results.filter(isFailing).map(result => {
      const smaller = told.find(({ original }) => original.workload === workload && original.seed === result.seed)
      const command = smaller === undefined ? commandOf({ workload, seed: result.seed, options }) : commandOf(smaller.shrunk.case)
      return `- \`${command}\`: ${brokenOf(result)[0]}`
    }),
    ...crashed.map(({ seed, error }) => `- \`${commandOf({ workload, seed, options })}\` crashed: ${error.split('\n')[0]}`),
    ...rare.map(name => `- ${workload}: ${rareText(name)}`)
  ])
}

/** With a mark if the working tree is not what was committed. */
function commitOf(directory: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no')
      .split('\n')
      .some(line => line !== '' && !line.endsWith('.md'))
    return `commit ${git('rev-parse', '--short', 'HEAD')}${changed ? ', changed' : ''}`
  } catch {
    return 'no commit'
  }
}
