// The Raft paper (the extended version) sentence by sentence, where it speaks of safety: each test names one by its section and, in our words,
// its gist. One member, messages in and out; whole clusters are in safety.test.ts and in the scenarios.

import t from 'tap'
import {
  type Entry,
  encodeChange,
  foundedBy,
  type HardState,
  type JointChange,
  type MembershipChange,
  type Message,
  majority,
  Raft,
  type RaftLimits,
  type Recovered
} from '../../lib/raft/index.js'

type Of<T extends Message['type']> = Message & { readonly type: T }
const voters = ['a', 'b', 'c', 'd', 'e']
const text = new TextEncoder()
const entry = (index: number, term: number, data = `${index}`): Entry => ({ index, term, kind: 'normal', data: text.encode(data) })
/** `1 1 2`: the terms of entries from 1 on. */
const log = (terms: string): Entry[] =>
  terms
    .split(' ')
    .filter(term => term !== '')
    .map((term, at) => entry(at + 1, Number(term)))

/** One member, whose saves are done at once unless they are held. */
class One {
  readonly raft: Raft
  readonly sent: Message[] = []
  readonly saved: { hardState: HardState | null; entries: readonly Entry[] }[] = []
  readonly applied: Entry[] = []
  readonly reads: number[] = []

  constructor(state: Partial<HardState> & { log?: string } = {}, limits: Partial<RaftLimits> = {}) {
    const { log: terms = '', ...hardState } = state
    const recovered: Recovered = { hardState: { term: 0, vote: null, commit: 0, ...hardState }, entries: log(terms), snapshot: null }
    this.raft = new Raft({ id: 'a', membership: foundedBy(voters), random: () => 0, ...limits }, recovered)
  }

  /** All that is ready, up to its save; then, in `then`, the rest. */
  go(): this {
    while (this.raft.hasReady()) {
      const ready = this.raft.ready()
      this.sent.push(...ready.messagesBeforeSave)
      this.saved.push({ hardState: ready.hardState, entries: ready.entries })
      this.sent.push(...ready.messagesAfterSave)
      this.applied.push(...ready.committed)
      for (const entry of ready.committed) if (entry.kind === 'config') this.raft.applyChange(entry)
      for (const { index, contexts } of ready.readStates) this.reads.push(...contexts.map(() => index))
      this.raft.saved()
    }
    return this
  }

  hear(...messages: Message[]): this {
    for (const message of messages) {
      this.raft.step(message)
      this.go()
    }
    return this
  }

  tick(times: number): this {
    for (let i = 0; i < times; i++) {
      this.raft.tick()
      this.go()
    }
    return this
  }

  said<T extends Message['type']>(type: T): Of<T>[] {
    return this.sent.filter((message): message is Of<T> => message.type === type)
  }

  last<T extends Message['type']>(type: T): Of<T> | undefined {
    return this.said(type).at(-1)
  }

  get terms(): string {
    return this.raft
      .entries(1, 1e9)
      .map(({ term }) => term)
      .join(' ')
  }

  /** Elected by b and c. */
  lead(): this {
    this.raft.campaign()
    this.go()
    for (const type of ['preVote', 'vote'] as const) {
      const asked = this.last(type)
      if (asked === undefined) throw new Error(`no ${type}`)
      for (const from of ['b', 'c'])
        this.hear({ type: `${type}Response`, from, to: 'a', term: asked.term, campaign: asked.campaign, granted: true })
    }
    return this
  }
}

const append = (term: number, prev: [number, number], entries: Entry[], commit = 0, from = 'b'): Message => ({
  type: 'append',
  from,
  to: 'a',
  term,
  prevIndex: prev[0],
  prevTerm: prev[1],
  entries,
  commit
})
const vote = (term: number, last: [number, number], from = 'b'): Message => ({
  type: 'vote',
  from,
  to: 'a',
  term,
  campaign: 1,
  lastIndex: last[0],
  lastTerm: last[1]
})
const has = (from: string, term: number, index: number): Message => ({
  type: 'appendResponse',
  from,
  to: 'a',
  term,
  index,
  rejected: false,
  hintIndex: 0,
  hintTerm: 0
})
const beat = (term: number, commit = 0, round = 1): Message => ({ type: 'heartbeat', from: 'b', to: 'a', term, commit, round })

// 5.1 ---------------------------------------------------------------------------------------------------------

