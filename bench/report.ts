// Report: prints results as JSON lines and as a table, and appends them to bench/RESULTS.md.

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import type { Result } from './measure.js'

const resultsFile = new URL('../../bench/RESULTS.md', import.meta.url) // Beside the sources: this runs from dist/bench.

const figure = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value)
    ? ''
    : value >= 1000
      ? Math.round(value).toLocaleString('en-US')
      : value.toFixed(value < 10 ? 2 : 1)

const verdict = ({ reached }: Result): string => (reached === undefined ? '' : reached ? 'yes' : 'no')

function table(results: readonly Result[]): string {
  const head = '| what | unit | ours | peer | ratio | target | reached |\n|---|---|---|---|---|---|---|\n'
  const rows = results.map(
    result =>
      `| ${result.name} | ${result.unit} | ${figure(result.ours)} | ${figure(result.peer)} | ${figure(result.ratio)} | ${result.target} | ${verdict(result)} |`
  )
  return `${head}${rows.join('\n')}\n`
}

/** Dirty says that what was measured is not that commit; the results being appended do not count. */
function commit(): string {
  const git = (...args: readonly string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', ':(top,exclude)bench/RESULTS.md')
    return `${git('describe', '--always')}${changed === '' ? '' : '-dirty'}`
  } catch {
    return 'unknown'
  }
}

/** What the numbers were measured on: processors, memory, runtime, and how busy it was besides. */
const machine = (): string => {
  const cpus = os.cpus()
  const gib = Math.round(os.totalmem() / 2 ** 30)
  return `${cpus.length} x ${cpus[0]?.model.trim() ?? 'unknown'}, ${gib} GiB, Node ${process.version}, load ${os.loadavg()[0]?.toFixed(1)}`
}

/** Without `append`, it only prints. */
export function report(scenario: string, results: readonly Result[], append: boolean): void {
  for (const result of results) console.log(JSON.stringify({ scenario, ...result }))
  console.log(`\n${table(results)}`)
  if (!append) return
  const title = `## ${scenario}, ${new Date().toISOString().slice(0, 16)}Z, ${commit()}\n\n${machine()}\n\n`
  if (!fs.existsSync(resultsFile))
    fs.writeFileSync(resultsFile, '# Results\n\nAppended by the benchmarks: `npx tsc -b && node dist/bench/<scenario>.js --append`.\n')
  fs.appendFileSync(resultsFile, `\n${title}${table(results)}`)
}
