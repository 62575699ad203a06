// Tokens: the words, strings and punctuation of a TypeScript file; comments and the insides of strings are set apart.
//
// Light on purpose: it knows comments, strings, nested templates and regular expressions, and nothing of the grammar.
// It does not tell a type from a value. A `/` after an operand divides, after anything else it begins an expression.

export interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'punctuation' | 'comment'
  readonly text: string // Of a string: what is between the quotes. Of a comment: all of it.
  readonly line: number
}

const beforeExpression = new Set(['return', 'typeof', 'case', 'in', 'of', 'void', 'delete', 'throw', 'new', 'yield', 'await', 'else', 'do'])
const pattern =
  /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"|[\p{ID_Start}$_#@][\p{ID_Continue}$]*|\d[\w.]*|=>|\?\.|\.\.\.|[\s\S]/uy
const regularExpression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y

export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  const templates: number[] = [] // For each open `${`, the depth of braces inside it.
  let line = 1
  let at = 0
  const take = (kind: Token['kind'] | undefined, raw: string, text = raw): void => {
    if (kind !== undefined) tokens.push({ kind, text, line })
    for (const char of raw) if (char === '\n') line++
    at += raw.length
  }
  const template = (): void => {
    const end = templateEnd(source, at + 1)
    const raw = source.slice(at, end)
    if (raw.endsWith('${')) templates.push(0)
    take('string', raw, raw.slice(1, raw.endsWith('${') ? -2 : -1))
  }
  while (at < source.length) {
    const char = source[at] as string
    const depth = templates.at(-1)
    if (char === '`') template()
    else if (char === '}' && depth === 0) {
      templates.pop()
      template()
    } else if (char === '/' && !/[/*]/.test(source[at + 1] ?? '') && expressionMayBegin(tokens)) {
      take('string', match(regularExpression, source, at) ?? char)
    } else {
      if (depth !== undefined && (char === '{' || char === '}')) templates[templates.length - 1] = depth + (char === '{' ? 1 : -1)
      const raw = match(pattern, source, at) as string
      const kind = kindOf(raw)
      take(kind, raw, kind === 'string' ? raw.slice(1, -1) : raw)
    }
  }
  return tokens
}

/** Past the closing backtick, or past the `${` that opens an expression. */
function templateEnd(source: string, from: number): number {
  for (let at = from; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === '`') return at + 1
    else if (source[at] === '$' && source[at + 1] === '{') return at + 2
  }
  return source.length
}

function match(expression: RegExp, source: string, at: number): string | undefined {
  expression.lastIndex = at
  return expression.exec(source)?.[0]
}

function kindOf(raw: string): Token['kind'] | undefined {
  if (/^\s/.test(raw)) return undefined
  if (raw.length > 1 && raw.startsWith('/')) return 'comment'
  if (raw.length > 1 && /^['"]/.test(raw)) return 'string'
  if (/^\d/.test(raw)) return 'number'
  return /^[\p{ID_Start}$_#@]/u.test(raw) ? 'word' : 'punctuation'
}

function expressionMayBegin(tokens: readonly Token[]): boolean {
  const last = tokens.findLast(token => token.kind !== 'comment')
  if (last === undefined) return true
  if (last.kind === 'word') return beforeExpression.has(last.text)
  return last.kind === 'punctuation' && ![')', ']', '}'].includes(last.text)
}

export interface Import {
  readonly from: string
  readonly typeOnly: boolean
  readonly line: number
}

/** Every module a file names: `import`, `export ... from`, `import(...)` of a literal. */
export function importsOf(tokens: readonly Token[]): Import[] {
  const code = tokens.filter(token => token.kind !== 'comment')
  const imports: Import[] = []
  for (let i = 0; i < code.length; i++) {
    const { kind, text, line } = code[i] as Token
    if (kind !== 'word' || (text !== 'import' && text !== 'export') || code[i - 1]?.text === '.') continue
    const next = code[i + 1]
    if (text === 'import' && next?.kind === 'string') imports.push({ from: next.text, typeOnly: false, line })
    else if (text === 'import' && next?.text === '(') {
      const argument = code[i + 2]
      // As a type, `import('x').Y`, it is rare enough to be counted as a value.
      if (argument?.kind === 'string') imports.push({ from: argument.text, typeOnly: false, line })
    } else {
      const from = clauseSource(code, i + 1)
      if (from !== undefined) imports.push({ from, typeOnly: typesOnly(code, i + 1), line })
    }
  }
  return imports
}

/** The module named after `from`, if this is an import or a re-export. */
function clauseSource(code: readonly Token[], start: number): string | undefined {
  let depth = 0
  for (let i = start; i < code.length; i++) {
    const { kind, text } = code[i] as Token
    if (text === 'from' && kind === 'word' && depth === 0 && code[i + 1]?.kind === 'string') return (code[i + 1] as Token).text
    if (text === '{') depth++
    else if (text === '}') depth--
    else if (kind !== 'word' && text !== ',' && text !== '*') return undefined
    else if (depth === 0 && ['const', 'function', 'class', 'interface', 'abstract', 'default', 'let'].includes(text)) return undefined
  }
  return undefined
}

/** `import type {...}`, or braces of which every name is a `type`. */
function typesOnly(code: readonly Token[], start: number): boolean {
  if (code[start]?.text === 'type' && code[start + 1]?.text !== 'from') return true
  if (code[start]?.text !== '{') return false
  for (let i = start + 1; code[i] !== undefined && code[i]?.text !== '}'; i++) {
    const opensName = code[i - 1]?.text === '{' || code[i - 1]?.text === ','
    if (opensName && code[i]?.text !== 'type') return false
  }
  return true
}

export interface Span {
  readonly name: string
  readonly line: number
  readonly lines: number
}

const notFunctions = new Set(['if', 'for', 'while', 'switch', 'catch', 'with'])

/** Every function with a body in braces, and how many lines it takes, its inner functions included. */
export function functionsOf(tokens: readonly Token[]): Span[] {
  const code = tokens.filter(token => token.kind !== 'comment')
  const pairs = bracketPairs(code)
  const spans: Span[] = []
  for (let i = 0; i < code.length; i++) {
    if (code[i]?.text === '=>' && code[i - 1]?.kind === 'word' && code[i + 1]?.text === '{') {
      const end = pairs.get(i + 1)
      const { at, name } = nameBefore(code, i - 1) // An arrow with one parameter needs no parentheses.
      const line = (code[at] as Token).line
      if (end !== undefined && arrowMayFollow(code[i - 2], code[i - 3]))
        spans.push({ name, line, lines: (code[end] as Token).line - line + 1 })
    }
    if (code[i]?.text !== '(' || code[i]?.kind !== 'punctuation') continue
    const close = pairs.get(i)
    if (close === undefined) continue
    const head = nameBefore(code, i)
    if (notFunctions.has(head.name)) continue
    const body = bodyAfter(code, close, pairs)
    const end = body === undefined ? undefined : pairs.get(body)
    if (end === undefined) continue
    const line = (code[head.at] as Token).line
    spans.push({ name: head.name, line, lines: (code[end] as Token).line - line + 1 })
  }
  return spans
}

/** Whether the one word before an arrow is its parameter, not the return type of a list of parameters: `(): A => {`. */
function arrowMayFollow(before: Token | undefined, second: Token | undefined): boolean {
  if (before === undefined || ['=', ',', '(', '=>', '?', '[', '{', 'async', 'return'].includes(before.text)) return true
  return before.text === ':' && second?.text !== ')'
}

function bracketPairs(code: readonly Token[]): Map<number, number> {
  const pairs = new Map<number, number>()
  const open: number[] = []
  code.forEach(({ kind, text }, i) => {
    if (kind !== 'punctuation') return
    if (text === '(' || text === '[' || text === '{') open.push(i)
    else if (text === ')' || text === ']' || text === '}') {
      const start = open.pop()
      if (start !== undefined) pairs.set(start, i)
    }
  })
  return pairs
}

/** What stands before a list of parameters: a name, `function`, or what an arrow is assigned to. */
function nameBefore(code: readonly Token[], open: number): { name: string; at: number } {
  let at = open - 1
  if (code[at]?.text === '>') {
    for (let depth = 0; at >= 0; at--) {
      if (code[at]?.text === '>') depth++
      else if (code[at]?.text === '<' && --depth === 0) break
    }
    at--
  }
  const before = code[at]
  if (before?.kind === 'word' && before.text !== 'async') return { name: before.text, at }
  if (before?.text === '=' || before?.text === ':' || before?.text === '=>') {
    for (let i = at - 1; i >= 0 && i > at - 40; i--) {
      if (/^(const|let|readonly|private)$/.test(code[i]?.text ?? '')) return { name: code[i + 1]?.text ?? '', at: i }
    }
    if (code[at - 1]?.kind === 'word') return { name: code[at - 1]?.text ?? '', at: at - 1 }
  }
  return { name: `function at line ${code[open]?.line}`, at: open }
}

/** The brace that opens the body after a parameter list, past a return type and an arrow; undefined: there is none. */
function bodyAfter(code: readonly Token[], close: number, pairs: ReadonlyMap<number, number>): number | undefined {
  let i = close + 1
  if (code[i]?.text === ':') {
    i++
    for (let operand = false; ; i++) {
      const token = code[i]
      if (token === undefined) return undefined
      if (token.text === '=>' && operand) break
      if (token.text === '{' && operand) return i
      if (token.text === '{' || token.text === '(' || token.text === '[') {
        const end = pairs.get(i)
        if (end === undefined) return undefined
        i = end
        operand = true
      } else if (token.text === '<') {
        i = anglesEnd(code, i)
        operand = true
      } else if (['|', '&', '.', '?', 'is', 'keyof', 'readonly', 'asserts', 'typeof', 'extends'].includes(token.text)) operand = false
      else if (token.kind === 'word' || token.kind === 'string' || token.kind === 'number') operand = true
      else return undefined
    }
  }
  if (code[i]?.text === '=>') i++
  return code[i]?.text === '{' ? i : undefined
}

function anglesEnd(code: readonly Token[], open: number): number {
  for (let i = open, depth = 0; i < code.length; i++) {
    if (code[i]?.text === '<') depth++
    else if (code[i]?.text === '>' && --depth === 0) return i
  }
  return code.length
}