t.test('5.1: a smaller term gives way to a larger one, whoever brings it', async t => {
  for (const message of [append(7, [0, 0], []), beat(7), vote(7, [0, 0]), has('b', 7, 0)])
    t.equal(new One({ term: 3 }).hear(message).raft.term, 7)
})

t.test('5.1: a candidate or leader that sees a larger term is a follower at once', async t => {
  const leader = new One({ term: 3 }).lead()
  t.ok(leader.raft.isLeader)
  leader.hear(has('b', 9, 0))
  t.same([leader.raft.status().role, leader.raft.term], ['follower', 9])
  const candidate = new One({ term: 3 })
  candidate.raft.campaign()
  candidate.go().hear(beat(5))
  t.same([candidate.raft.status().role, candidate.raft.leader], ['follower', 'b'])
})

t.test('5.1: a request of a stale term is rejected', async t => {
  const one = new One({ term: 5, log: '1' })
  one.hear(append(4, [1, 1], [entry(2, 4)]))
  t.same([one.terms, one.last('appendResponse')?.term], ['1', 5], 'it takes nothing, and tells its term')
  one.hear(vote(4, [9, 4]))
  t.equal(one.said('voteResponse').length, 0)
})

// 5.2 ---------------------------------------------------------------------------------------------------------

t.test('5.2: a server begins as a follower', async t => {
  t.equal(new One({ term: 4, vote: 'a', log: '1' }).raft.status().role, 'follower')
})

t.test('5.2: it stays one as long as it hears a leader', async t => {
  const one = new One({ term: 1 })
  for (let i = 0; i < 50; i++) one.hear(beat(1)).tick(10)
  t.same([one.raft.status().role, one.raft.leader, one.said('preVote').length], ['follower', 'b', 0])
})

t.test('5.2: a leader sends heartbeats to all, so that none of them begins an election', async t => {
  const one = new One().lead()
  one.sent.length = 0
  one.tick(5)
  t.same(
    one.said('heartbeat').map(({ to }) => to),
    ['b', 'c', 'd', 'e']
  )
})

t.test('5.2: one that hears nothing for an election timeout begins an election', async t => {
  const one = new One({ term: 1 }).hear(beat(1)).tick(39)
  t.equal(one.said('preVote').length, 0)
  one.tick(1)
  t.equal(one.said('preVote').length, 4)
})

t.test('5.2: to begin one, it increments its term, votes for itself and asks all others', async t => {
  const one = new One({ term: 6 })
  one.raft.campaign()
  one.go()
  const asked = one.last('preVote') as Of<'preVote'>
  for (const from of ['b', 'c']) one.hear({ type: 'preVoteResponse', from, to: 'a', term: 7, campaign: asked.campaign, granted: true })
  t.match(one.saved.at(-1)?.hardState, { term: 7, vote: 'a' })
  t.same(
    one.said('vote').map(({ to, term }) => `${to} ${term}`),
    ['b 7', 'c 7', 'd 7', 'e 7']
  )
})

t.test('5.2: it wins with the votes of a majority in one term, and not with fewer', async t => {
  const one = new One()
  one.raft.campaign()
  one.go()
  const grant = (from: string): Message => {
    const asked = one.last('vote') ?? (one.last('preVote') as Of<'preVote'>)
    return { type: `${asked.type}Response`, from, to: 'a', term: asked.term, campaign: asked.campaign, granted: true }
  }
  for (const from of ['b', 'c', 'b', 'b']) one.hear(grant(from)) // The first two are of the pre-vote.
  t.notOk(one.raft.isLeader, 'two of five, however often they say so')
  one.hear(grant('d'))
  t.ok(one.raft.isLeader)
})

t.test('5.2: a server votes for at most one candidate in a term, first come first served', async t => {
  const one = new One().hear(vote(3, [0, 0], 'b'), vote(3, [0, 0], 'c'), vote(3, [0, 0], 'b'))
  t.same(
    one.said('voteResponse').map(({ to, granted }) => `${to} ${granted}`),
    ['b true', 'c false', 'b true']
  )
  const again = new One({ term: 3, vote: 'b' }).hear(vote(3, [0, 0], 'c'))
  t.equal(again.last('voteResponse')?.granted, false, 'nor in its next life')
})

t.test('5.2: of any two majorities one server is in both, so a term has one leader', async t => {
  for (let size = 1; size < 10; size++) t.ok(2 * majority(size) > size)
})

