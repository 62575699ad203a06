// Registers: the verdict on a history of registers. Keys do not know of each other, so each is searched alone: a history is
// linearizable if that of each of its keys is (Herlihy and Wing 1990, locality).

import { describeRegister } from './excerpt.js'
import { guarantees, type Violation, violation, violationsMax } from './guarantee.js'
import type { RegisterHistory, RegisterOperation } from './register.js'
import { type RegisterFound, registerStepsMax, searchRegister } from './register-search.js'

export interface RegistersVerdict {
  readonly violations: readonly Violation[]
  /** What could not be decided. Not a pass. */
  readonly unknown: string | undefined
}

export function checkRegisters({ operations, initial }: RegisterHistory, stepsMax = registerStepsMax): RegistersVerdict {
  const violations: Violation[] = []
  let unknown: string | undefined
  let steps = 0
  for (const [key, own] of byKey(operations)) {
    const found = searchRegister(own, initial, stepsMax - steps)
    steps += found.steps
    if (found.verdict === 'unknown') unknown ??= `${key}: the search of ${own.length} operations gave up after ${stepsMax} steps in all`
    else if (found.verdict === 'violated') violations.push(violation(guarantees.linearizable, excerptOf(found)))
    if (violations.length >= violationsMax) break
  }
  return { violations, unknown }
}

export function byKey(operations: readonly RegisterOperation[]): Map<string, RegisterOperation[]> {
  const keys = new Map<string, RegisterOperation[]>()
  for (const operation of operations) {
    const own = keys.get(operation.key)
    if (own === undefined) keys.set(operation.key, [operation])
    else own.push(operation)
  }
  return keys
}

function excerptOf({ placed, placedLast, stuck }: RegisterFound): string {
  const last = placedLast.map(operation => `  ${describeRegister(operation)}`)
  const left = placed > last.length ? `  (${placed - last.length} before)\n` : ''
  const order = last.length === 0 ? '' : `\nafter the longest order that explains answers:\n${left}${last.join('\n')}`
  return `nowhere between its invocation and its return fits:\n  ${stuck === undefined ? '' : describeRegister(stuck)}${order}`
}
