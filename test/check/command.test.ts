// kabuki check, as a user calls it: what it prints and what it exits with.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as path from 'node:path'
import t from 'tap'

const command = new URL('../../bin/kabuki.js', import.meta.url).pathname
const histories = new URL('../../../test/check/histories/', import.meta.url).pathname
const check = (args: readonly string[], input = '') =>
  spawnSync(process.execPath, [command, 'check', ...args], { encoding: 'utf8', input, maxBuffer: 1 << 26 })

t.test('the exit code is the verdict', async t => {
  const cases: [file: string, code: number, says: RegExp][] = [
    ['store-good.jsonl', 0, /^passed: 6 operations, 1 watches\n$/],
    ['watch-back-in-time.jsonl', 1, /unique: a watch sees an event once[\s\S]*the smallest history found[\s\S]*"partial":true/],
    ['register-new-old-inversion.jsonl', 1, /^violated: 4 operations[\s\S]*takes effect at one instant/],
    ['api-counter-good.jsonl', 0, /^passed: 3 operations\n$/],
    ['api-stale-read.jsonl', 1, /^violated: 3 operations\n\na read without a resourceVersion sees everything/],
    ['lease-ends-before-its-time.jsonl', 1, /^violated: 7 operations[\s\S]*a lease lives for its time[\s\S]*\(4 lines, as a file/],
    ['store-odd-puts-unknown.jsonl', 3, /^unknown: 101 operations[\s\S]*undecided: the search gave up/]
  ]
  for (const [file, code, says] of cases) {
    const { status, stdout, stderr } = check([path.join(histories, file)])
    t.equal(status, code, file)
    t.match(stdout, says)
    t.equal(stderr, '')
  }
})

t.test('bad input', async t => {
  for (const [args, input, says] of [
    [['/nowhere/x.jsonl'], '', /x\.jsonl: does not exist/],
    [['-'], 'hello\n', /standard input: line 1: is no JSON/],
    [['-'], '', /there is no header/],
    [
      ['-'],
      '{"format":"kabuki history","version":1,"kind":"api"}\n{"op":"get","id":-1}\n',
      /standard input: line 2: id: wants a whole number from 0 on, has -1/
    ],
    [[histories], '', /EISDIR/]
  ] as const) {
    const { status, stdout, stderr } = check(args, input)
    t.equal(status, 2)
    t.match(stderr, says)
    t.equal(stdout, '')
  }
})

t.test('as data, from standard input, and as a page', async t => {
  const page = path.join(t.testdir(), 'page.html')
  const input = readFileSync(path.join(histories, 'store-stale-read-paused.jsonl'), 'utf8')
  const { status, stdout } = check(['-', '-o', 'json', '--html', page], input)
  t.equal(status, 1)
  const { verdict, operations, violations, smallest } = JSON.parse(stdout)
  t.match({ verdict, operations }, { verdict: 'violated', operations: 3 })
  t.equal(violations.length, 1)
  const again = check(['-'], smallest.map((line: unknown) => JSON.stringify(line)).join('\n'))
  t.equal(again.status, 1, 'the smallest history is a history')
  t.match(readFileSync(page, 'utf8'), /^<!doctype html>[\s\S]*etcd issue 20418[\s\S]*<\/html>\n$/)
})