t.test('5.2: a candidate that hears a leader of its term or a later one accepts it; of an earlier one it does not', async t => {
  for (const [term, role] of [
    [6, 'preCandidate'],
    [7, 'follower'],
    [8, 'follower']
  ] as const) {
    const one = new One({ term: 7 })
    one.raft.campaign()
    t.equal(one.go().hear(beat(term)).raft.status().role, role)
  }
})

t.test('5.2: with split votes a candidate times out and begins another', async t => {
  const one = new One({ term: 1 })
  one.raft.campaign()
  one.go().tick(10)
  t.equal(one.said('preVote').length, 8)
})

t.test('5.2: timeouts are drawn at random, so that votes seldom split', async t => {
  const first = (draw: number): number => {
    const raft = new Raft({ id: 'a', membership: foundedBy(voters), random: () => draw })
    let ticks = 0
    for (; raft.status().role === 'follower'; ticks++) raft.tick()
    return ticks
  }
  t.same([first(0), first(0.5), first(0.99)], [40, 50, 59])
})

// 5.3 ---------------------------------------------------------------------------------------------------------

t.test('5.3: a leader appends what it is asked for, and sends it to all others', async t => {
  const one = new One().lead()
  for (const from of ['b', 'c', 'd', 'e']) one.hear(has(from, 1, 1))
  one.sent.length = 0
  one.raft.propose(text.encode('x'))
  one.go()
  t.same(
    one.said('append').map(({ to, entries }) => `${to} ${entries.length}`),
    ['b 1', 'c 1', 'd 1', 'e 1']
  )
})

t.test('5.3: it applies an entry once it is safely replicated, and not before', async t => {
  const one = new One().lead()
  one.hear(has('b', 1, 1))
  t.equal(one.applied.length, 0)
  one.hear(has('c', 1, 1))
  t.equal(one.applied.length, 1)
})

t.test('5.3: to a follower that does not answer it goes on sending', async t => {
  const one = new One().lead()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 1))
  const before = one.said('append').filter(({ to }) => to === 'b').length
  one.raft.propose(text.encode('x'))
  one.go().tick(5)
  one.hear({ type: 'heartbeatResponse', from: 'b', to: 'a', term: 1, round: 1 })
  t.equal(one.said('append').filter(({ to }) => to === 'b').length, before + 2, 'a second time once it is heard without an acknowledgement')
})

t.test('5.3: what is committed commits all before it, of former leaders too', async t => {
  const one = new One({ term: 2, log: '1 1 2' }).lead()
  for (const from of ['b', 'c']) one.hear(has(from, 3, 4))
  t.same(
    one.applied.map(({ term }) => term),
    [1, 1, 2, 3]
  )
})

t.test('5.3: the leader tells how far is committed, and a follower applies that far, in order', async t => {
  const one = new One({ term: 1, log: '1 1 1' }).hear(append(1, [3, 1], [], 2))
  t.same(
    one.applied.map(({ index }) => index),
    [1, 2]
  )
})

t.test('5.3: an entry of one index and term is made once: a leader makes one entry an index, and never moves it', async t => {
  const one = new One({ term: 4, log: '1 4' }).lead()
  for (const word of ['x', 'y']) one.raft.propose(text.encode(word))
  t.equal(one.go().terms, '1 4 5 5 5')
})

t.test('5.3: a follower refuses what follows an entry that it has not', async t => {
  const one = new One({ term: 2, log: '1 1' })
  one.hear(append(2, [3, 1], [entry(4, 2)]), append(2, [2, 2], [entry(3, 2)]))
  t.same(
    one.said('appendResponse').map(({ rejected }) => rejected),
    [true, true]
  )
  t.equal(one.terms, '1 1')
})

t.test('5.3: what contradicts the leader is replaced, from the first entry that does', async t => {
  const one = new One({ term: 3, log: '1 1 2 2 2' }).hear(append(4, [2, 1], [entry(3, 3), entry(4, 4)]))
  t.equal(one.terms, '1 1 3 4')
  const same = new One({ term: 3, log: '1 1 3 3' }).hear(append(3, [1, 1], [entry(2, 1)]))
  t.equal(same.terms, '1 1 3 3', 'what agrees stays, and all after it')
})

