// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the samples are sources in strings.
// Tidy: the layout and the style, executed. Each rule is tried on strings first, so that it is known to be able to fail.
//
// `node dist/test/tidy.test.js <root>` looks at another checkout.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import t, { type Test } from 'tap'
import { banned, functionLinesMax } from './tidy/layout.js'
import {
  actorsShareTypesOnly,
  compilerIsObeyed,
  everyFolderHasADoor,
  exceptionsAreUsed,
  headerComment,
  importsGoDown,
  kebabNames,
  linksLeadSomewhere,
  noBannedWords,
  packagesWhereAllowed,
  ratchet,
  type Source,
  shortFiles,
  shortFunctions,
  sourceOf,
  tableIsOrdered,
  throughTheDoor
} from './tidy/rules.js'
import { functionsOf, importsOf, tokensOf } from './tidy/tokens.js'

const root = resolvePath(process.argv[2] ?? new URL('../../', import.meta.url).pathname)
const tops = ['lib', 'actors', 'bin', 'build', 'bench', 'test', 'examples']
const sources = tops.filter(top => existsSync(join(root, top))).flatMap(readSources)

function readSources(top: string): Source[] {
  return readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.includes('node_modules'))
    .sort()
    .map(path => join(top, path).replaceAll('\\', '/'))
    .map(path => sourceOf(path, readFileSync(join(root, path), 'utf8')))
}

interface Rule {
  readonly name: string
  readonly check: (sources: readonly Source[]) => string[]
  /** Sources it must complain about, one complaint each, and one it must not mind. */
  readonly bad: readonly (readonly [path: string, text: string])[]
  readonly good: readonly [path: string, text: string]
}

const long = (lines: number, first: string): string => `${first}\n${'  work()\n'.repeat(lines)}}\n`

