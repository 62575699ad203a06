// API JSON lines, read: a history of the Kubernetes API from its lines, one at a time.

import type {
  ApiChange,
  ApiEvent,
  ApiHistory,
  ApiOperation,
  ApiOutcome,
  ApiSelector,
  ApiState,
  ApiVerb,
  ApiWatch,
  ApiWatchSession
} from './api-history.js'
import type { Fields } from './json-fields.js'

const verbs: readonly ApiVerb[] = ['get', 'list', 'create', 'update', 'patch', 'delete']
const noLabels: Readonly<Record<string, string>> = {}

export class ApiHistoryDecoder {
  readonly #operations = new Map<number, ApiOperation>()
  readonly #sessions = new Map<number, ApiWatchSession>()
  readonly #watches = new Map<number, ApiWatch>()
  readonly #changes: ApiChange[] = []
  readonly #written: readonly string[]
  readonly #lived: readonly string[]
  readonly #stored: ReadonlySet<string> | undefined

  constructor(header: Fields) {
    this.#written = header.has('written') ? header.strings('written') : []
    this.#lived = header.has('lived') ? header.strings('lived') : []
    this.#stored = header.has('stored') ? new Set(header.strings('stored')) : undefined
  }

  take(line: Fields): void {
    const op = line.oneOf('op', [...verbs, 'session', 'watch', 'event', 'ended', 'stored'])
    switch (op) {
      case 'session':
        return this.#session(line)
      case 'watch':
        return this.#opened(line)
      case 'event':
        this.#watch(line).events.push(eventOf(line))
        return
      case 'ended':
        this.#watch(line).ended = line.optionalString('reason') ?? 'closed'
        return
      case 'stored':
        return this.#change(line)
      default:
        this.#operation(line, op)
    }
  }

  finish(): ApiHistory {
    const store = this.#stored === undefined ? undefined : { resources: this.#stored, changes: this.#changes }
    const operations = [...this.#operations.values()]
    return { operations, sessions: [...this.#sessions.values()], written: this.#written, lived: this.#lived, store }
  }

  #operation(line: Fields, verb: ApiVerb): void {
    const id = line.number('id')
    if (this.#operations.has(id)) line.refuse('id', 'a number of its own for each operation')
    const firstPage = line.optionalNumber('firstPage')
    if (firstPage !== undefined && this.#operations.get(firstPage)?.verb !== 'list')
      line.refuse('firstPage', 'the number of a list in a line before')
    const invokedUs = line.number('from')
    const isOpen = line.raw('until') == null
    const returnedUs = isOpen ? Number.POSITIVE_INFINITY : line.number('until')
    if (returnedUs < invokedUs) line.refuse('until', `a time that is not before ${invokedUs}, or null`)
    const outcome = outcomeOf(line, verb)
    if (isOpen && outcome !== undefined && (outcome.kind !== 'failed' || outcome.definite))
      line.refuse('until', 'a time, of what was answered')
    this.#operations.set(id, {
      id,
      client: line.string('client'),
      verb,
      key: line.string('key'),
      ...optional('mark', line.optionalString('mark')),
      ...optional('sentRevision', line.optionalNumber('sentRevision')),
      ...optional('sentUid', line.optionalString('sentUid')),
      ...optional('version', line.optionalString('version')),
      ...optional('exact', line.optionalBoolean('exact')),
      ...optional('selector', selectorOf(line)),
      ...optional('limit', line.optionalNumber('limit')),
      ...optional('firstPage', firstPage),
      invokedUs,
      // What is in doubt may happen at any time to come.
      returnedUs: outcome === undefined || (outcome.kind === 'failed' && !outcome.definite) ? Number.POSITIVE_INFINITY : returnedUs,
      outcome
    })
  }

  #session(line: Fields): void {
    const id = line.number('id')
    if (this.#sessions.has(id)) line.refuse('id', 'a number of its own for each session')
    const known = line.has('known') ? line.list('known', stateOf) : []
    const [client, prefix] = [line.string('client'), line.string('prefix')]
    this.#sessions.set(id, { client, prefix, selector: selectorOf(line), known, revision: line.number('revision'), watches: [] })
  }

  #opened(line: Fields): void {
    const id = line.number('id')
    if (this.#watches.has(id)) line.refuse('id', 'a number of its own for each watch')
    const session = this.#sessions.get(line.number('session'))
    if (session === undefined) return line.refuse('session', 'the number of a session in a line before')
    const watch: ApiWatch = { from: line.number('revision'), openedUs: line.number('from'), events: [], ended: undefined }
    session.watches.push(watch)
    this.#watches.set(id, watch)
  }

  #watch(line: Fields): ApiWatch {
    const watch = this.#watches.get(line.number('id'))
    if (watch === undefined) return line.refuse('id', 'the number of a watch that was opened in a line before')
    if (watch.ended !== undefined) line.refuse('id', 'the number of a watch that has not ended')
    return watch
  }

  #change(line: Fields): void {
    if (this.#stored === undefined) line.refuse('op', 'something else: the header says of no resource that the store was read (stored)')
    const state = line.has('state') ? stateOf(line.fields('state')) : undefined
    this.#changes.push({ key: line.string('key'), revision: line.number('revision'), state })
  }
}

const optional = <N extends string, V>(name: N, value: V | undefined): { [K in N]?: V } =>
  (value === undefined ? {} : { [name]: value }) as { [K in N]?: V }

const selectorOf = (line: Fields): ApiSelector | undefined => (line.has('selector') ? line.fields('selector').texts() : undefined)

function outcomeOf(line: Fields, verb: ApiVerb): ApiOutcome | undefined {
  if (line.has('failure')) {
    const failure = line.fields('failure')
    return { kind: 'failed', code: failure.number('code'), reason: failure.string('reason'), definite: failure.boolean('definite') }
  }
  if (!line.has('answer')) return undefined
  const answer = line.fields('answer')
  const kind = answer.oneOf('kind', verb === 'list' ? ['list'] : verb === 'delete' ? ['object', 'gone', 'marked'] : ['object'])
  if (kind === 'object') return { kind, state: stateOf(answer.fields('state')) }
  if (kind !== 'list') return { kind, uid: answer.string('uid') }
  return {
    kind,
    revision: answer.number('revision'),
    states: answer.list('states', stateOf),
    more: answer.optionalBoolean('more') ?? false
  }
}

const stateOf = (of: Fields): ApiState => ({
  key: of.string('key'),
  uid: of.string('uid'),
  revision: of.number('revision'),
  generation: of.optionalNumber('generation') ?? 0,
  content: of.string('content'),
  desired: of.optionalString('desired') ?? '',
  besides: of.optionalString('besides') ?? '',
  labels: of.has('labels') ? of.fields('labels').texts() : noLabels,
  created: of.optionalString('created') ?? '',
  deleting: of.optionalBoolean('deleting') ?? false,
  mark: of.optionalString('mark') ?? '',
  tally: of.optionalNumber('tally')
})

function eventOf(line: Fields): ApiEvent {
  const type = line.oneOf('type', ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])
  const atUs = line.number('at')
  if (type === 'BOOKMARK') return { type, revision: line.number('revision'), atUs }
  return { type, state: stateOf(line.fields('state')), atUs }
}
