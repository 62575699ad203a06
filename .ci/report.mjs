// report: a test run in few lines: one for every file that passed, and at the end everything about what failed.
//
// Reads TAP on its standard input. A log that is cut off somewhere keeps its end: what failed must stand there.

import { createInterface } from 'node:readline'

const linesMax = 40 // Of one failure.
const failures = []
const names = [] // Of the subtests we are in, by depth.
let telling // The failure whose diagnostics are being read.

for await (const line of createInterface({ input: process.stdin })) {
  const depth = (line.length - line.trimStart().length) >> 2
  const subtest = /^ *# Subtest: (.*)$/.exec(line)
  const failure = /^ *not ok \d+ -? ?(.*?)( # time=.*)?$/.exec(line)
  if (subtest !== null) {
    names.length = depth
    names[depth] = subtest[1]
  } else if (failure !== null) {
    const path = [...names.slice(0, depth), failure[1]].join(' > ')
    telling = [path]
    // What holds a failure fails with it, and has nothing to add.
    if (!failures.some(([inner]) => inner.startsWith(`${path} > `))) failures.push(telling)
  } else if (telling !== undefined) {
    telling.push(line)
    if (line.trim() === '...') telling = undefined
  }
  if (depth === 0 ? !/^(# Subtest|TAP version|1\.\.|$)/.test(line) && telling === undefined : failure !== null) console.log(line)
}

if (failures.length > 0) {
  const shown = failures.map(lines => lines.slice(0, linesMax).join('\n'))
  console.log(`\nWhat failed:\n\n${shown.join('\n\n')}\n`)
}
