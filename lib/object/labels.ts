// Label selectors: the string form of list and watch (`app=web,tier in (a,b),!x`) and the object form in specs.
//
// Both become a list of requirements, all of which must hold. No requirement selects everything; `nothing` selects nothing.
// Faults are upstream's words (k8s.io/apimachinery/pkg/labels, apis/meta/v1/validation).

import type { LabelSelector, LabelSelectorRequirement } from './api-object.js'
import { aggregateText, at, child, type FieldError, fieldErrorText, forbidden, invalid, required } from './field.js'
import { labelValueFaults, qualifiedNameFaults } from './names.js'

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'

export interface LabelRequirement {
  readonly key: string
  readonly operator: LabelOperator
  readonly values: readonly string[]
}

export interface Selector {
  readonly requirements: readonly LabelRequirement[]
  readonly nothing?: true
}

export type SelectorResult = { readonly ok: true; readonly selector: Selector } | { readonly ok: false; readonly fault: string }

export const everything: Selector = { requirements: [] }
export const nothing: Selector = { requirements: [], nothing: true }

export function matchesLabels(selector: Selector, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (selector.nothing) return false
  for (const requirement of selector.requirements) if (!holds(requirement, labels)) return false
  return true
}

/** The selector of an equality map, as Services have. An empty one selects everything; what null means is the caller's. */
export function selectorOfMap(labels: Readonly<Record<string, string>> | undefined): Selector {
  return { requirements: sorted(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] }))) }
}

/** The selector of a LabelSelector: absent selects nothing, empty everything. Assumes it is valid. */
export function selectorOf(object: LabelSelector | undefined): Selector {
  if (object === undefined) return nothing
  const operators: Readonly<Record<string, LabelOperator>> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' }
  const expressions = (object.matchExpressions ?? []).map(({ key, operator, values }) => {
    const known = Object.hasOwn(operators, operator) ? operators[operator] : undefined
    return known === undefined ? undefined : { key, operator: known, values: values ?? [] }
  })
  if (expressions.includes(undefined)) return nothing
  return {
    requirements: sorted([...selectorOfMap(object.matchLabels).requirements, ...expressions.filter(found => found !== undefined)])
  }
}

/** The string form: what Scale carries and `-l` takes. */
export function formatSelector(selector: Selector): string {
  return selector.requirements.map(formatRequirement).join(',')
}

/** The string form of a LabelSelector as kubectl prints it: `<none>` for everything. */
export function formatLabelSelector(object: LabelSelector | undefined): string {
  const text = formatSelector(selectorOf(object))
  return text === '' ? '<none>' : text
}

export function parseLabelSelector(text: string): SelectorResult {
  if (text === '') return { ok: true, selector: everything }
  if (text.length > selectorTextMax) return { ok: false, fault: `selector is longer than ${selectorTextMax} characters` }
  const parser = new SelectorParser(tokens(text))
  try {
    return { ok: true, selector: { requirements: sorted(parser.selector()) } }
  } catch (error) {
    if (error instanceof SelectorFault) return { ok: false, fault: error.message }
    throw error
  }
}

export const selectorTextMax = 65536 // Characters; a URL longer than this is refused before.

/** Faults of a LabelSelector in a spec. */
export function validateLabelSelector(object: LabelSelector | undefined, path: string): FieldError[] {
  if (object === undefined) return []
  const errors = validateLabels(object.matchLabels, child(path, 'matchLabels'))
  object.matchExpressions?.forEach((expression, index) => {
    errors.push(...validateExpression(expression, at(child(path, 'matchExpressions'), index)))
  })
  return errors
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const fault of qualifiedNameFaults(key)) errors.push(invalid(path, key, fault))
    for (const fault of labelValueFaults(value)) errors.push(invalid(path, value, fault))
  }
  return errors
}

function validateExpression(expression: LabelSelectorRequirement, path: string): FieldError[] {
  const errors: FieldError[] = []
  const values = expression.values ?? []
  const valuesPath = child(path, 'values')
  switch (expression.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) errors.push(required(valuesPath, "must be specified when `operator` is 'In' or 'NotIn'"))
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) errors.push(forbidden(valuesPath, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      break
    default:
      errors.push(invalid(child(path, 'operator'), expression.operator, 'not a valid selector operator'))
  }
  for (const fault of qualifiedNameFaults(expression.key ?? '')) errors.push(invalid(child(path, 'key'), expression.key, fault))
  values.forEach((value, index) => {
    for (const fault of labelValueFaults(value)) errors.push(invalid(at(valuesPath, index), value, fault))
  })
  return errors
}

function holds({ key, operator, values }: LabelRequirement, labels: Readonly<Record<string, string>> | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value)
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt': {
      const bound = values[0]
      if (value === undefined || bound === undefined || !isInteger(value) || !isInteger(bound)) return false
      return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound)
    }
  }
}

const isInteger = (text: string): boolean => /^-?[0-9]{1,19}$/.test(text)

