// Rules: how the code is laid out, as functions from sources and data to complaints. A complaint says what to do.

import {
  type BannedWord,
  banned,
  bannedExceptions,
  bannedNounExceptions,
  bannedNouns,
  type Exception,
  type Folder,
  fileLinesMax,
  functionLinesMax,
  globalsFile,
  headerless,
  layout,
  longFiles,
  longFunctions,
  otherDoors,
  type Ratchet,
  spawned
} from './layout.js'
import { functionsOf, type Import, importsOf, type Token, tokensOf } from './tokens.js'

export interface Source {
  readonly path: string // From the root, with slashes: `lib/raft/log.ts`.
  readonly text: string
  readonly tokens: readonly Token[]
  readonly imports: readonly Import[]
}

export function sourceOf(path: string, text: string): Source {
  const tokens = tokensOf(text.replace(/^#!.*/, '')) // Without the line that names the interpreter.
  return { path, text, tokens, imports: importsOf(tokens) }
}

/** `lib/raft` of `lib/raft/log.ts`, `actors` of `actors/store.ts`. */
export function folderOf(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'lib' && !second.includes('.') ? `lib/${second}` : first
}

/** Where a relative import of that file leads, without its ending: `lib/std/index`. */
export function resolve(path: string, from: string): string {
  const parts = path.split('/').slice(0, -1)
  for (const part of from.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/').replace(/\.(js|ts|mjs)$/, '')
}

export type Layout = Readonly<Record<string, Folder>>
const allows = (list: readonly string[] | undefined, name: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(name))
const isRelative = (from: string): boolean => from.startsWith('.')
const isPure = (path: string, table: Layout): boolean => table[folderOf(path)] !== undefined && table[folderOf(path)]?.node !== true

/** The table itself: every folder imports only what stands before it, so there is no cycle. */
export function tableIsOrdered(table: Layout = layout): string[] {
  const seen = new Set<string>()
  const complaints: string[] = []
  for (const [name, { imports }] of Object.entries(table)) {
    for (const below of imports) {
      if (below !== '*' && !seen.has(below))
        complaints.push(`layout: ${name} may not import ${below}, which stands below it; reorder the table`)
    }
    seen.add(name)
  }
  return complaints
}

export function importsGoDown(sources: readonly Source[], table: Layout = layout): string[] {
  const complaints = new Set<string>()
  for (const { path, imports } of sources) {
    const folder = folderOf(path)
    const row = table[folder]
    if (row === undefined) {
      complaints.add(`${folder} is not in the layout: add a line for it in test/tidy/layout.ts`)
      continue
    }
    for (const { from, typeOnly, line } of imports.filter(({ from }) => isRelative(from))) {
      const target = folderOf(resolve(path, from))
      if (target === folder || allows(row.imports, target) || (typeOnly && allows(row.types, target))) continue
      const why = allows(row.types, target) ? `only types of ${target} (write \`import type\`)` : `nothing of ${target}`
      complaints.add(`${path}:${line} imports ${from}: ${folder} may import ${why}; move the code down, or weigh a change of the layout`)
    }
  }
  return [...complaints]
}

export function throughTheDoor(sources: readonly Source[], doors: typeof otherDoors = otherDoors): string[] {
  const complaints: string[] = []
  for (const { path, imports } of sources) {
    const folder = folderOf(path)
    if (folder === 'test') continue // A test may look inside.
    for (const { from, line } of imports.filter(({ from }) => isRelative(from))) {
      const resolved = resolve(path, from)
      const target = folderOf(resolved)
      if (target === folder) continue
      const files = doors[target]?.files ?? ['index']
      if (files.some(file => resolved === `${target}/${file}`)) continue
      complaints.push(
        `${path}:${line} imports ${from}: go through the door, ${target}/${files[0] ?? '(none)'}.js, and export the name there`
      )
    }
  }
  return complaints
}

export function everyFolderHasADoor(sources: readonly Source[], doors: typeof otherDoors = otherDoors): string[] {
  const paths = new Set(sources.map(({ path }) => path))
  return [...new Set(sources.map(({ path }) => folderOf(path)))]
    .filter(folder => doors[folder] === undefined && !paths.has(`${folder}/index.ts`))
    .map(folder => `${folder} has no door: write ${folder}/index.ts with the names others may use`)
}

/** Actors import of each other only the protocol, as types. */
export function actorsShareTypesOnly(sources: readonly Source[]): string[] {
  const complaints: string[] = []
  const wiring = new Set(['actors/roster.ts', 'actors/plan.ts'])
  for (const { path, imports } of sources) {
    if (folderOf(path) !== 'actors' || wiring.has(path)) continue
    for (const { from, typeOnly, line } of imports) {
      if (!from.startsWith('./') || typeOnly || spawned[path]?.some(name => from === `./${name}.js`)) continue
      complaints.push(
        `${path}:${line} imports ${from}: an actor imports of another only types (but for a child it starts: see spawned in layout.ts); move what both need to lib/`
      )
    }
  }
  return complaints
}

const packageOf = (from: string): string =>
  from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')

export function packagesWhereAllowed(sources: readonly Source[], table: Layout = layout): string[] {
  const complaints: string[] = []
  for (const { path, imports } of sources) {
    const folder = folderOf(path)
    const row = table[folder]
    for (const { from, line } of imports) {
      if (isRelative(from) || row === undefined) continue
      if (from.startsWith('node:')) {
        if (row.node !== true) complaints.push(`${path}:${line} imports ${from}: ${folder} is pure; put it behind a port in lib/host/ports`)
      } else if (!allows(row.packages, packageOf(from))) {
        complaints.push(`${path}:${line} imports ${from}: ${folder} may not; name the package in its line of the layout if it was weighed`)
      }
    }
  }
  return complaints
}

export function noBannedWords(
  sources: readonly Source[],
  table: Layout = layout,
  words: readonly BannedWord[] = banned,
  exceptions: readonly Exception[] = bannedExceptions
): string[] {
  const instead = new Map(words.map(({ word, instead }) => [word, instead]))
  const complaints: string[] = []
  for (const { path, tokens } of sources) {
    if (!isPure(path, table)) continue
    const excused = exceptions.find(({ file }) => file === path)?.words ?? []
    for (const { word, line } of wordsUsed(tokens)) {
      const advice = instead.get(word)
      if (advice !== undefined && !excused.includes(word)) complaints.push(`${path}:${line} names ${word}; use ${advice}`)
    }
  }
  return complaints
}

/** Names as used: `a.b` also as a whole; the key of a property and a member of something else are no use of a global. */
function* wordsUsed(tokens: readonly Token[]): Generator<{ word: string; line: number }> {
  const code = tokens.filter(({ kind }) => kind !== 'comment')
  for (let i = 0; i < code.length; i++) {
    const { kind, text, line } = code[i] as Token
    if (kind !== 'word') continue
    const before = code[i - 1]?.text
    if (before === '.' || before === '?.') {
      const owner = code[i - 2]
      if (owner?.kind === 'word') yield { word: `${owner.text}.${text}`, line }
      if (text.startsWith('toLocale') || text === 'localeCompare') yield { word: text, line }
    } else if (code[i + 1]?.text !== ':' || before === '?') yield { word: text, line }
  }
}

/** Pure code does not talk the compiler round: no directive that silences it, no declaration of what it does not know. */
export function compilerIsObeyed(sources: readonly Source[], table: Layout = layout): string[] {
  const complaints: string[] = []
  for (const { path, tokens } of sources) {
    if (path === globalsFile || !isPure(path, table)) continue
    const code = tokens.filter(({ kind }) => kind !== 'comment')
    for (const { kind, text, line } of tokens) {
      if (kind === 'comment' && /^\/\/\/\s*<reference|@ts-(ignore|nocheck|expect-error)/.test(text))
        complaints.push(`${path}:${line} has a directive for the compiler: pure code has none; fix the type instead`)
    }
    code.forEach(({ kind, text, line }, i) => {
      if (kind !== 'word' || text !== 'declare' || code[i + 1]?.kind !== 'word') return
      const symbol = code[i + 1]?.text === 'const' && code[i + 4]?.text === 'unique'
      if (!symbol) complaints.push(`${path}:${line} declares a global: what pure code may name of the host stands in ${globalsFile}`)
    })
  }
  return complaints
}

/** An exception that excuses nothing is removed: it would hide the next one. */
export function exceptionsAreUsed(sources: readonly Source[], exceptions: readonly Exception[] = bannedExceptions): string[] {
  const complaints: string[] = []
  for (const { file, words } of exceptions) {
    const source = sources.find(({ path }) => path === file)
    if (source === undefined) continue
    const used = new Set([...wordsUsed(source.tokens)].map(({ word }) => word))
    for (const word of words)
      if (!used.has(word)) complaints.push(`${file} does not name ${word} any more: remove it from bannedExceptions`)
  }
  return complaints
}

export function headerComment(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => ['actors', 'bin', 'build'].includes(folderOf(path)) || path.startsWith('lib/'))
    .filter(({ path }) => !headerless.includes(path))
    .filter(({ tokens }) => tokens[0] !== undefined && tokens[0].kind !== 'comment')
    .map(({ path }) => `${path} has no header: begin it with a comment that says what the noun is and what it guarantees`)
}

export function kebabNames(sources: readonly Source[], nouns = bannedNouns, exceptions = bannedNounExceptions): string[] {
  const complaints: string[] = []
  for (const { path } of sources) {
    const parts = path.split('/')
    const name = (parts.pop() as string).replace(/(\.test|\.d)?\.ts$/, '')
    for (const part of [...parts, name]) {
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part)) complaints.push(`${path}: ${part} is not kebab-case`)
    }
    if (exceptions.some(exception => exception.name === name)) continue
    const noun = name.split('-').at(-1) as string
    if (nouns.includes(noun)) complaints.push(`${path}: ${noun} says nothing; name the file after what it exports`)
  }
  return complaints
}