const rules: readonly Rule[] = [
  {
    name: 'imports go down',
    check: sources => importsGoDown(sources),
    bad: [
      ['lib/std/heap.ts', "import { Cell } from '../actor/index.js'"],
      ['lib/raft/raft.ts', "export { type Mvcc } from '../mvcc/index.js'"],
      ['lib/sim/world.ts', "import type { Runtime } from '../host/index.js'"],
      ['lib/server/verbs.ts', "import { type ApiProtocol, ApiClient } from '../client/index.js'"],
      ['lib/kinds/core/pod.ts', "const late = import('../../client/index.js')"],
      ['lib/novelty/new.ts', '// a folder nobody knows']
    ],
    good: ['lib/server/verbs.ts', "import { type ApiProtocol } from '../client/index.js'\nimport { kindOf } from '../kinds/index.js'"]
  },
  {
    name: 'other folders are imported through their door',
    check: sources => throughTheDoor(sources),
    bad: [
      ['lib/actor/cell.ts', "import { Heap } from '../std/heap.js'"],
      ['bin/up.ts', "import { store } from '../actors/store.js'"]
    ],
    good: ['lib/object/patch/merge-patch.ts', "import { assert } from '../../std/index.js'\nimport { field } from '../field.js'"]
  },
  {
    name: 'every folder has a door',
    check: sources => everyFolderHasADoor(sources),
    bad: [['lib/proxy/rules.ts', '// rules']],
    good: ['lib/proxy/index.ts', '// door']
  },
  {
    name: 'actors import only types of each other',
    check: actorsShareTypesOnly,
    bad: [['actors/apiserver.ts', "import { store } from './store.js'"]],
    good: ['actors/apiserver.ts', "import type { StoreArgs } from './store.js'"]
  },
  {
    name: 'npm packages and node:* only where the layout says',
    check: sources => packagesWhereAllowed(sources),
    bad: [
      ['lib/raft/log.ts', "import BTree from 'sorted-btree'"],
      ['lib/server/http.ts', "import { createServer } from 'node:http'"],
      ['lib/actor/cell.ts', "import { x } from '@peculiar/x509/inner'"]
    ],
    good: ['lib/host/wire.ts', "import { Packr } from 'msgpackr'\nimport { join } from 'node:path'"]
  },
  {
    name: 'pure code names no clock, chance, promise or I/O',
    check: sources => noBannedWords(sources),
    bad: [
      ...banned.filter(({ word }) => !/^(toLocale|localeC)/.test(word)).map(({ word }) => ['lib/raft/raft.ts', `use(${word})`] as const),
      ['lib/std/sort.ts', 'names.sort((a, b) => a.localeCompare(b))'],
      ['lib/std/text.ts', 'const text = `${Date}`'],
      ['actors/store.ts', 'const later = async () => 1']
    ],
    good: [
      'lib/raft/raft.ts',
      "// Date, await\nconst text = 'Promise' + `Math.random ${a.b} setTimeout`\nconst x = { Date: 1, async: /eval/ }\nx.Date"
    ]
  },
  {
    name: 'pure code obeys the compiler',
    check: sources => compilerIsObeyed(sources),
    bad: [
      ['lib/raft/raft.ts', '/// <reference types="node" />'],
      ['lib/raft/raft.ts', '// @ts-ignore: it is there'],
      ['actors/store.ts', 'declare const process: any'],
      ['lib/sim/world.ts', 'declare global {\n}']
    ],
    good: ['lib/actor/contract.ts', 'declare const accepts: unique symbol\nconst declare = 1']
  },
  {
    name: 'every file begins with a header comment',
    check: headerComment,
    bad: [
      ['lib/raft/log.ts', "import { assert } from '../std/index.js'\n// late"],
      ['bin/kabuki.ts', '#!/usr/bin/env node\nmain()']
    ],
    good: ['bin/kabuki.ts', '#!/usr/bin/env node\n// kabuki: what it is\nmain()']
  },
  {
    name: 'names are kebab-case nouns that say something',
    check: sources => kebabNames(sources),
    bad: [
      ['lib/raft/readIndex.ts', ''],
      ['lib/server/http-utils.ts', ''],
      ['lib/kubelet/pod-manager.ts', ''],
      ['lib/object/types.ts', '']
    ],
    good: ['actors/controller-manager.ts', '']
  },
  {
    name: 'files are at most 400 lines',
    check: sources => shortFiles(sources),
    bad: [],
    good: ['lib/std/short.ts', 'x\n']
  },
  {
    name: 'functions are at most 60 lines',
    check: sources => shortFunctions(sources),
    bad: [],
    good: ['lib/std/short.ts', 'x\n']
  }
]

t.test('the layout table has no cycle', async t => {
  t.same(tableIsOrdered(), [])
  t.equal(tableIsOrdered({ a: { imports: ['b'] }, b: { imports: [] } }).length, 1)
})

/** One line for each complaint. */
function report(t: Test, complaints: readonly string[]): void {
  for (const complaint of complaints) t.fail(complaint, { stack: '', at: null })
  t.equal(complaints.length, 0, 'this checkout is tidy')
}

for (const { name, check, bad, good } of rules) {
  t.test(name, async t => {
    for (const [path, text] of bad) t.equal(check([sourceOf(path, text)]).length, 1, `complains about ${path}: ${text.slice(0, 60)}`)
    if (bad.length > 0) t.same(check([sourceOf(...good)]), [], 'does not mind what is right')
    report(t, check(sources))
  })
}