function sorted(requirements: readonly LabelRequirement[]): LabelRequirement[] {
  return [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const list = [...values].sort().join(',')
  switch (operator) {
    case 'exists':
      return key
    case '!':
      return `!${key}`
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`
    case 'gt':
      return `${key}>${list}`
    case 'lt':
      return `${key}<${list}`
    default:
      return `${key}${operator}${list}`
  }
}

class SelectorFault extends Error {}

interface Token {
  readonly kind: 'identifier' | 'in' | 'notin' | '=' | '==' | '!=' | '!' | '<' | '>' | '(' | ')' | ',' | 'end' | 'error'
  readonly text: string
}

const symbols = '=!(),><'
const blanks = ' \t\r\n'
const isToken = (text: string): text is Token['kind'] => ['=', '==', '!=', '!', '<', '>', '(', ')', ',', 'in', 'notin'].includes(text)

function tokens(text: string): Token[] {
  const found: Token[] = []
  let index = 0
  while (index < text.length) {
    const start = text[index] as string
    if (blanks.includes(start)) {
      index++
    } else if (symbols.includes(start)) {
      const two = text.slice(index, index + 2)
      const symbol = isToken(two) && symbols.includes(two[1] as string) ? two : start
      found.push({ kind: isToken(symbol) ? symbol : 'error', text: symbol })
      index += symbol.length
    } else {
      let end = index
      while (end < text.length && !symbols.includes(text[end] as string) && !blanks.includes(text[end] as string)) end++
      const word = text.slice(index, end)
      found.push({ kind: word === 'in' || word === 'notin' ? word : 'identifier', text: word })
      index = end
    }
  }
  found.push({ kind: 'end', text: '' })
  return found
}

/** Upstream's grammar: requirement { ',' requirement }, by recursive descent. */
class SelectorParser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(found: readonly Token[]) {
    this.#tokens = found
  }

  selector(): LabelRequirement[] {
    const requirements: LabelRequirement[] = []
    for (;;) {
      const first = this.#peek()
      if (first.kind === 'end') return requirements
      if (!isWord(first) && first.kind !== '!')
        throw new SelectorFault(`found '${first.text}', expected: !, identifier, or 'end of string'`)
      try {
        requirements.push(this.#requirement())
      } catch (error) {
        if (error instanceof SelectorFault) throw new SelectorFault(`unable to parse requirement: ${error.message}`)
        throw error
      }
      const after = this.#take()
      if (after.kind === 'end') return requirements
      if (after.kind !== ',') throw new SelectorFault(`found '${after.text}', expected: ',' or 'end of string'`)
      const next = this.#peek()
      if (!isWord(next) && next.kind !== '!') throw new SelectorFault(`found '${next.text}', expected: identifier after ','`)
    }
  }

  #requirement(): LabelRequirement {
    let token = this.#take()
    const negated = token.kind === '!'
    if (negated) token = this.#take()
    if (!isWord(token)) throw new SelectorFault(`found '${token.text}', expected: identifier`)
    const key = token.text
    const faults = qualifiedNameFaults(key)
    if (faults.length > 0) throw new SelectorFault(fieldErrorText(invalid('', key, faults.join('; '))))
    if (negated) return { key, operator: '!', values: [] }
    const next = this.#peek()
    if (next.kind === 'end' || next.kind === ',') return { key, operator: 'exists', values: [] }
    const operator = this.#operator()
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()]
    check(key, operator, values)
    return { key, operator, values }
  }

  #operator(): LabelOperator {
    const token = this.#take()
    switch (token.kind) {
      case 'in':
      case 'notin':
      case '=':
      case '==':
      case '!=':
        return token.kind
      case '>':
        return 'gt'
      case '<':
        return 'lt'
      default:
        throw new SelectorFault(`found '${token.text}', expected: in, notin, =, ==, !=, gt, lt`)
    }
  }

  #values(): string[] {
    const open = this.#take()
    if (open.kind !== '(') throw new SelectorFault(`found '${open.text}' expected: '('`)
    const first = this.#peek()
    if (first.kind === ')') {
      this.#take()
      return ['']
    }
    if (!isWord(first) && first.kind !== ',') throw new SelectorFault(`found '${first.text}', expected: ',', ')' or identifier`)
    const values = new Set<string>()
    let expectValue = true
    for (;;) {
      const token = this.#take()
      if (isWord(token)) {
        if (!expectValue) throw new SelectorFault(`found '${token.text}', expected: ',' or ')'`)
        values.add(token.text)
        expectValue = false
      } else if (token.kind === ',') {
        if (expectValue) values.add('')
        expectValue = true
      } else if (token.kind === ')') {
        if (expectValue) values.add('')
        return [...values].sort()
      } else {
        throw new SelectorFault(`found '${token.text}', expected: ${expectValue ? "',', or identifier" : "',' or ')'"}`)
      }
    }
  }

  #exactValue(): string {
    const next = this.#peek()
    if (next.kind === 'end' || next.kind === ',') return ''
    const token = this.#take()
    if (!isWord(token)) throw new SelectorFault(`found '${token.text}', expected: identifier`)
    return token.text
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token
  }

  #take(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#next++
    return token
  }
}

/** `in` and `notin` are identifiers wherever no operator is expected. */
const isWord = (token: Token): boolean => token.kind === 'identifier' || token.kind === 'in' || token.kind === 'notin'

function check(key: string, operator: LabelOperator, values: readonly string[]): void {
  const errors: FieldError[] = []
  values.forEach((value, index) => {
    if ((operator === 'gt' || operator === 'lt') && !isInteger(value)) {
      errors.push(invalid(at('values', index), value, "for 'Gt', 'Lt' operators, the value must be an integer"))
    }
    const faults = labelValueFaults(value)
    if (faults.length > 0) errors.push(invalid(at(at('values', index), key), value, faults.join('; ')))
  })
  if (errors.length > 0) throw new SelectorFault(aggregateText(errors))
}