t.test('5.3: a leader begins with the index after its last', async t => {
  const one = new One({ term: 1, log: '1 1 1' }).lead()
  t.match(one.last('append'), { prevIndex: 3, prevTerm: 1 })
})

t.test('5.3: after a refusal it goes back, until the logs agree', async t => {
  const one = new One({ term: 4, log: '1 1 4 4' }).lead()
  one.hear({ type: 'appendResponse', from: 'b', to: 'a', term: 5, index: 4, rejected: true, hintIndex: 3, hintTerm: 2 })
  t.match(one.last('append'), { to: 'b', prevIndex: 2, prevTerm: 1 }, 'a term of conflict at a time')
})

t.test('5.3: a leader never replaces or deletes of its own log', async t => {
  const one = new One({ term: 2, log: '1 2' }).lead()
  const before = one.terms
  t.throws(() => one.hear(append(3, [1, 1], [entry(2, 3)])), /a term has one leader/, 'nor would another of its term')
  one.hear(append(2, [1, 1], [entry(2, 9)]))
  t.ok(one.terms.startsWith(before))
})

t.test('5.3: one slow follower holds up nobody', async t => {
  const one = new One().lead()
  one.raft.propose(text.encode('x'))
  one.go()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 2))
  t.equal(one.applied.length, 2)
})

// 5.4 ---------------------------------------------------------------------------------------------------------

t.test('5.4.1: a voter refuses a candidate whose log is less up to date: the later last term wins, then the longer log', async t => {
  for (const [mine, theirs, granted] of [
    ['1 2', [1, 2], false],
    ['1 2', [2, 2], true],
    ['1 2', [9, 1], false],
    ['1 1 1', [1, 2], true],
    ['', [0, 0], true],
    ['1', [0, 0], false]
  ] as const) {
    const one = new One({ term: 5, log: mine }).hear(vote(6, [...theirs]))
    t.equal(one.last('voteResponse')?.granted, granted, `${mine} and ${theirs}`)
  }
})

t.test('5.4.1: entries flow from leaders to followers only', async t => {
  const one = new One({ term: 3, log: '1 2' })
  one.raft.campaign()
  one.go().hear(vote(9, [9, 8]), beat(9))
  t.equal(one.said('append').length, 0)
})

t.test('5.4.2: an entry of a former term is not committed by counting; with one of its own it is', async t => {
  const one = new One({ term: 2, log: '1 2' }).lead()
  for (const from of ['b', 'c', 'd', 'e']) one.hear(has(from, 3, 2))
  t.equal(one.applied.length, 0, 'all have it')
  for (const from of ['b', 'c']) one.hear(has(from, 3, 3))
  t.equal(one.applied.length, 3)
})

t.test('5.4.2: an entry keeps its term when a later leader sends it', async t => {
  const one = new One({ term: 2, log: '1 2' }).lead()
  one.hear({ type: 'appendResponse', from: 'b', to: 'a', term: 3, index: 2, rejected: true, hintIndex: 0, hintTerm: 0 })
  t.same(
    one.last('append')?.entries.map(({ term }) => term),
    [1, 2, 3]
  )
})

t.test("5.4.3: who voted for a leader after it acknowledged an entry found that entry in the leader's log", async t => {
  const one = new One({ term: 2, log: '1' }).hear(append(2, [1, 1], [entry(2, 2)]))
  t.match(one.last('appendResponse'), { index: 2, rejected: false })
  one.tick(60) // It no longer stands by b.
  one.hear(vote(9, [1, 1], 'c'))
  t.equal(one.last('voteResponse')?.granted, false)
})

t.test('5.4.3: an acknowledgement and a vote are on disk before they are told', async t => {
  const one = new One({ term: 2, log: '1' })
  one.raft.step(append(2, [1, 1], [entry(2, 2)]))
  const ready = one.raft.ready()
  t.same([ready.messagesBeforeSave, ready.entries.length, ready.mustSync], [[], 1, true])
  t.match(ready.messagesAfterSave, [{ type: 'appendResponse', index: 2 }])
})

// 5.5, 5.6 ----------------------------------------------------------------------------------------------------

t.test('5.5: to hear the same request twice does no harm', async t => {
  const request = append(1, [0, 0], [entry(1, 1), entry(2, 1)], 1)
  const one = new One({ term: 1 }).hear(request, request, append(1, [0, 0], [entry(1, 1)], 1))
  t.same([one.terms, one.applied.length], ['1 1', 1])
  one.hear(request)
  t.match(one.last('appendResponse'), { rejected: false })
})