t.test('links of the documentation lead somewhere', async t => {
  const folder = join(root, 'docs')
  const inDocs = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(path => join('docs', path)) : []
  const pages = [...readdirSync(root), ...inDocs].filter(path => path.endsWith('.md'))
  const texts = pages.map(path => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') }))
  report(
    t,
    linksLeadSomewhere(texts, path => existsSync(join(root, path)))
  )
  const page = { path: 'docs/adr/a.md', text: '[a](../b.md#c) [d](./e.md) [f](https://g.h) [i](../../j)' }
  t.same(
    linksLeadSomewhere([page], path => ['docs/b.md', 'docs/adr/e.md', 'j'].includes(path)),
    []
  )
  t.equal(linksLeadSomewhere([page], () => false).length, 3)
})

t.test('the ratchet only turns one way', async t => {
  const list = [{ name: 'a', lines: 500, reason: 'old' }]
  t.same(ratchet('file', 400, new Map([['a', 450]]), list), [])
  for (const now of [{ a: 501 }, { a: 400 }, {}, { a: 500, b: 401 }]) {
    t.equal(ratchet('file', 400, new Map(Object.entries(now)), list).length, 1, JSON.stringify(now))
  }
  t.equal(shortFiles([sourceOf('lib/std/a.ts', 'x\n'.repeat(401))], 400, []).length, 1)
  t.equal(shortFunctions([sourceOf('lib/std/a.ts', long(59, 'function f() {'))], functionLinesMax, []).length, 1)
  t.same(shortFunctions([sourceOf('lib/std/a.ts', long(58, 'function f() {'))], functionLinesMax, []), [])
})

t.test('exceptions are needed', async t => {
  report(t, exceptionsAreUsed(sources))
  t.equal(exceptionsAreUsed([sourceOf('a.ts', 'x')], [{ file: 'a.ts', words: ['Date'], reason: '' }]).length, 1)
})

t.test('tokens: comments, strings, templates and expressions are set apart', async t => {
  const words = (text: string): string =>
    tokensOf(text)
      .filter(({ kind }) => kind === 'word')
      .map(({ text }) => text)
      .join(' ')
  const cases: readonly (readonly [string, string])[] = [
    ["a // b\nc /* d\n e */ f 'g \\' h' i", 'a c f i'],
    ['`a ${b + `c ${{ d: 1 }.d}` } e` + f', 'b d d f'],
    ['x = /a[/]b\\/c/g.test(d) / e / f', 'x test d e f'],
    ['return /a/ / b', 'return b'],
    ['#a.b @c', '#a b @c']
  ]
  for (const [text, expected] of cases) t.equal(words(text), expected, text)
  t.equal(tokensOf("'a'\n`b\n${c}\n`\nd").at(-1)?.line, 5, 'lines are counted')
})

t.test('tokens: imports', async t => {
  const cases: readonly (readonly [string, string])[] = [
    ["import a, { b, type c } from 'd'", 'd'],
    ["import type { a } from 'b'", 'b (types)'],
    ["import { type a, type b as c } from 'd'", 'd (types)'],
    ["import 'a'", 'a'],
    ["export * as a from 'b'\nexport type * from 'c'", 'b, c (types)'],
    ["export const from = 'a'\nexport { x }\nconst y = 'z'", ''],
    ["export type A = B\nimport c from 'd'", 'd'],
    ["await import('a'); import.meta.url", 'a']
  ]
  for (const [text, expected] of cases) {
    const found = importsOf(tokensOf(text)).map(({ from, typeOnly }) => (typeOnly ? `${from} (types)` : from))
    t.equal(found.join(', '), expected, text)
  }
})

t.test('tokens: functions and their lines', async t => {
  const cases: readonly (readonly [string, string])[] = [
    ['function f(a: number): void {\n}', 'f 2'],
    ['const f = (a = {}): { b: 1 } => {\n\n}', 'f 3'],
    ['class A {\n  m<T>(x: T): Map<string, T[]> | undefined {\n    if (x) {\n    }\n  }\n}', 'm 4'],
    ['for (;;) {\n}\nwhile (f()) {\n}', ''],
    ['type F = (a: 1) => void\nconst x = a ? f(b) : { c: 1 }', ''],
    ['*next(ms = 0): Flow<Batch<I>> {\n}', 'next 2'],
    ['const f = (a: A): B => (c, d) => {\n}', 'f 2'],
    ['f(x => {\n}, function (y) {\n})', 'function at line 1 2, function 2'],
    ['const f = x => {\n}\nconst g = (): A => {\n}', 'f 2, g 2']
  ]
  for (const [text, expected] of cases) {
    const found = functionsOf(tokensOf(text)).map(({ name, lines }) => `${name} ${lines}`)
    t.equal(found.join(', '), expected, text)
  }
})
