// Failure files: what tells of a failing seed beside the terminal: what came of it with its strikes, and what clients saw.

import { mkdirSync, writeFileSync } from 'node:fs'
import * as path from 'node:path'
import { type Case, commandOf, type SeedAnswer } from '../../lib/chaos/index.js'
import { historyFiles } from './history-files.js'

/** Writes them, and gives their names. */
export function writeFailure(directory: string, failing: Case, answer: SeedAnswer): string[] {
  mkdirSync(directory, { recursive: true })
  const title = commandOf(failing)
  const { history, api, leases, auth, isQuiet = false, compactsByItself = false, ...result } = answer
  const files: [string, string][] = [['.json', `${JSON.stringify({ command: title, ...result }, null, 2)}\n`]]
  const { violations, unknown } = result
  files.push(...historyFiles({ title, violations, unknown, history, api, leases, auth, isQuiet, compactsByItself }))
  return files.map(([ending, text]) => {
    const name = path.join(directory, `kabuki-${failing.workload}-${failing.seed}${ending}`)
    writeFileSync(name, text)
    return name
  })
}
