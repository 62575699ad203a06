// The API checkers: small histories, each with the one guarantee it breaks; then a model of an API server that is healthy, or has one
// fault, used by the users and watchers of the real workloads.

import t from 'tap'
import {
  type ApiAsked,
  type ApiEvent,
  type ApiGuarantee,
  type ApiHistory,
  type ApiOperation,
  type ApiOutcome,
  type ApiState,
  type ApiWatchSession,
  apiGuarantees,
  checkApi,
  violationPage
} from '../../lib/check/index.js'
import { type ApiFault, apiFaults, runModel } from './api-model.js'

const prefix = 'configmaps/default/'
const state = (name: string, revision: number, more: Partial<ApiState> = {}): ApiState => ({
  key: `${prefix}${name}`,
  uid: `${name}-uid`,
  revision,
  generation: 0,
  content: `${revision}`,
  desired: '',
  besides: '',
  labels: {},
  created: '2026',
  deleting: false,
  mark: '',
  tally: undefined,
  ...more
})

const refused = (code: number, reason: string): ApiOutcome => ({ kind: 'failed', code, reason, definite: true })
const lost: ApiOutcome = { kind: 'failed', code: 0, reason: 'closed', definite: false }

/** An operation by client `c`, from one time to another; in the order of the list its number is its mark, if it is a write. */
type Op = [verb: ApiAsked['verb'], name: string, from: number, to: number, outcome: ApiOutcome | ApiState, more?: Partial<ApiAsked>]

function operations(ops: readonly Op[]): ApiOperation[] {
  return ops.map(([verb, name, invokedUs, to, result, more], at) => {
    const outcome: ApiOutcome = 'key' in result ? { kind: 'object', state: result } : result
    const returnedUs = outcome === lost ? Number.POSITIVE_INFINITY : to
    const mark = verb === 'get' || verb === 'list' || verb === 'delete' ? {} : { mark: String(at + 1) }
    return { id: at + 1, client: 'c', verb, key: `${prefix}${name}`, ...mark, ...more, invokedUs, returnedUs, outcome }
  })
}

const list = (revision: number, states: ApiState[], more = false): ApiOutcome => ({ kind: 'list', revision, states, more })
const told = (type: 'ADDED' | 'MODIFIED' | 'DELETED', of: ApiState, atUs = 1000): ApiEvent => ({ type, state: of, atUs })
const bookmark = (revision: number): ApiEvent => ({ type: 'BOOKMARK', revision, atUs: 1000 })
const watching = (
  revision: number,
  known: ApiState[],
  events: readonly ApiEvent[][],
  selector?: Readonly<Record<string, string>>
): ApiWatchSession => ({
  client: 'w',
  prefix,
  selector,
  known,
  revision,
  watches: events.map((some, at) => {
    const before = events.slice(0, at).flat().at(-1)
    const from = before === undefined ? revision : before.type === 'BOOKMARK' ? before.revision : before.state.revision
    return { from, openedUs: 0, events: [...some], ended: at === events.length - 1 ? undefined : 'closed' }
  })
})

const a1 = state('a', 1, { mark: '1', tally: 0 })
const a2 = state('a', 2, { mark: '2', tally: 1 })
const a3 = state('a', 3, { mark: '3', tally: 2 })
const b2 = state('b', 2, { mark: '2' })
const created: Op = ['create', 'a', 0, 10, a1]
const increased: Op = ['update', 'a', 20, 30, a2, { sentRevision: 1 }]
const front = { tier: 'front' }

interface Case {
  readonly name: string
  readonly ops?: readonly Op[]
  readonly sessions?: readonly ApiWatchSession[]
  readonly broken?: ApiGuarantee
  /** The store's history, where it was read. */
  readonly store?: readonly (ApiState | [gone: string, revision: number])[]
}

