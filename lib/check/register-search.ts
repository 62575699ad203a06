// Register search: whether the operations on one register can be put in an order that respects real time and explains every answer.
//
// Wing and Gong's search as Lowe made it fast ("Testing for linearizability", 2017): a linked list of calls and returns from
// which what has been placed is lifted out, and a memo of what was placed and which value it led to, so that no such
// configuration is looked at twice. It is exact: configurations are compared, not hashes of them. It gives up after a stated number of steps.

import { assert } from '../std/index.js'
import type { RegisterOperation, RegisterValue } from './register.js'

/** Calls tried, in a whole history. */
export const registerStepsMax = 5_000_000
const placedLastMax = 8
const memoCharactersMax = 1 << 28 // About as many bytes.

export interface RegisterFound {
  readonly verdict: 'passed' | 'violated' | 'unknown'
  readonly steps: number
  /** Of the try that came furthest: how many were placed, the last of them, and the first operation that returned and could not be. */
  readonly placed: number
  readonly placedLast: readonly RegisterOperation[]
  readonly stuck: RegisterOperation | undefined
}

/** One call, or one return if `isReturn`, in a list by time. */
interface Entry {
  readonly operation: Candidate
  readonly isReturn: boolean
  next: Entry | undefined
  prev: Entry | undefined
}

interface Candidate {
  readonly of: RegisterOperation
  readonly at: number // Among those that returned, or among those that did not, by the time of the call.
  readonly isDefinite: boolean
  readonly value: number
  readonly expected: number
  /** An operation that did not return either, was called before, and would do the same: whatever this one explains, that one does. */
  readonly twin: Candidate | undefined
  call: Entry | undefined
  back: Entry | undefined
  isPlaced: boolean
}

interface Frame {
  readonly candidate: Candidate
  readonly state: number
  /** A read that fits changes nothing, so that nothing is gained by placing it later. */
  readonly isForced: boolean
}

export function searchRegister(
  operations: readonly RegisterOperation[],
  initial: RegisterValue,
  stepsMax = registerStepsMax
): RegisterFound {
  return new RegisterSearch(operations, initial).run(stepsMax)
}

class RegisterSearch {
  readonly #head: Entry
  readonly #definite: Candidate[] = []
  readonly #indefinite: Candidate[] = []
  readonly #values = new Map<RegisterValue, number>()
  readonly #frames: Frame[] = []
  readonly #tried = new Set<string>()
  #characters = 0
  #state: number
  #definiteLeft: number
  #prefix = 0 // All definite operations before it are placed.
  #furthest = 0
  #furthestLast: readonly RegisterOperation[] = []
  #differs = false
  #stuck: RegisterOperation | undefined

