// kabuki check: whether a recorded history, from anywhere, is what a store or registers promise.

import { createReadStream, existsSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  checkHistory,
  type Decoded,
  encodeApiHistory,
  encodeAuthHistory,
  encodeHistory,
  encodeLeaseHistory,
  encodeRegisterHistory,
  HistoryDecoder,
  type HistoryVerdict,
  shrinkAuth,
  shrinkHistory,
  shrinkLeases,
  shrinkRegisters,
  storeQuestion,
  violationPage
} from '../../lib/check/index.js'

export interface CheckOptions {
  readonly html?: string
  readonly output: 'text' | 'json'
}

const exitCodes = { passed: 0, violated: 1, unknown: 3 } as const
const badInput = 2
const linesMax = 200 // Of the smallest history; more is in the page, and in JSON.

export async function check(file: string, options: CheckOptions): Promise<void> {
  const decoded = await read(file)
  if (typeof decoded === 'string') {
    process.stderr.write(`kabuki: ${file === '-' ? 'standard input' : file}: ${decoded}\n`)
    process.exitCode = badInput
    return
  }
  const verdict = checkHistory(decoded)
  const shrunk = verdict.verdict === 'violated' ? shrink(decoded, verdict) : undefined
  process.stdout.write(options.output === 'json' ? json(decoded, verdict, shrunk) : text(decoded, verdict, shrunk))
  if (options.html !== undefined) {
    const { violations, unknown } = verdict
    writeFileSync(options.html, violationPage({ title: titleOf(file, decoded), violations, unknown, history: decoded.history }))
  }
  process.exitCode = exitCodes[verdict.verdict]
}

async function read(file: string): Promise<Decoded | string> {
  if (file !== '-' && !existsSync(file)) return 'does not exist'
  const decoder = new HistoryDecoder()
  try {
    const input = file === '-' ? process.stdin : createReadStream(file)
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const wrong = decoder.take(line)
      if (wrong !== undefined) return wrong
    }
  } catch (error) {
    return (error as Error).message
  }
  return decoder.finish()
}

/** Undefined: of what clients of an API saw a part says little, and its violations name what contradicts each other. */
function shrink(decoded: Decoded, { violations }: HistoryVerdict): Decoded | undefined {
  const [first] = violations
  if (first === undefined || decoded.kind === 'api') return undefined
  if (decoded.kind === 'lease') return { ...decoded, history: shrinkLeases(decoded.history, first) }
  if (decoded.kind === 'auth') return { ...decoded, history: shrinkAuth(decoded.history, first) }
  if (decoded.kind === 'register') return { ...decoded, history: shrinkRegisters(decoded.history) }
  return { ...decoded, history: shrinkHistory(storeQuestion(decoded.history, decoded.header), first) }
}

const titleOf = (file: string, { header }: Decoded): string => header.about ?? (file === '-' ? 'a history' : file)

function linesOf({ kind, history, header }: Decoded): string[] {
  if (kind === 'api') return [...encodeApiHistory(history, header)]
  if (kind === 'lease') return [...encodeLeaseHistory(history, header)]
  if (kind === 'auth') return [...encodeAuthHistory(history, header)]
  return [...(kind === 'store' ? encodeHistory(history, header) : encodeRegisterHistory(history, header))]
}

function watchesOf({ kind, history }: Decoded): number {
  if (kind === 'api') return history.sessions.reduce((sum, { watches }) => sum + watches.length, 0)
  return kind === 'store' ? history.watches.length : 0
}

const sizeOf = (decoded: Decoded): { operations: number; watches: number } => ({
  operations: decoded.history.operations.length,
  watches: watchesOf(decoded)
})

function json(decoded: Decoded, { verdict, violations, unknown }: HistoryVerdict, shrunk: Decoded | undefined): string {
  const smallest = shrunk === undefined ? undefined : linesOf(shrunk).map(line => JSON.parse(line) as unknown)
  return `${JSON.stringify({ verdict, ...sizeOf(decoded), violations, unknown, smallest }, null, 2)}\n`
}

function text(decoded: Decoded, { verdict, violations, unknown }: HistoryVerdict, shrunk: Decoded | undefined): string {
  const { operations, watches } = sizeOf(decoded)
  const lines = [`${verdict}: ${operations} operations${watches === 0 ? '' : `, ${watches} watches`}`]
  for (const { guarantee, excerpt } of violations) lines.push('', guarantee, `  ${excerpt.replaceAll('\n', '\n  ')}`)
  if (unknown !== undefined) lines.push('', `undecided: ${unknown}`)
  if (shrunk !== undefined) {
    const smallest = linesOf(shrunk)
    lines.push('', `the smallest history found that breaks it (${smallest.length} lines, as a file for kabuki check):`)
    lines.push(...smallest.slice(0, linesMax))
    if (smallest.length > linesMax) lines.push(`... ${smallest.length - linesMax} more: -o json has all of them`)
  }
  return `${lines.join('\n')}\n`
}