const cases: Case[] = [
  { name: 'nothing' },
  { name: 'a counter', ops: [created, increased, ['get', 'a', 40, 50, a2, { version: '' }]] },

  // Optimistic concurrency.
  {
    name: 'two updates of one state',
    ops: [created, increased, ['update', 'a', 20, 30, a3, { sentRevision: 1 }]],
    broken: apiGuarantees.optimistic
  },
  {
    name: 'an update that changes nothing is answered with what there is',
    ops: [created, increased, ['update', 'a', 40, 50, a2, { sentRevision: 2 }]]
  },
  {
    name: 'an update of another object',
    ops: [created, ['update', 'a', 20, 30, a2, { sentUid: 'x' }]],
    broken: apiGuarantees.precondition
  },
  {
    name: 'an increment that undoes another',
    ops: [created, increased, ['update', 'a', 40, 50, state('a', 3, { mark: '3', tally: 1 })]],
    broken: apiGuarantees.noLostUpdate
  },
  {
    name: 'a spec changed by nobody who asked',
    ops: [
      ['create', 'a', 0, 10, state('a', 1, { mark: '1', desired: 'x' })],
      ['get', 'a', 20, 30, state('a', 2, { mark: '1', desired: 'y' }), { version: '' }]
    ],
    broken: apiGuarantees.noOverwrite
  },
  {
    name: 'a write that was taken back',
    ops: [created],
    store: [a1, state('a', 2)],
    broken: apiGuarantees.noOverwrite
  },
  {
    name: 'a status written beside',
    ops: [['create', 'a', 0, 10, state('a', 1, { mark: '1', desired: 'x' })]],
    store: [state('a', 1, { mark: '1', desired: 'x' }), state('a', 2, { mark: '1', desired: 'x', content: 'status' })]
  },
  { name: 'a conflict after a change', ops: [created, increased, ['update', 'a', 40, 50, refused(409, 'Conflict'), { sentRevision: 1 }]] },
  {
    name: 'a conflict with nothing',
    ops: [created, ['update', 'a', 20, 30, refused(409, 'Conflict'), { sentRevision: 1 }]],
    broken: apiGuarantees.conflictOnlyIfChanged
  },
  {
    name: 'a conflict with what came later',
    ops: [
      created,
      ['update', 'a', 40, 50, a2, { sentRevision: 1 }],
      ['update', 'a', 20, 30, refused(409, 'Conflict'), { sentRevision: 1 }]
    ],
    broken: apiGuarantees.conflictOnlyIfChanged
  },
  {
    name: 'a conflict with a write nobody knows of',
    ops: [
      created,
      ['update', 'a', 12, 14, lost, { sentRevision: 1 }],
      ['update', 'a', 20, 30, refused(409, 'Conflict'), { sentRevision: 1 }]
    ]
  },
  { name: 'a create of what is there', ops: [created, ['create', 'a', 20, 30, a2]], broken: apiGuarantees.createOnce },
  {
    name: 'a create after a deletion',
    ops: [
      created,
      ['delete', 'a', 12, 14, { kind: 'gone', uid: 'a-uid' }],
      ['create', 'a', 20, 30, state('a', 4, { uid: 'other', mark: '3' })]
    ]
  },
  {
    name: 'AlreadyExists of nothing',
    ops: [['create', 'a', 20, 30, refused(409, 'AlreadyExists')]],
    broken: apiGuarantees.existsOnlyIfCreated
  },
  { name: 'AlreadyExists', ops: [created, ['create', 'a', 20, 30, refused(409, 'AlreadyExists')]] },
  {
    name: 'a delete of what was changed since',
    ops: [created, increased, ['delete', 'a', 40, 50, { kind: 'gone', uid: 'a-uid' }, { sentRevision: 1 }]],
    broken: apiGuarantees.optimistic
  },
  { name: 'a lost write that took effect', ops: [created, ['patch', 'a', 12, 14, lost], ['get', 'a', 20, 30, a2, { version: '' }]] },
  {
    name: 'a refused write that took effect',
    ops: [created, ['patch', 'a', 12, 14, refused(409, 'Conflict')], ['get', 'a', 20, 30, a2, { version: '' }]],
    broken: apiGuarantees.noInvention
  },
  {
    name: 'a lost write that took effect twice',
    ops: [created, ['patch', 'a', 12, 14, lost], ['patch', 'a', 16, 18, a3]],
    sessions: [watching(1, [a1], [[told('MODIFIED', a2), told('MODIFIED', a3), told('MODIFIED', state('a', 4, { mark: '2', tally: 3 }))]])],
    broken: apiGuarantees.atMostOnce
  },
  {
    name: 'what nobody wrote',
    ops: [created, ['get', 'a', 20, 30, state('a', 2, { mark: '9', tally: 7 }), { version: '' }]],
    broken: apiGuarantees.noInvention
  },
  {
    name: 'a write below what was seen',
    ops: [
      ['create', 'b', 0, 10, state('b', 5, { mark: '1' })],
      ['create', 'a', 20, 30, a2]
    ],
    broken: apiGuarantees.writeOrder
  },

  // Objects.
  {
    name: 'a uid of two objects',
    ops: [created, ['create', 'b', 20, 30, state('b', 2, { uid: 'a-uid', mark: '2' })]],
    broken: apiGuarantees.uidOnce
  },
  {
    name: 'a uid that comes back',
    ops: [
      created,
      ['delete', 'a', 12, 14, lost],
      ['create', 'a', 20, 30, state('a', 4, { uid: 'x', mark: '3' })],
      ['get', 'a', 40, 50, state('a', 5), { version: '0' }]
    ],
    broken: apiGuarantees.uidOnce
  },
  { name: 'another creation time', ops: [created, ['update', 'a', 20, 30, { ...a2, created: '2027' }]], broken: apiGuarantees.immutable },
  {
    name: 'a deletion that is taken back',
    ops: [
      created,
      ['delete', 'a', 12, 13, { kind: 'marked', uid: 'a-uid' }],
      ['patch', 'a', 14, 15, { ...a3, deleting: true }],
      ['patch', 'a', 20, 30, state('a', 4, { mark: '4', tally: 3 })]
    ],
    broken: apiGuarantees.deletionStays
  },
  {
    name: 'one revision, two states',
    ops: [created, increased, ['get', 'a', 40, 50, { ...a2, content: '?' }, { version: '' }]],
    broken: apiGuarantees.agreement
  },
  { name: 'a spec that changes without its generation', ops: generations([1, 'x'], [1, 'y']), broken: apiGuarantees.generation },
  { name: 'a generation that goes back', ops: generations([2, 'x'], [1, 'x']), broken: apiGuarantees.generation },
  { name: 'generations', ops: generations([1, 'x'], [1, 'x'], [2, 'y']) },
  { name: 'a generation that grows by itself', ...stored(generations([1, 'x'], [2, 'x'])), broken: apiGuarantees.generation },
  { name: 'a generation that skips one', ...stored(generations([1, 'x'], [3, 'y'])), broken: apiGuarantees.generation },
  { name: 'a write the store does not know', ops: [created, increased], store: [a1], broken: apiGuarantees.noLostWrite },
  {
    name: 'a deletion that did not happen',
    ops: [created, ['delete', 'a', 20, 30, { kind: 'gone', uid: 'a-uid' }]],
    store: [a1],
    broken: apiGuarantees.noLostWrite
  },
  { name: 'a deletion nobody asked for', ops: [created], store: [a1, [`${prefix}a`, 2]], broken: apiGuarantees.noInvention },

  // Reads.
  {
    name: 'a stale read',
    ops: [created, increased, ['get', 'a', 40, 50, a1, { version: '', client: 'd' }]],
    broken: apiGuarantees.consistent
  },
  { name: 'a read that goes back', ops: [created, increased, ['get', 'a', 40, 50, a1, { version: '' }]], broken: apiGuarantees.monotonic },
  { name: 'a read of any age', ops: [created, increased, ['get', 'a', 40, 50, a1, { version: '0' }]] },
  { name: 'a read beside a write', ops: [created, increased, ['get', 'a', 25, 50, a1, { version: '' }]] },
  {
    name: 'a read older than asked for',
    ops: [created, increased, ['get', 'a', 40, 50, a1, { version: '2' }]],
    broken: apiGuarantees.notOlderThan
  },
  {
    name: 'what was created is not there',
    ops: [created, ['get', 'a', 20, 30, refused(404, 'NotFound'), { version: '' }]],
    broken: apiGuarantees.consistent
  },
  {
    name: 'what is not there may be deleted',
    ops: [created, ['delete', 'a', 11, 12, lost], ['get', 'a', 20, 30, refused(404, 'NotFound'), { version: '' }]]
  },
  {
    name: 'what was deleted is there',
    ops: [created, ['delete', 'a', 11, 12, { kind: 'gone', uid: 'a-uid' }], ['get', 'a', 20, 30, a1, { version: '' }]],
    broken: apiGuarantees.consistent
  },
  {
    name: 'a stale list',
    ops: [created, increased, ['list', '', 40, 50, list(1, [a1]), { version: '', client: 'd' }]],
    broken: apiGuarantees.consistent
  },
  { name: 'an old list is as old as it likes', ops: [created, increased, ['list', '', 40, 50, list(1, [a1]), { version: '0' }]] },
  {
    name: 'an old list that mixes times',
    ops: [created, increased, ['list', '', 40, 50, list(2, [a1]), { version: '0' }]],
    broken: apiGuarantees.snapshot
  },
  {
    name: 'a list older than asked for',
    ops: [created, increased, ['list', '', 40, 50, list(1, [a1]), { version: '2' }]],
    broken: apiGuarantees.notOlderThan
  },
  {
    name: 'a list not exactly',
    ops: [created, increased, ['list', '', 40, 50, list(2, [a2]), { version: '1', exact: true }]],
    broken: apiGuarantees.exact
  },
  {
    name: 'a list that misses one',
    ops: [created, ['create', 'b', 20, 30, b2], ['list', '', 40, 50, list(2, [b2]), { version: '' }]],
    broken: apiGuarantees.snapshot
  },
  {
    name: 'a list that has one twice',
    ops: [created, ['list', '', 40, 50, list(1, [a1, a1]), { version: '' }]],
    broken: apiGuarantees.snapshot
  },
  {
    name: 'a list of what is not selected',
    ops: [created, ['list', '', 40, 50, list(1, [a1]), { version: '', selector: front }]],
    broken: apiGuarantees.snapshot
  },
  { name: 'pages', ops: pages(2, b2) },
  { name: 'pages of two snapshots', ops: pages(3, b2), broken: apiGuarantees.chunks },
  { name: 'pages that end too early', ops: pages(2), broken: apiGuarantees.snapshot },

  // Watches.
  { name: 'a watch', ops: [created, increased], sessions: [watching(1, [a1], [[told('MODIFIED', a2)]])] },
  {
    name: 'a watch that misses',
    ops: [created, increased, ['update', 'a', 40, 50, a3]],
    sessions: [watching(1, [a1], [[told('MODIFIED', a3)]])],
    broken: apiGuarantees.watchReliable
  },
  {
    name: 'a watch that does not catch up',
    ops: [created, increased],
    sessions: [watching(1, [a1], [[]])],
    broken: apiGuarantees.watchCaughtUp
  },
  {
    name: 'a watch that goes on and misses',
    ops: [created, increased, ['update', 'a', 40, 50, a3]],
    sessions: [watching(0, [], [[told('ADDED', a1)], [told('MODIFIED', a3)]])],
    broken: apiGuarantees.watchReliable
  },
  {
    name: 'a watch that repeats',
    ops: [created, increased],
    sessions: [watching(1, [a1], [[told('MODIFIED', a2), told('MODIFIED', a2)]])],
    broken: apiGuarantees.watchUnique
  },
  {
    name: 'a watch that tells what was listed',
    ops: [created],
    sessions: [watching(1, [a1], [[told('ADDED', a1)]])],
    broken: apiGuarantees.watchOrdered
  },
  {
    name: 'a watch out of order',
    ops: [created, ['create', 'b', 20, 30, b2]],
    sessions: [watching(0, [], [[told('ADDED', b2), told('ADDED', a1)]])],
    broken: apiGuarantees.watchReliable
  },
  {
    name: 'ADDED of what is known',
    ops: [created, increased],
    sessions: [watching(1, [a1], [[told('ADDED', a2)]])],
    broken: apiGuarantees.watchTypes
  },
  {
    name: 'MODIFIED of what is not known',
    ops: [created],
    sessions: [watching(0, [], [[told('MODIFIED', a1)]])],
    broken: apiGuarantees.watchTypes
  },
  {
    name: 'DELETED of what is there',
    ops: [created, increased],
    sessions: [watching(1, [a1], [[told('DELETED', a2)]])],
    broken: apiGuarantees.agreement
  },
  {
    name: 'a watch of what never happened',
    store: [a1],
    ops: [created],
    sessions: [watching(1, [a1], [[told('MODIFIED', state('a', 2, { mark: '1', tally: 0 }))]])],
    broken: apiGuarantees.noInvention
  },
  {
    name: 'a watch of another namespace',
    ops: [created],
    sessions: [watching(1, [], [[told('ADDED', state('x', 2, { key: 'configmaps/other/x' }))]])],
    broken: apiGuarantees.watchTrue
  },
  { name: 'a bookmark', ops: [created, increased], sessions: [watching(1, [a1], [[told('MODIFIED', a2), bookmark(2), bookmark(7)]])] },
  {
    name: 'a bookmark before its time',
    ops: [created, increased],
    sessions: [watching(1, [a1], [[bookmark(2), told('MODIFIED', a2)]])],
    broken: apiGuarantees.bookmark
  },
  {
    name: 'a bookmark that goes back',
    ops: [created, increased],
    sessions: [watching(1, [a1], [[told('MODIFIED', a2), bookmark(1)]])],
    broken: apiGuarantees.bookmark
  },
  { name: 'what enters a selection is added, what leaves it deleted', ...selected(['ADDED', 'DELETED']) },
  { name: 'what enters a selection is not modified', ...selected(['MODIFIED', 'DELETED']), broken: apiGuarantees.watchTypes },
  { name: 'who leaves a selection is told of', ...selected(['ADDED']), broken: apiGuarantees.watchCaughtUp }
]

