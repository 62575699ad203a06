// Script: how a script is changed before just-bash runs it, so that a container's log shows each line as it is written.
//
// just-bash hands output over when a script ends. It does write a redirection at once, after each command; so every
// command whose output would go to the container's log is given a redirection to a console file. Output that a pipe, a
// `$( )` or a redirection takes is left alone. Functions do not know who calls them: their commands write to the file
// named by a variable, which callers that take the output set to /dev/stdout.
//
// It also brings in what just-bash lacks: `&` becomes a command of ours, loops give other runs a turn, and in
// scripts that use `trap` each statement is followed by a look for signals.
//
// What it does not do: the stages of a pipe before the last, and a compound command with a redirection, hand their
// output over when they end.

import type { CommandNode, ScriptNode, SimpleCommandNode, StatementNode, WordNode } from 'just-bash'

/** The part of just-bash's module that is needed here. */
export interface Syntax {
  parse(text: string): ScriptNode
  serialize(script: ScriptNode): string
}

export const consolePaths = { stdout: '/dev/console-out', stderr: '/dev/console-err' } as const
export const commandNames = {
  yield: 'kabuki-yield',
  trapped: 'kabuki-trapped',
  background: 'kabuki-background',
  wait: 'kabuki-wait'
} as const
const outputVariable = '__kabuki_out'
const errorVariable = '__kabuki_err'
export const trapVariable = '__kabuki_trap'
export const jobVariable = '__kabuki_job'

/** Where a command's output goes. Null: to somebody who takes it. */
interface Mode {
  /** `caller`: wherever the caller of this function says. */
  readonly out: 'console' | 'caller' | null
  readonly err: 'console' | 'caller' | 'with out' | null
  /** Nothing is changed but that loops give others a turn. */
  readonly plain?: true
}
const toConsole: Mode = { out: 'console', err: 'console' }
const plain: Mode = { out: null, err: null, plain: true }

type GroupNode = Extract<CommandNode, { type: 'Group' }>
interface Node {
  type: string
  [key: string]: unknown
}

// These write nothing, or change the shell itself.
const silent = new Set(
  ': [ test true false break cd continue declare exec exit export let local read readonly return set shift trap unset wait'.split(' ')
)
const loops = new Set(['While', 'Until', 'For', 'CStyleFor'])
const compounds = new Set(['If', 'Group', 'Subshell', 'Case', ...loops])

export interface Instrumented {
  readonly text: string
  /** What runs beside it: scripts, named by their place in this list. */
  readonly background: readonly string[]
}

/** Throws what just-bash's parser throws. */
export function instrument(syntax: Syntax, text: string, mode: 'console' | 'plain' = 'console'): Instrumented {
  return new Instrument(syntax, syntax.parse(text)).run(mode === 'plain' ? plain : toConsole)
}

class Instrument {
  readonly #syntax: Syntax
  readonly #script: ScriptNode
  readonly #functions = new Map<string, string>() // name -> its definition
  readonly #beside: string[] = []
  #traps = false

  constructor(syntax: Syntax, script: ScriptNode) {
    this.#syntax = syntax
    this.#script = script
  }

  run(mode: Mode): Instrumented {
    this.#survey(this.#script as unknown as Node)
    this.#list(this.#script.statements, mode)
    const start = `${outputVariable}=${consolePaths.stdout} ${errorVariable}=${consolePaths.stderr}\n`
    return { text: start + this.#syntax.serialize(this.#script), background: this.#beside }
  }

  #survey(node: Node): void {
    if (node.type === 'FunctionDef') this.#functions.set(String(node.name), this.#source([statementOf(node)]))
    if (node.type === 'SimpleCommand' && literal((node as unknown as SimpleCommandNode).name) === 'trap') this.#traps = true
    for (const child of children(node)) this.#survey(child)
  }

  #list(statements: StatementNode[], mode: Mode, key = '', inLoop = false): void {
    const rewritten: StatementNode[] = inLoop && key === 'body' ? [command(commandNames.yield)] : []
    for (const statement of statements) {
      const rewrites = mode.out !== null
      if (statement.background && rewrites) rewritten.push(this.#background(statement))
      else {
        this.#statement(statement, mode)
        rewritten.push(statement)
      }
      if (this.#traps && rewrites && key !== 'condition') rewritten.push(...this.#trapPoint())
    }
    statements.splice(0, statements.length, ...rewritten)
  }

  #statement(statement: StatementNode, mode: Mode): void {
    for (const pipeline of statement.pipelines) {
      const last = pipeline.commands.length - 1
      pipeline.commands.forEach((node, i) => {
        const inside: Mode = i === last || mode.plain ? mode : { out: null, err: pipeline.pipeStderr?.[i] ? null : mode.err }
        this.#command(node as unknown as Node, inside)
        if (!mode.plain && isExec(node)) pipeline.commands[i] = this.#replacing(node)
      })
    }
  }