t.test('5.5: a candidate asks again who did not answer', async t => {
  const one = new One({ term: 1 })
  one.raft.campaign()
  one.go().tick(40)
  t.ok(one.said('preVote').filter(({ to }) => to === 'e').length >= 2)
})

t.test('5.6: safety does not depend on time: a leader that ticks slowly commits nothing alone', async t => {
  const one = new One().lead()
  one.raft.propose(text.encode('x'))
  one.go().tick(30)
  t.equal(one.applied.length, 0)
})

// 6 -----------------------------------------------------------------------------------------------------------

const five = (change: { kind: 'addVoter' | 'addLearner' | 'remove'; member: string }): One => {
  const one = new One().lead()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 1))
  t.ok(one.raft.proposeChange(change).accepted)
  return one
}

/** Acknowledged by b and c, and applied. */
function decide(one: One, index: number): void {
  for (const from of ['b', 'c']) one.raft.step(has(from, 1, index))
  const ready = one.raft.ready()
  for (const each of ready.committed) if (each.kind === 'config') one.raft.applyChange(each)
  one.raft.saved()
  one.go()
}

t.test('6: a change of members goes through the log, one at a time, so that two majorities share a member', async t => {
  for (let size = 1; size < 10; size++) t.ok(majority(size) + majority(size + 1) > size + 1, `${size} and one more`)
  const one = five({ kind: 'addVoter', member: 'f' })
  t.same(one.raft.proposeChange({ kind: 'addVoter', member: 'g' }), { accepted: false, reason: 'a change is pending', leader: 'a' })
})

t.test('6: a new server is brought up to date before it counts', async t => {
  const one = five({ kind: 'addLearner', member: 'f' })
  one.go()
  decide(one, 2)
  one.raft.propose(text.encode('x'))
  one.go().hear(has('f', 1, 3), has('b', 1, 3))
  t.equal(one.raft.status().commit, 2)
  one.hear(has('c', 1, 3))
  t.equal(one.raft.status().commit, 3)
})

t.test('6: a leader that is not in the new configuration steps down once that is committed', async t => {
  const one = five({ kind: 'remove', member: 'a' })
  one.go()
  t.ok(one.raft.isLeader)
  decide(one, 2)
  t.notOk(one.raft.isLeader)
  one.tick(200)
  t.equal(one.said('preVote').filter(({ term }) => term > 1).length, 0, 'and asks for no votes')
})

t.test('6: servers take requests of a leader and of candidates that are not in their configuration', async t => {
  const one = new One().hear(append(3, [0, 0], [entry(1, 3)], 0, 'z'))
  t.match(one.last('appendResponse'), { to: 'z', index: 1, rejected: false })
  const voter = new One().hear(vote(3, [0, 0], 'z'))
  t.match(voter.last('voteResponse'), { to: 'z', granted: true })
})

t.test('6: a removed server does not disturb: no vote within an election timeout of hearing the leader', async t => {
  const one = new One({ term: 1 })
    .hear(beat(1))
    .tick(20)
    .hear(vote(9, [9, 8], 'z'))
  t.same([one.raft.term, one.said('voteResponse').length], [1, 0])
})

// 6, joint consensus ------------------------------------------------------------------------------------------

const several = (...changes: (readonly [MembershipChange['kind'], string])[]): JointChange => ({
  kind: 'joint',
  changes: changes.map(([kind, member]) => ({ kind, member }))
})
/** From a to e, of whom a stays, to a, f and g. */
const toThree = several(['remove', 'b'], ['remove', 'c'], ['remove', 'd'], ['remove', 'e'], ['addVoter', 'f'], ['addVoter', 'g'])
/** From all of them to f, g and h. */
const toOthers = several(...voters.map(voter => ['remove', voter] as const), ['addVoter', 'f'], ['addVoter', 'g'], ['addVoter', 'h'])

/** Leads, and has applied the joint membership: entry 2. */
function joint(change = toThree, limits: Partial<RaftLimits> = {}): One {
  const one = new One({}, limits).lead()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 1))
  t.match(one.raft.proposeChange(change), { accepted: true, index: 2 })
  one.go()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 2))
  return one
}

const kinds = (one: One): string[] =>
  one.raft
    .entries(2, 1e9)
    .map(({ kind, data }) =>
      kind === 'normal' ? new TextDecoder().decode(data) : (JSON.parse(new TextDecoder().decode(data)).kind as string)
    )