function generations(...states: readonly [generation: number, desired: string][]): Op[] {
  return states.map(([generation, desired], at): Op => {
    const mark = String(at + 1)
    return [at === 0 ? 'create' : 'patch', 'a', at * 10, at * 10 + 5, state('a', at + 1, { mark, generation, desired })]
  })
}

function stored(ops: Op[]): { ops: Op[]; store: ApiState[] } {
  return { ops, store: ops.map(([, , , , result]) => result as ApiState) }
}

function pages(revision: number, ...rest: ApiState[]): Op[] {
  const first: Op = ['list', '', 40, 50, list(2, [a1], true), { version: '', limit: 1 }]
  return [created, ['create', 'b', 20, 30, b2], first, ['list', '', 60, 70, list(revision, rest), { version: '', limit: 1, firstPage: 3 }]]
}

/** An object that is not selected, then is, then no longer. */
function selected(types: readonly ('ADDED' | 'MODIFIED' | 'DELETED')[]): Pick<Case, 'ops' | 'sessions'> {
  const enters = { ...a2, labels: front }
  const left = { ...enters, revision: 3, content: '3' }
  const events = [enters, left].flatMap((of, at) => (types[at] === undefined ? [] : [told(types[at], of)]))
  return { ops: [created, ['patch', 'a', 20, 30, enters], ['patch', 'a', 40, 50, a3]], sessions: [watching(1, [], [events], front)] }
}