  #command(node: Node, mode: Mode): void {
    if (node.type === 'SimpleCommand') return this.#simple(node as unknown as SimpleCommandNode, mode)
    if (mode.plain) return this.#inside(node, mode)
    if (node.type === 'FunctionDef') return this.#inside(node, { out: 'caller', err: 'caller' })
    this.#inside(node, compounds.has(node.type) ? redirected(node, mode) : mode)
  }

  #simple(node: SimpleCommandNode, mode: Mode): void {
    this.#inside(node, mode)
    const name = literal(node.name)
    if (node.name === null || mode.plain) return
    if (name === 'wait') node.name = word(commandNames.wait)
    if (name !== undefined && this.#functions.has(name)) {
      const inside = redirected(node as unknown as Node, mode)
      if (inside.out === null) node.assignments.unshift(assignment(outputVariable, '/dev/stdout'))
      if (inside.err === null) node.assignments.unshift(assignment(errorVariable, '/dev/stderr'))
      return
    }
    if (name !== undefined && silent.has(name) && !isExec(node)) return
    const out = mode.out === 'console' ? word(consolePaths.stdout) : mode.out === 'caller' ? variable(outputVariable) : undefined
    const errs = { console: word(consolePaths.stderr), caller: variable(errorVariable), 'with out': out }
    const err = mode.err === null ? undefined : errs[mode.err]
    const added = [err && redirection(2, err), out && redirection(1, out)].filter(added => added !== undefined)
    node.redirections.unshift(...added)
  }

  // A handler's output goes to the log as well.
  #trapPoint(): StatementNode[] {
    const { stdout, stderr } = consolePaths
    return this.#syntax.parse(`${commandNames.trapped} || eval "$${trapVariable}" 2>>${stderr} >>${stdout}`).statements
  }

  // `exec command`: nothing of the script comes after it.
  #replacing(node: SimpleCommandNode): GroupNode {
    const [name = word('true'), ...args] = node.args
    return { type: 'Group', body: [statementOf({ ...node, name, args }), command('exit')], redirections: [] }
  }

  /** Everything below a node: lists of statements, and substitutions wherever words are. */
  #inside(node: object, mode: Mode): void {
    const type = isNode(node) ? node.type : ''
    const captures = !mode.plain && (type === 'CommandSubstitution' || type === 'ProcessSubstitution')
    const below = captures ? { out: null, err: mode.err === 'with out' ? null : mode.err } : mode
    if (isNode(node) && type === 'ParameterExpansion' && node.parameter === '!' && !mode.plain) node.parameter = jobVariable
    for (const [key, value] of Object.entries(node)) {
      if (typeof value !== 'object' || value === null) continue
      if (Array.isArray(value) && value.some(isStatement)) this.#list(value, below, key, loops.has(type))
      else if (isNode(value) && (compounds.has(value.type) || value.type === 'SimpleCommand')) this.#command(value, below)
      else this.#inside(value, below)
    }
  }

  // It runs beside the script, knowing the functions as they are defined in it.
  #background(statement: StatementNode): StatementNode {
    const source = this.#source([{ ...statement, background: false }])
    const definitions = [...this.#functions.values()].join('\n')
    this.#beside.push(definitions === '' ? source : `${definitions}\n${source}`)
    return command(commandNames.background, String(this.#beside.length - 1))
  }

  #source(statements: StatementNode[]): string {
    return this.#syntax.serialize({ type: 'Script', statements })
  }
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
const isStatement = (value: unknown): boolean => isNode(value) && value.type === 'Statement'

function* nodesIn(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* nodesIn(item)
  else if (isNode(value)) yield value
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) yield* nodesIn(item)
}

function* children(node: Node): Generator<Node> {
  for (const value of Object.values(node)) yield* nodesIn(value)
}

/** What is left for those inside a command after its own redirections. */
function redirected(node: Node, mode: Mode): Mode {
  let { out, err } = mode
  for (const { fd, operator, target } of (node.redirections ?? []) as SimpleCommandNode['redirections']) {
    if (!/[>]/.test(operator)) continue
    const joins = operator === '>&' && fd === 2 && target.type === 'Word' && literal(target) === '1'
    if (operator.startsWith('&>')) out = err = null
    else if (joins) err = out === null ? null : 'with out'
    else if (fd === 2) err = null
    else if (fd === null || fd === 1) out = null
  }
  return { out, err }
}

const isExec = (node: CommandNode): node is SimpleCommandNode =>
  node.type === 'SimpleCommand' && literal(node.name) === 'exec' && node.args.length > 0

function literal(name: WordNode | null): string | undefined {
  const [part, more] = name?.parts ?? []
  if (more !== undefined) return undefined
  return part?.type === 'Literal' ? part.value : part?.type === 'Glob' ? part.pattern : undefined // `[` is parsed as a glob.
}

const word = (value: string): WordNode => ({ type: 'Word', parts: [{ type: 'Literal', value }] })
const variable = (name: string): WordNode => ({ type: 'Word', parts: [{ type: 'ParameterExpansion', parameter: name, operation: null }] })
const redirection = (fd: number, target: WordNode) => ({ type: 'Redirection' as const, fd, operator: '>>' as const, target })
const assignment = (name: string, value: string): SimpleCommandNode['assignments'][number] => ({
  type: 'Assignment',
  name,
  value: word(value),
  append: false,
  array: null
})

const statementOf = (node: unknown): StatementNode => ({
  type: 'Statement',
  pipelines: [{ type: 'Pipeline', commands: [node as SimpleCommandNode], negated: false }],
  operators: [],
  background: false
})

const command = (name: string, ...args: string[]): StatementNode =>
  statementOf({ type: 'SimpleCommand', assignments: [], name: word(name), args: args.map(word), redirections: [] })

/** One word of a command line, quoted. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