/** A member that campaigns in the joint membership: it has applied it, and its leader is silent. */
function candidate(change = toThree): One {
  const data = encodeChange(change, '')
  const one = new One().hear(append(1, [0, 0], [entry(1, 1), { index: 2, term: 1, kind: 'config', data }], 2))
  one.raft.peerDown('b')
  one.raft.campaign()
  return one.go()
}

const grant = (one: One, ...froms: string[]): void => {
  for (const type of ['preVote', 'vote'] as const) {
    const asked = one.last(type)
    if (asked === undefined) return
    for (const from of froms)
      one.hear({ type: `${type}Response`, from, to: 'a', term: asked.term, campaign: asked.campaign, granted: true })
  }
}

t.test('6: entries go to all servers of both configurations', async t => {
  const one = joint(several(['remove', 'b'], ['remove', 'c'], ['addVoter', 'f'], ['addLearner', 'g']))
  for (const id of ['d', 'e', 'f', 'g']) one.hear({ type: 'heartbeatResponse', from: id, to: 'a', term: 1, round: 1 })
  const asked = new Set(one.said('append').map(message => message.to))
  t.same(asked, new Set(['b', 'c', 'd', 'e', 'f', 'g']))
})

t.test('6: agreement on entries needs a majority of both, each by itself', async t => {
  const tables: readonly (readonly [string, boolean])[] = [
    ['b c d e', false], // All before, and of those to come the leader alone.
    ['f g', false], // All to come, and of those before the leader alone.
    ['b f', false], // Two of five.
    ['b c', false],
    ['b c f', true],
    ['d e g', true]
  ]
  for (const [holders, committed] of tables) {
    const one = joint()
    t.match(one.raft.propose(text.encode('x')), { accepted: true, index: 4 })
    one.go()
    for (const from of holders.split(' ')) one.hear(has(from, 1, 4))
    t.equal(one.raft.status().commit, committed ? 4 : 2, holders)
  }
})

t.test('6: an election needs a majority of both, each by itself', async t => {
  const tables: readonly (readonly [string, boolean])[] = [
    ['b c d e', false],
    ['f g', false],
    ['b f g', false],
    ['b c', false],
    ['b c f', true],
    ['d e g', true]
  ]
  for (const [granting, wins] of tables) {
    const one = candidate()
    t.same(new Set(one.said('preVote').map(({ to }) => to)), new Set(['b', 'c', 'd', 'e', 'f', 'g']), 'all are asked')
    grant(one, ...granting.split(' '))
    t.equal(one.raft.isLeader, wins, granting)
  }
})

t.test('6: a read is confirmed, and a leader stays in office, by a majority of both', async t => {
  const one = joint()
  one.raft.readIndex(1)
  one.go()
  const { round } = one.said('heartbeat').findLast(message => message.round > 0) as Of<'heartbeat'>
  const answer = (from: string): Message => ({ type: 'heartbeatResponse', from, to: 'a', term: 1, round })
  one.hear(...['b', 'c', 'd', 'e'].map(answer))
  t.same(one.reads, [])
  one.hear(answer('g'))
  t.same(one.reads, [2])

  const limits = { heartbeatTicks: 1, electionTicks: 10 }
  for (const [heard, stays] of [
    ['b c d e', false],
    ['f g', false],
    ['b c f', true]
  ] as const) {
    const other = joint(toThree, limits).tick(10) // New members have had no chance to be heard.
    for (let i = 0; i < 10; i++) {
      for (const from of heard.split(' ')) other.hear({ type: 'heartbeatResponse', from, to: 'a', term: 1, round: 1 })
      other.tick(1)
    }
    t.equal(other.raft.isLeader, stays, heard)
  }
})

t.test('6: any server of either configuration may lead; one that goes counts among those before alone', async t => {
  const one = candidate(toOthers)
  grant(one, 'b', 'c', 'f', 'g')
  t.ok(one.raft.isLeader, 'a goes, and leads until then')
  one.hear(has('b', 2, 3), has('f', 2, 3), has('g', 2, 3))
  t.equal(one.raft.status().commit, 2, 'a and b are two of five')
  one.hear(has('c', 2, 3))
  t.equal(one.raft.status().commit, 3)
})