t.test('each history breaks the promise it should, and the good ones none', async t => {
  for (const { name, ops = [], sessions = [], broken, store } of cases) {
    const changes = store?.map(one =>
      Array.isArray(one)
        ? { key: one[0] as string, revision: one[1] as number, state: undefined }
        : { key: one.key, revision: one.revision, state: one }
    )
    const history: ApiHistory = {
      operations: operations(ops),
      sessions,
      store: changes === undefined ? undefined : { resources: new Set(['configmaps']), changes },
      written: [prefix],
      lived: []
    }
    const violations = checkApi(history, true)
    if (broken === undefined) {
      t.same(violations, [], name)
      continue
    }
    t.ok(
      violations.some(({ guarantee }) => guarantee === broken),
      `${name}: ${JSON.stringify(violations)}`
    )
    t.match(violationPage({ title: name, violations, history }), / marked/, 'the page marks what is named')
  }
})

t.test('every guarantee is broken by some history', async t => {
  const broken = new Set(cases.map(one => one.broken))
  for (const guarantee of Object.values(apiGuarantees)) t.ok(broken.has(guarantee), guarantee)
})

t.test('a healthy server breaks no promise, with and without its own history', async t => {
  let operations = 0
  for (let seed = 1; seed <= 60; seed++) {
    for (const withStore of [true, false]) {
      const { violations, exercised } = runModel(seed, undefined, withStore)
      t.same(violations, [], `seed ${seed}${withStore ? '' : ' without the store'}`)
      operations += exercised.operations
    }
  }
  t.ok(operations > 10_000, `${operations} operations`)
})

t.test('a server with one fault is found out', async t => {
  for (const fault of Object.keys(apiFaults) as ApiFault[]) {
    for (const withStore of [true, false]) {
      let found = 0
      const guarantees = new Set<string>()
      for (let seed = 1; seed <= 20; seed++) {
        const { violations } = runModel(seed, fault, withStore)
        if (violations.length > 0) found++
        for (const { guarantee } of violations) guarantees.add(guarantee)
      }
      t.ok(found > 0, `${fault}${withStore ? '' : ' without the store'}: ${found} of 20 seeds: ${[...guarantees].join('; ')}`)
      t.ok(guarantees.has(apiFaults[fault]), `${fault} breaks: ${apiFaults[fault]}; told: ${[...guarantees].join('; ')}`)
    }
  }
})