/** What the code measures now, against the limit and the list of what is over it. */
export function ratchet(what: string, max: number, measured: ReadonlyMap<string, number>, list: readonly Ratchet[]): string[] {
  const complaints: string[] = []
  const known = new Map(list.map(entry => [entry.name, entry.lines]))
  for (const [name, lines] of measured) {
    const allowed = known.get(name)
    if (lines > (allowed ?? max))
      complaints.push(`${name} has ${lines} lines, over ${allowed ?? max}: split it; the list of long ${what}s only shrinks`)
    else if (allowed !== undefined && lines <= max)
      complaints.push(`${name} has ${lines} lines now: remove it from the list of long ${what}s`)
  }
  for (const name of known.keys()) if (!measured.has(name)) complaints.push(`${name} is gone: remove it from the list of long ${what}s`)
  return complaints
}

const measuredPath = (path: string): boolean => ['actors', 'bin', 'build'].includes(folderOf(path)) || path.startsWith('lib/')

export function shortFiles(sources: readonly Source[], max = fileLinesMax, list = longFiles): string[] {
  const lines = new Map<string, number>()
  for (const { path, text } of sources) if (measuredPath(path)) lines.set(path, text.split('\n').length - 1)
  return ratchet('file', max, lines, list)
}

export function shortFunctions(sources: readonly Source[], max = functionLinesMax, list = longFunctions): string[] {
  const lines = new Map<string, number>()
  for (const { path, tokens } of sources) {
    if (!measuredPath(path)) continue
    for (const span of functionsOf(tokens)) {
      const name = `${path}: ${span.name}`
      lines.set(name, Math.max(span.lines, lines.get(name) ?? 0))
    }
  }
  return ratchet('function', max, lines, list)
}

/** Relative links of a page that lead nowhere. `exists` knows files and folders by their path from the root. */
export function linksLeadSomewhere(
  pages: readonly { readonly path: string; readonly text: string }[],
  exists: (path: string) => boolean
): string[] {
  const complaints: string[] = []
  for (const { path, text } of pages) {
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const parts = path.split('/').slice(0, -1)
      for (const part of target.split('/')) {
        if (part === '..') parts.pop()
        else if (part !== '.' && part !== '') parts.push(part)
      }
      if (!exists(parts.join('/'))) complaints.push(`${path} links to ${target}, which is not there: correct the link`)
    }
  }
  return complaints
}