t.test('6: once the joint configuration is committed, and only then, its leader creates the entry of the new one', async t => {
  const one = new One().lead()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 1))
  one.raft.proposeChange(toThree)
  one.go().hear(has('f', 1, 2), has('g', 1, 2), has('b', 1, 2))
  t.same(kinds(one), ['joint'], 'two of the five before')
  one.hear(has('c', 1, 2))
  t.same(kinds(one), ['joint', 'leave'])
  t.same(one.raft.membership, { voters: ['a', 'f', 'g'], learners: [], removed: [], outgoing: voters })
  one.hear(has('b', 1, 3), has('c', 1, 3))
  t.match(one.raft.membership, { outgoing: voters }, 'both decide that, too')
  one.hear(has('g', 1, 3))
  t.same(one.raft.membership, { voters: ['a', 'f', 'g'], learners: [], removed: ['b', 'c', 'd', 'e'] })
  t.same(kinds(one), ['joint', 'leave'], 'once')
})

t.test('6: a new leader has the joint configuration left once it has applied all that it began with', async t => {
  const one = candidate()
  grant(one, 'b', 'c', 'f')
  t.same(kinds(one), ['joint', ''], 'its own entry first')
  one.hear(has('b', 2, 3), has('c', 2, 3), has('f', 2, 3))
  t.same(kinds(one), ['joint', '', 'leave'])

  // Elected by those before: it holds the change, and does not know that it is committed.
  const data = encodeChange(toThree, '')
  const other = new One().hear(append(1, [0, 0], [entry(1, 1), { index: 2, term: 1, kind: 'config', data }], 1))
  other.raft.peerDown('b')
  other.raft.campaign()
  other.go()
  grant(other, 'b', 'c')
  t.ok(other.raft.isLeader)
  t.match(other.raft.proposeChange({ kind: 'addLearner', member: 'h' }), { accepted: false, reason: 'a change is pending' })
  other.hear(has('b', 2, 3), has('c', 2, 3))
  t.same(kinds(other), ['joint', '', 'leave'])
  t.equal(other.raft.status().commit, 3)
})

t.test('6: no time at which both decide by themselves: nothing else changes while it is joint', async t => {
  const one = joint()
  for (const change of [{ kind: 'addVoter', member: 'x' }, { kind: 'remove', member: 'f' }, toOthers] as const)
    t.match(one.raft.proposeChange(change), { accepted: false, reason: 'a change is pending' })
  t.match(one.raft.transferLeadership('b'), { accepted: false, reason: 'is no voter' }, 'who goes is not to lead')
  t.match(one.raft.transferLeadership('g'), { accepted: true })
})

t.test(
  '6: a leader that is not of the new configuration hands over before, again and again; one that has it decided steps down',
  async t => {
    const limits = { heartbeatTicks: 1, electionTicks: 4 }
    const one = joint(toOthers, limits)
    const all = ['b', 'c', 'd', 'e', 'f', 'g', 'h']
    const live = (): void => {
      one.tick(1)
      const { lastIndex } = one.raft.status()
      for (const from of all) one.hear({ type: 'heartbeatResponse', from, to: 'a', term: 1, round: 1 }, has(from, 1, lastIndex))
    }
    for (let i = 0; i < 40; i++) live()
    const told = one.said('timeoutNow').map(({ to }) => to)
    t.ok(told.length > 2 && told.every(to => ['f', 'g', 'h'].includes(to)), `${told}`)
    t.same(kinds(one), ['joint'], 'in vain: it is not left')
    let taken = 0
    for (let i = 0; i < 16; i++) {
      if (one.raft.propose(text.encode('x')).accepted) taken++
      live()
    }
    t.ok(taken > 4, 'writes are taken in between')

    // The entry of a leader that stayed, committed by one that does not.
    const leave = { index: 3, term: 1, kind: 'config', data: encodeChange({ kind: 'leave' }, '') } as const
    const config = { index: 2, term: 1, kind: 'config', data: encodeChange(toOthers, '') } as const
    const other = new One().hear(append(1, [0, 0], [entry(1, 1), config, leave], 2))
    other.raft.peerDown('b')
    other.raft.campaign()
    grant(other.go(), 'b', 'c', 'f', 'g')
    other.hear(...['b', 'c', 'f', 'g'].map(from => has(from, 2, 4)))
    t.match(other.raft.status(), { role: 'follower', commit: 4, membership: { voters: ['f', 'g', 'h'], removed: voters } })
    const news = other.said('heartbeat').filter(({ commit }) => commit === 4)
    t.same(
      new Set(news.map(({ to }) => to).filter(to => ['f', 'g', 'h'].includes(to))).size >= 2,
      true,
      'whoever has it hears that it is committed'
    )
  }
)

