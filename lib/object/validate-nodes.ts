// Nodes: what a schema is compiled to. One class per kind of type; each mirrors what Go's decoder does with a value of that type.
//
// Used by validate-schema.ts only.

import { canonicalBase64, isCanonicalBase64 } from './validate-base64.js'
import { type Canonical, canonicalQuantity, isCanonicalQuantity } from './validate-quantity.js'
import { canonicalTime, isCanonicalTime, type Precision } from './validate-time.js'

export interface Failure {
  /** `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32` */
  readonly message: string
  /** Where: `spec.replicas`. */
  readonly path: string
}

// sigs.k8s.io/json collects no more.
export const unknownMax = 100

/** What is compiled of a schema: a quick look that finds nothing to do in most objects, and a walk that does it. */
export interface Node {
  /** Go's name of the type, for error texts. */
  readonly goType: string
  /** What a null in a list or map stands for. */
  readonly zero: unknown
  isClean(value: unknown): boolean
  /** The value in canonical form; undefined if it has none, after telling the run why. */
  walk(value: unknown, run: Run): unknown
}

/** The state of one walk: where it is, and what it has found. */
export class Run {
  readonly unknown = new Set<string>()
  readonly #path: (string | number)[] = []
  readonly #fields: string[] = []
  #struct = ''
  #failure: Failure | undefined
  /** A type with its own JSON form failed: Go's decoder ends there, while it goes on after any other error. */
  stopped = false

  get failure(): Failure | undefined {
    return this.#failure
  }

  inField(struct: string, field: string, walk: () => unknown): unknown {
    const outer = this.#struct
    this.#struct = struct
    this.#fields.push(field)
    this.#path.push(field)
    const result = walk()
    this.#path.pop()
    this.#fields.pop()
    this.#struct = outer
    return result
  }

  inElement(key: string | number, walk: () => unknown): unknown {
    this.#path.push(key)
    const result = walk()
    this.#path.pop()
    return result
  }

