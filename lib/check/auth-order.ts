// Auth order: the states that users and roles may have had, one after the other, by what clients were told of them.
//
// Every answer about users and roles says at which auth revision it is true, and whether auth was on: that is its place. Each change makes the
// revision grow by one, but for turning auth on, which happens within one. So an acknowledged change has its place, and only a revision that no
// answer claims needs a search: one of the changes whose answer was lost made it. All that may have are followed; what was told later leaves few.

import type { AuthChangeOperation, AuthHistory, AuthOperation, AuthQueryOperation } from './auth-history.js'
import { isInDoubtOf } from './auth-history.js'
import { type AuthState, authStateText, changed, noAuth } from './auth-model.js'

/** Twice the auth revision, and one more while auth is on. */
export type AuthPlace = number

export interface AuthNode {
  readonly state: AuthState
  /** Changes in doubt that took effect by then, by number. */
  readonly used: readonly number[]
  readonly before: AuthNode[]
  isPossible: boolean
}

export type KnownOperation = (AuthChangeOperation | AuthQueryOperation) & { readonly outcome: { readonly ok: true } }

export interface AuthContradiction {
  readonly promise: 'authRevision' | 'authTrue'
  readonly by: AuthOperation | undefined
  readonly what: string
}

export const authNodesMax = 20_000
/** Over so many at one place, which changes made a state is forgotten: they may be taken to happen again, which explains more, never less. */
const layerNodesMax = 64
const lateNodesMax = 2_000 // Behind the last answer.
const firstPlace: AuthPlace = 2

export const isKnown = (operation: AuthOperation): operation is KnownOperation =>
  (operation.kind === 'change' || operation.kind === 'query') && operation.outcome?.ok === true

export const placeOf = ({ outcome }: KnownOperation): AuthPlace => outcome.value.authRevision * 2 + (outcome.value.isEnabled ? 1 : 0)

/** Whether an acknowledged change of that kind made the revision that its answer tells; another may have found that it was so already. */
export const isAlwaysEffective = ({ change: { type } }: AuthChangeOperation): boolean =>
  type !== 'grantRole' && type !== 'enable' && type !== 'disable'

export class AuthOrder {
  /** By place, ascending. */
  readonly layers = new Map<AuthPlace, AuthNode[]>()
  readonly known: readonly KnownOperation[]
  readonly last: AuthPlace
  contradiction: AuthContradiction | undefined
  unknown: string | undefined
  /** What happened behind the last answer was too much to follow. */
  isOpen = false
  readonly #partial: boolean
  readonly #doubts: readonly AuthChangeOperation[]
  readonly #told = new Map<AuthPlace, KnownOperation[]>()
  readonly #sameBefore: readonly number[] // Of a doubt, the one before it that asks for the same; -1: none.
  readonly #returnedBy = new Map<AuthPlace, number>() // When somebody first knew that it had been reached.
  #nodes = 0