  constructor(operations: readonly RegisterOperation[], initial: RegisterValue) {
    this.#state = this.#number(initial)
    const entries = this.#candidates(operations).flatMap(operation => {
      const call: Entry = { operation, isReturn: false, next: undefined, prev: undefined }
      operation.call = call
      if (!operation.isDefinite) return [call]
      operation.back = { operation, isReturn: true, next: undefined, prev: undefined }
      return [call, operation.back]
    })
    const timeOf = ({ operation, isReturn }: Entry): number => (isReturn ? operation.of.returnedUs : operation.of.invokedUs)
    // What is called as something else returns runs beside it.
    entries.sort((a, b) => timeOf(a) - timeOf(b) || Number(a.isReturn) - Number(b.isReturn))
    this.#head = { operation: undefined as never, isReturn: false, next: undefined, prev: undefined }
    let last = this.#head
    for (const entry of entries) {
      last.next = entry
      entry.prev = last
      last = entry
    }
    this.#definiteLeft = this.#definite.length
  }

  #number(value: RegisterValue): number {
    const there = this.#values.get(value)
    if (there !== undefined) return there
    this.#values.set(value, this.#values.size)
    return this.#values.size - 1
  }

  /** What took no effect, and reads without an answer, explain nothing and need no explanation. */
  #candidates(operations: readonly RegisterOperation[]): Candidate[] {
    const sorted = operations
      .filter(({ outcome, kind }) => outcome !== 'failed' && !(outcome === 'unknown' && kind === 'read'))
      .sort((a, b) => a.invokedUs - b.invokedUs)
    const wanted = new Set<RegisterValue>()
    for (const { kind, outcome, value, expected } of sorted) {
      if (kind === 'cas') wanted.add(expected)
      else if (kind === 'read' && outcome === 'ok') wanted.add(value)
    }
    this.#differs = sorted.some(({ outcome }) => outcome === 'differed')
    const twins = new Map<string, Candidate>()
    const candidates: Candidate[] = []
    for (const of of sorted) {
      const isDefinite = of.outcome !== 'unknown'
      // In doubt, and nobody saw its value or came to need it: as well left out.
      if (!isDefinite && !this.#differs && !wanted.has(of.value)) continue
      const list = isDefinite ? this.#definite : this.#indefinite
      const name = `${of.kind} ${this.#number(of.value)} ${this.#number(of.expected)}`
      const twin = isDefinite ? undefined : twins.get(name)
      const numbers = { value: this.#number(of.value), expected: this.#number(of.expected) }
      const candidate: Candidate = { of, at: list.length, isDefinite, ...numbers, twin, call: undefined, back: undefined, isPlaced: false }
      if (!isDefinite) twins.set(name, candidate)
      list.push(candidate)
      candidates.push(candidate)
    }
    return candidates
  }

  run(stepsMax: number): RegisterFound {
    let entry = this.#head.next
    let steps = 0
    while (this.#definiteLeft > 0) {
      assert(entry !== undefined, 'a search meets a return before the end of its list')
      if (entry.isReturn) {
        this.#noteStuck(entry.operation.of)
        const frame = this.#retreat()
        if (frame === undefined) return this.#found('violated', steps)
        entry = frame.candidate.call?.next
        continue
      }
      if (++steps > stepsMax || this.#characters > memoCharactersMax) return this.#found('unknown', steps)
      entry = this.#place(entry.operation) ? this.#head.next : entry.next
    }
    return this.#found('passed', steps)
  }

  #found(verdict: RegisterFound['verdict'], steps: number): RegisterFound {
    return { verdict, steps, placed: this.#furthest, placedLast: this.#furthestLast, stuck: this.#stuck }
  }

  #noteStuck(operation: RegisterOperation): void {
    if (this.#stuck !== undefined && this.#frames.length <= this.#furthest) return
    this.#furthest = this.#frames.length
    this.#furthestLast = this.#frames.slice(-placedLastMax).map(({ candidate }) => candidate.of)
    this.#stuck = operation
  }

  #place(candidate: Candidate): boolean {
    const { of, value, expected, twin, isDefinite } = candidate
    if (twin?.isPlaced === false || (!isDefinite && !this.#isWanted(candidate))) return false
    const before = this.#state
    const isFit = of.kind === 'write' || (of.kind === 'read' ? before === value : (of.outcome === 'differed') !== (before === expected))
    if (!isFit) return false
    const changes = of.kind !== 'read' && of.outcome !== 'differed'
    this.#lift(candidate)
    this.#state = changes ? value : before
    const isForced = !changes && isDefinite
    if (!isForced) {
      const configuration = this.#configuration()
      if (this.#tried.has(configuration)) {
        this.#state = before
        this.#lower(candidate)
        return false
      }
      this.#tried.add(configuration)
      this.#characters += configuration.length
    }
    this.#frames.push({ candidate, state: before, isForced })
    return true
  }

  /**
   * Whether an operation that may come next has use for the value. In an order in which what follows is a write, what is in
   * doubt could as well have been left out; only a cas that found something else might have needed it.
   */
  #isWanted({ value, call }: Candidate): boolean {
    if (this.#differs) return true
    for (let entry = this.#head.next; entry !== undefined && !entry.isReturn; entry = entry.next) {
      const { of, ...other } = entry.operation
      if (entry !== call && ((of.kind === 'read' && other.value === value) || (of.kind === 'cas' && other.expected === value))) return true
    }
    return false
  }

  /** Takes back the last placement that had an alternative, and everything after it. */
  #retreat(): Frame | undefined {
    for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) {
      this.#state = frame.state
      this.#lower(frame.candidate)
      if (!frame.isForced) return frame
    }
    return undefined
  }

  #lift(candidate: Candidate): void {
    unlink(candidate.call)
    unlink(candidate.back)
    candidate.isPlaced = true
    if (!candidate.isDefinite) return
    this.#definiteLeft--
    while (this.#definite[this.#prefix]?.isPlaced === true) this.#prefix++
  }

  #lower(candidate: Candidate): void {
    relink(candidate.back)
    relink(candidate.call)
    candidate.isPlaced = false
    if (!candidate.isDefinite) return
    this.#definiteLeft++
    this.#prefix = Math.min(this.#prefix, candidate.at)
  }

  /** What is placed and where it led. Everything definite before the prefix is placed, so only the rest is named. */
  #configuration(): string {
    let name = `${this.#state}:${this.#prefix}`
    let ahead = this.#definite.length - this.#definiteLeft - this.#prefix
    for (let at = this.#prefix + 1; ahead > 0; at++) {
      if (this.#definite[at]?.isPlaced !== true) continue
      name += `,${at}`
      ahead--
    }
    name += ':'
    for (const { at, isPlaced } of this.#indefinite) if (isPlaced) name += `,${at}`
    return name
  }
}

function unlink(entry: Entry | undefined): void {
  if (entry === undefined) return
  if (entry.prev !== undefined) entry.prev.next = entry.next
  if (entry.next !== undefined) entry.next.prev = entry.prev
}

/** In the opposite order of unlinking: an entry knows where it was. */
function relink(entry: Entry | undefined): void {
  if (entry === undefined) return
  if (entry.prev !== undefined) entry.prev.next = entry
  if (entry.next !== undefined) entry.next.prev = entry
}