  addUnknown(name: string): void {
    if (this.unknown.size < unknownMax) this.unknown.add(this.#pathText(name))
  }

  failType(value: string, goType: string): undefined {
    const target = this.#fields.length > 0 ? `Go struct field ${this.#struct}.${this.#fields.join('.')}` : 'Go value'
    return this.fail(`json: cannot unmarshal ${value} into ${target} of type ${goType}`)
  }

  /** Only the first failure counts. */
  fail(message: string): undefined {
    this.#failure ??= { message, path: this.#pathText() }
    return undefined
  }

  stop(message: string): undefined {
    if (!this.stopped) this.#failure = { message, path: this.#pathText() }
    this.stopped = true
    return undefined
  }

  stopType(value: string, goType: string): undefined {
    if (!this.stopped) this.#failure = undefined
    this.failType(value, goType)
    this.stopped = true
    return undefined
  }

  #pathText(last?: string): string {
    let text = ''
    for (const part of last === undefined ? this.#path : [...this.#path, last]) {
      text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`
    }
    return text
  }
}

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function isEmpty(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}

/** encoding/json's word for what it found. */
function wordOf(value: unknown): string {
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? 'array' : typeof value
}

function setField(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

export class StructNode implements Node {
  readonly goType: string
  readonly zero = {}
  readonly #name: string
  readonly #keepsUnknown: boolean
  readonly #fields = new Map<string, { readonly node: Node; readonly omitEmpty: boolean }>()

  constructor(name: string, goType: string, keepsUnknown: boolean) {
    this.#name = name
    this.goType = goType
    this.#keepsUnknown = keepsUnknown
  }

  add(name: string, node: Node, omitEmpty: boolean): void {
    this.#fields.set(name, { node, omitEmpty })
  }

  isClean(value: unknown): boolean {
    if (!isObject(value)) return false
    for (const key in value) {
      const field = this.#fields.get(key)
      if (field === undefined) {
        if (this.#keepsUnknown) continue
        return false
      }
      const item = value[key]
      if (item === null || (field.omitEmpty && isEmpty(item)) || !field.node.isClean(item)) return false
    }
    return true
  }

  walk(value: unknown, run: Run): unknown {
    if (!isObject(value)) return run.failType(wordOf(value), this.goType)
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const field = this.#fields.get(key)
      if (field === undefined) {
        if (this.#keepsUnknown) setField(result, key, value[key])
        else run.addUnknown(key)
        continue
      }
      if (value[key] === null) continue
      const item = run.inField(this.#name, key, () => field.node.walk(value[key], run))
      if (run.stopped) return undefined
      if (item !== undefined && !(field.omitEmpty && isEmpty(item))) setField(result, key, item)
    }
    return result
  }
}

export class MapNode implements Node {
  readonly goType: string
  readonly zero = null
  readonly #element: Node

  constructor(element: Node, goType: string) {
    this.#element = element
    this.goType = goType
  }

  isClean(value: unknown): boolean {
    if (!isObject(value)) return false
    for (const key in value) if (value[key] === null || !this.#element.isClean(value[key])) return false
    return true
  }

  walk(value: unknown, run: Run): unknown {
    if (!isObject(value)) return run.failType(wordOf(value), this.goType)
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const item = value[key] === null ? this.#element.zero : run.inElement(key, () => this.#element.walk(value[key], run))
      if (run.stopped) return undefined
      if (item !== undefined) setField(result, key, item)
    }
    return result
  }
}

export class ListNode implements Node {
  readonly goType: string
  readonly zero = null
  readonly #element: Node

  constructor(element: Node, goType: string) {
    this.#element = element
    this.goType = goType
  }

  isClean(value: unknown): boolean {
    if (!Array.isArray(value)) return false
    for (const item of value) if (item === null || !this.#element.isClean(item)) return false
    return true
  }

  walk(value: unknown, run: Run): unknown {
    if (!Array.isArray(value)) return run.failType(wordOf(value), this.goType)
    const result: unknown[] = []
    for (const [index, item] of value.entries()) {
      result.push(item === null ? this.#element.zero : run.inElement(index, () => this.#element.walk(item, run)))
      if (run.stopped) return undefined
    }
    return result
  }
}

export class ScalarNode implements Node {
  readonly goType: string
  readonly zero: unknown
  readonly #type: 'string' | 'boolean' | 'number'

  constructor(type: 'string' | 'boolean' | 'number', goType: string) {
    this.goType = goType
    this.#type = type
    this.zero = { string: '', boolean: false, number: 0 }[type]
  }

  isClean(value: unknown): boolean {
    return typeof value === this.#type
  }

  walk(value: unknown, run: Run): unknown {
    return this.isClean(value) ? value : run.failType(wordOf(value), this.goType)
  }
}

export class IntegerNode implements Node {
  readonly goType: string
  readonly zero = 0
  readonly #limit: number

  constructor(goType: string, bits: 32 | 64) {
    this.goType = goType
    this.#limit = 2 ** (bits - 1)
  }

  isClean(value: unknown): boolean {
    return Number.isInteger(value) && (value as number) >= -this.#limit && (value as number) < this.#limit
  }

  walk(value: unknown, run: Run): unknown {
    if (this.isClean(value)) return value
    return run.failType(typeof value === 'number' ? `number ${value}` : wordOf(value), this.goType)
  }
}

/** Text with a canonical form, whose reader ends the decoding if it cannot make it out. */
class TextNode implements Node {
  readonly goType = 'string'
  readonly zero: unknown
  readonly #isCanonical: (text: string) => boolean
  readonly #canonical: (text: string) => Canonical

  constructor(zero: unknown, isCanonical: (text: string) => boolean, canonical: (text: string) => Canonical) {
    this.zero = zero
    this.#isCanonical = isCanonical
    this.#canonical = canonical
  }

  isClean(value: unknown): boolean {
    return typeof value === 'string' && this.#isCanonical(value)
  }

  walk(value: unknown, run: Run): unknown {
    if (typeof value !== 'string') return run.stopType(wordOf(value), this.goType)
    const result = this.#canonical(value)
    return 'error' in result ? run.stop(result.error) : result.text
  }
}

export const timeNode = (precision: Precision): Node =>
  new TextNode(
    null,
    text => isCanonicalTime(text, precision),
    text => canonicalTime(text, precision)
  )

// A quantity may be a number too, and whatever else comes is read as text that does not fit.
const quantityText = new TextNode('0', isCanonicalQuantity, text => canonicalQuantity(text.trim()))
export const quantityNode: Node = {
  goType: 'resource.Quantity',
  zero: '0',
  isClean: value => quantityText.isClean(value),
  walk: (value, run) => quantityText.walk(typeof value === 'string' ? value : JSON.stringify(value), run)
}

const integer32 = new IntegerNode('int32', 32)
export const intOrStringNode: Node = {
  goType: 'intstr.IntOrString',
  zero: 0,
  isClean: value => typeof value === 'string' || integer32.isClean(value),
  walk(value, run) {
    if (this.isClean(value)) return value
    return run.stopType(typeof value === 'number' ? `number ${value}` : wordOf(value), 'int32')
  }
}

export const bytesNode: Node = {
  goType: '[]uint8',
  zero: null,
  isClean: value => typeof value === 'string' && isCanonicalBase64(value),
  walk(value, run) {
    if (typeof value !== 'string') return run.failType(wordOf(value), this.goType)
    const result = canonicalBase64(value)
    return 'error' in result ? run.fail(result.error) : result.text
  }
}

export const anyNode: Node = { goType: 'interface {}', zero: null, isClean: () => true, walk: value => value }