  constructor({ operations, partial = false }: AuthHistory) {
    this.#partial = partial
    this.known = operations.filter(isKnown)
    this.#doubts = operations
      .filter((one): one is AuthChangeOperation => one.kind === 'change' && isInDoubtOf(one))
      .sort((a, b) => a.invokedUs - b.invokedUs)
    const texts = this.#doubts.map(({ change }) => JSON.stringify(change))
    this.#sameBefore = texts.map((text, at) => texts.slice(0, at).lastIndexOf(text))
    for (const one of this.known) this.#told.set(placeOf(one), [...(this.#told.get(placeOf(one)) ?? []), one])
    this.last = this.known.reduce((most, one) => Math.max(most, placeOf(one)), firstPlace)
    let byUs = Number.POSITIVE_INFINITY
    for (let place = this.last; place >= firstPlace; place--) {
      for (const { returnedUs } of this.#told.get(place) ?? []) byUs = Math.min(byUs, returnedUs)
      this.#returnedBy.set(place, byUs)
    }
    this.#walk()
  }

  #walk(): void {
    this.layers.set(firstPlace, this.#agreeing(firstPlace, [{ state: noAuth, used: [], before: [], isPossible: false }]))
    this.#turnOn(firstPlace)
    for (let revision = 2; revision * 2 <= this.last && this.contradiction === undefined && this.unknown === undefined; revision++)
      this.#advance(revision)
    if (this.contradiction !== undefined || this.unknown !== undefined) return
    this.#goOn()
    this.#markPossible()
  }

  /** From the states of one revision to those of the next. */
  #advance(revision: number): void {
    const off = revision * 2
    const [on, offBefore, onBefore] = [off + 1, off - 2, off - 1]
    const owners = [off, on].flatMap(place => (this.#told.get(place) ?? []).filter(one => one.kind === 'change' && isAlwaysEffective(one)))
    if (owners.length > 1) return this.#contradict('authRevision', owners[1], `auth revision ${revision} is of two changes`)
    const stayedOff = this.#told.has(onBefore) ? [] : (this.layers.get(offBefore) ?? [])
    const wereOn = this.layers.get(onBefore) ?? []
    const intoOff = [...this.#moved(stayedOff, off, owners, false), ...this.#moved(wereOn, off, owners, true)]
    this.layers.set(off, this.#agreeing(off, intoOff))
    if (this.contradiction === undefined) this.#turnOn(off, this.#told.has(off) ? [] : this.#moved(wereOn, on, owners, false))
    if (this.contradiction === undefined && this.#sizeOf(off) + this.#sizeOf(on) === 0)
      this.#tellGap(revision, owners[0], [...stayedOff, ...wereOn])
    if (this.#nodes > authNodesMax)
      this.unknown = `the changes in doubt up to auth revision ${revision} give more than ${authNodesMax} histories`
  }

  #sizeOf(place: AuthPlace): number {
    return this.layers.get(place)?.length ?? 0
  }

  /** What is on at a revision: what came so, and what was turned on. */
  #turnOn(off: AuthPlace, came: readonly AuthNode[] = []): void {
    const on = off + 1
    const asked = (this.#told.get(on) ?? []).filter(one => one.kind === 'change' && one.change.type === 'enable')
    const turned = (this.layers.get(off) ?? []).flatMap(node => [
      ...asked.slice(0, 1).flatMap(one => (one.kind === 'change' ? this.#stepped(node, one) : [])),
      ...this.#doubtful(node, on).filter(({ state }) => state.isEnabled)
    ])
    const nodes = this.#agreeing(on, [...came, ...turned])
    if (nodes.length > 0) this.layers.set(on, nodes)
  }

  /** States that a change leads to. `disables`: only what turns auth off. */
  #moved(nodes: readonly AuthNode[], to: AuthPlace, owners: readonly KnownOperation[], disables: boolean): AuthNode[] {
    const [owner] = owners
    if (owner !== undefined) {
      if (disables || owner.kind !== 'change' || placeOf(owner) !== to) return []
      return nodes.flatMap(node => this.#stepped(node, owner))
    }
    const perhaps = (this.#told.get(to) ?? []).filter(one => one.kind === 'change' && one.change.type !== 'enable')
    const isFitting = ({ state }: AuthNode, before: AuthNode): boolean => disables === (before.state.isEnabled && !state.isEnabled)
    return nodes.flatMap(node => {
      const moved = [...perhaps.flatMap(one => (one.kind === 'change' ? this.#stepped(node, one) : [])), ...this.#doubtful(node, to)]
      const others = this.#partial && !disables ? [{ state: node.state, used: node.used, before: [node], isPossible: false }] : []
      return [...moved.filter(next => isFitting(next, node) && next.state.isEnabled === (to % 2 === 1)), ...others]
    })
  }

  #stepped(node: AuthNode, { change }: AuthChangeOperation): AuthNode[] {
    const state = changed(node.state, change)
    return typeof state === 'string' || state === node.state ? [] : [{ state, used: node.used, before: [node], isPossible: false }]
  }

  /** By a change in doubt that was asked for before anybody knew of its effect. Of equal ones the first. */
  #doubtful(node: AuthNode, to: AuthPlace): AuthNode[] {
    const byUs = this.#returnedBy.get(to) ?? Number.POSITIVE_INFINITY
    return this.#doubts.flatMap((doubt, number) => {
      if (doubt.invokedUs >= byUs || node.used.includes(number)) return []
      const same = this.#sameBefore[number] as number
      if (same >= 0 && !node.used.includes(same)) return []
      return this.#stepped(node, doubt).map(next => ({ ...next, used: [...node.used, number].sort((a, b) => a - b) }))
    })
  }

  /** Those that say what was told at that place; equal ones are one. */
  #agreeing(place: AuthPlace, nodes: readonly AuthNode[]): AuthNode[] {
    const byText = new Map<string, AuthNode>()
    for (const node of nodes) {
      const text = `${node.used.join()} ${authStateText(node.state)}`
      const same = byText.get(text)
      if (same === undefined) byText.set(text, node)
      else same.before.push(...node.before)
    }
    let left = [...byText.values()]
    for (const told of this.#told.get(place) ?? []) {
      const fitting = left.filter(({ state }) => this.#isTrue(told, state))
      if (fitting.length === 0 && left.length > 0)
        this.#contradict(
          'authTrue',
          told,
          `that was so: ${left
            .slice(0, 3)
            .map(one => authStateText(one.state))
            .join(' or ')}`
        )
      left = fitting
    }
    if (left.length > layerNodesMax) left = merged(left)
    this.#nodes += left.length
    return left
  }

  #isTrue(told: KnownOperation, state: AuthState): boolean {
    if (told.kind === 'change') return isAlwaysEffective(told) || changed(state, told.change) === state
    return this.#partial || isAnswered(told, state)
  }

  #tellGap(revision: number, owner: KnownOperation | undefined, nodes: readonly AuthNode[]): void {
    if (owner !== undefined && owner.kind === 'change') {
      const refusals = new Set(nodes.map(({ state }) => changed(state, owner.change)).filter(one => typeof one === 'string'))
      const why = refusals.size > 0 ? `it should have been refused: ${[...refusals].join(' or ')}` : 'auth was turned on or off before it'
      return this.#contradict('authTrue', owner, why)
    }
    const by = this.known.find(one => placeOf(one) >= revision * 2)
    this.#contradict('authRevision', by, `nobody made the change of auth revision ${revision}`)
  }

  #contradict(promise: AuthContradiction['promise'], by: AuthOperation | undefined, what: string): void {
    this.contradiction ??= { promise, by, what }
  }

  /** What is in doubt to the end may still happen. */
  #goOn(): void {
    if (this.#doubts.length === 0) return
    const known = this.#nodes
    for (let revision = Math.floor(this.last / 2) + 1; ; revision++) {
      const [off, on] = [revision * 2, revision * 2 + 1]
      const [offs, ons] = [this.#told.has(off - 1) ? [] : (this.layers.get(off - 2) ?? []), this.layers.get(off - 1) ?? []]
      const next = [...this.#moved(offs, off, [], false), ...this.#moved(ons, off, [], true)]
      this.layers.set(off, this.#agreeing(off, next))
      this.#turnOn(off, this.#moved(ons, on, [], false))
      if (this.#partial || this.#nodes - known > lateNodesMax) {
        this.isOpen = true
        return
      }
      if (this.#sizeOf(off) + this.#sizeOf(on) === 0) return
    }
  }

  /** Only what leads to what was told last may have been. */
  #markPossible(): void {
    const mark = (node: AuthNode): void => {
      const open = [node]
      for (let one = open.pop(); one !== undefined; one = open.pop()) {
        if (one.isPossible) continue
        one.isPossible = true
        open.push(...one.before)
      }
    }
    for (const [place, nodes] of this.layers) if (place >= this.last) nodes.forEach(mark)
    if (!this.#told.has(this.last)) for (const node of this.layers.get(this.last - 1) ?? []) mark(node)
    for (const [place, nodes] of this.layers) {
      const possible = nodes.filter(({ isPossible }) => isPossible)
      if (possible.length > 0) this.layers.set(place, possible)
      else this.layers.delete(place)
    }
  }
}

/** Those of equal states as one, which has used only what all of them have. */
function merged(nodes: readonly AuthNode[]): AuthNode[] {
  const byState = new Map<string, AuthNode>()
  for (const node of nodes) {
    const text = authStateText(node.state)
    const same = byState.get(text)
    const used = same === undefined ? node.used : same.used.filter(number => node.used.includes(number))
    byState.set(text, { ...node, used, before: [...(same?.before ?? []), ...node.before] })
  }
  return [...byState.values()]
}

function isAnswered({ query, outcome }: AuthQueryOperation & KnownOperation, state: AuthState): boolean {
  const { users, roles, permissions } = outcome.value
  const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  switch (query.type) {
    case 'status':
      return true
    case 'users':
      return isSame(users, Object.keys(state.users).sort())
    case 'roles':
      return isSame(roles, Object.keys(state.roles).sort())
    case 'user':
      return isSame(roles, state.users[query.name]?.roles)
    case 'role':
      return isSame(permissions?.map(permissionText), state.roles[query.name]?.map(permissionText))
  }
}

const permissionText = ({
  access,
  key,
  end = ''
}: {
  readonly access: string
  readonly key: string
  readonly end?: string | undefined
}): string => `${access} ${key} ${end}`