// 7 -----------------------------------------------------------------------------------------------------------

const snapshot = (index: number, term: number): Message => ({
  type: 'snapshot',
  from: 'b',
  to: 'a',
  term: 5,
  snapshot: { meta: { index, term, membership: foundedBy(['a', 'b', 'c']) } }
})

t.test('7: a snapshot has the last index and term it covers, and the newest configuration', async t => {
  const one = new One({ term: 1, log: '1 1', commit: 2 }).go()
  t.same(one.raft.snapshotMeta(), { index: 2, term: 1, membership: foundedBy(voters) })
})

t.test('7: one of what a follower lacks replaces its whole log; one of what it has does not', async t => {
  const one = new One({ term: 4, log: '1 1 2 2' }).hear(snapshot(9, 5))
  t.same([one.terms, one.raft.status().commit, one.raft.membership.voters], ['', 9, ['a', 'b', 'c']])
  const other = new One({ term: 4, log: '1 1 2 2' }).hear(snapshot(3, 2))
  t.same([other.terms, other.raft.status().commit], ['1 1 2 2', 3])
})

// 8 -----------------------------------------------------------------------------------------------------------

t.test('8: a leader begins its term with an entry of no effect, and so learns what is committed', async t => {
  const one = new One({ term: 2, log: '1 2' }).lead()
  t.match(one.raft.entries(3, 1e9), [{ term: 3, data: { length: 0 } }])
})

t.test('8: before a read a leader has committed an entry of its term', async t => {
  const one = new One({ term: 2, log: '1 2' }).lead()
  one.raft.readIndex(1)
  one.go()
  for (const from of ['b', 'c', 'd', 'e']) one.hear({ type: 'heartbeatResponse', from, to: 'a', term: 3, round: 9 })
  t.same(one.reads, [])
  for (const from of ['b', 'c']) one.hear(has(from, 3, 3))
  const { round } = one.last('heartbeat') as Of<'heartbeat'>
  for (const from of ['d', 'e']) one.hear({ type: 'heartbeatResponse', from, to: 'a', term: 3, round: Math.max(round, 10) })
  t.same(one.reads, [3])
})

t.test('8: before a read it has heard a majority after the read was asked: it may be deposed and not know', async t => {
  const one = new One().lead()
  for (const from of ['b', 'c']) one.hear(has(from, 1, 1))
  one.raft.readIndex(1)
  one.go()
  const { round } = one.said('heartbeat').findLast(message => message.round > 0) as Of<'heartbeat'>
  one.hear({ type: 'heartbeatResponse', from: 'b', to: 'a', term: 1, round })
  one.hear({ type: 'heartbeatResponse', from: 'c', to: 'a', term: 1, round: round - 1 })
  t.same(one.reads, [])
  one.hear({ type: 'heartbeatResponse', from: 'c', to: 'a', term: 1, round })
  t.same(one.reads, [1])
})

t.test('§5.3: who has a committed entry has all before it, whoever says that it is committed', async t => {
  const one = new One({ term: 3, log: '1 1 2' })
  for (const [index, term] of [
    [3, 1], // Another entry of that place.
    [9, 2], // Not here.
    [0, 0] // Nothing.
  ] as const) {
    one.raft.learn({ index, term })
    t.same(one.go().applied, [], `${index} of term ${term}`)
  }
  one.raft.learn({ index: 2, term: 1 })
  t.same(
    one.go().applied.map(({ index }) => index),
    [1, 2]
  )
  t.same(one.raft.decided, { index: 2, term: 1 })
  one.raft.learn({ index: 1, term: 1 })
  t.same(one.raft.decided, { index: 2, term: 1 }, 'what is known is not forgotten')
  const leader = new One({ term: 2, log: '1 2' }).lead()
  t.match(leader.raft.status(), { uncommittedBytes: 2, commit: 0 })
  leader.raft.learn({ index: 2, term: 2 })
  t.match(leader.go().raft.status(), { uncommittedBytes: 0, commit: 2 }, 'a leader has room for as much again')
})
