// Members that come, go and lose their past, at one member by itself.

import t from 'tap'
import { machineOf } from '../../lib/actor/index.js'
import { foundedBy, type Membership } from '../../lib/raft/index.js'
import { planReplacement } from '../../lib/store/index.js'
import { alone, Bench, BenchDisk, heardFrom, leading, peers, self, snapshotOf } from './bench.js'

const fourth = 'control-3/store'
const addresses = (answer: { members: { address: string; isLearner: boolean }[] }): string[] =>
  answer.members.map(({ address, isLearner }) => (isLearner ? `${address} (learner)` : address))

/** Three members, both others heard, everything committed. */
function healthy(args = {}): Bench {
  const bench = leading(args)
  for (const peer of peers) heardFrom(bench, peer, lastOf(bench))
  return bench
}

const lastOf = (bench: Bench): number => bench.answer(bench.put('log', { index: 1 })).lastIndex

/** Both peers have all. */
function commit(bench: Bench): void {
  bench.settle()
  for (const peer of peers) heardFrom(bench, peer, lastOf(bench))
}

t.test('a learner is added, promoted when in sync, and removed for ever', async t => {
  const bench = healthy()
  const add = bench.put('addMember', { address: fourth, isLearner: true })
  bench.settle()
  t.notOk(bench.answer(add), 'not before it is committed')
  commit(bench)
  t.same(addresses(bench.answer(add)), [self, ...peers, `${fourth} (learner)`])
  t.ok(
    bench.messages().some(message => message.type === 'append' && message.to === fourth),
    'it is sent the log'
  )
  const early = bench.put('promoteMember', { address: fourth })
  t.match(bench.failure(early), { code: 'learner not ready', definite: true })
  const second = bench.put('addMember', { address: 'control-4/store', isLearner: true })
  t.match(bench.failure(second), { code: 'too many learners' })
  heardFrom(bench, fourth, lastOf(bench))
  const promote = bench.put('promoteMember', { address: fourth })
  const again = bench.put('promoteMember', { address: fourth })
  t.match(bench.failure(again), { code: 'overloaded', detail: 'a change is pending' })
  commit(bench)
  t.same(addresses(bench.answer(promote)), [self, ...peers, fourth])
  const write = bench.write('a')
  bench.settle()
  heardFrom(bench, peers[0], lastOf(bench))
  t.notOk(bench.answer(write), 'two of four are no majority')
  heardFrom(bench, fourth, lastOf(bench))
  t.ok(bench.answer(write))
  const remove = bench.put('removeMember', { address: fourth })
  commit(bench)
  t.same(addresses(bench.answer(remove)), [self, ...peers])
  t.match(bench.failure(bench.put('addMember', { address: fourth, isLearner: false })), {
    code: 'member exists',
    detail: 'an address that was removed is never used again'
  })
  bench.raft({ type: 'preVote', from: fourth, to: self, term: 99, campaign: 1, lastIndex: 99, lastTerm: 98 })
  t.match(bench.effects.at(-1), { kind: 'tell', to: fourth, type: 'removed' }, 'it is told')
})

t.test("etcd's strict checks: what could leave too few is refused", async t => {
  const bench = healthy()
  const list = bench.put('members', undefined)
  bench.settle()
  const beat = bench.messages().findLast(message => message.type === 'heartbeat' && message.round > 0)
  if (beat?.type !== 'heartbeat') return t.fail('no round')
  bench.raft({ type: 'heartbeatResponse', from: peers[0], to: self, term: beat.term, round: beat.round })
  bench.settle()
  t.same(
    bench.answer(list).members,
    [self, ...peers].map(address => ({ address, isLearner: false, isStarted: true }))
  )
  t.match(bench.failure(bench.put('addMember', { address: self, isLearner: false })), { code: 'member exists' })
  t.match(bench.failure(bench.put('addMember', { address: 'no address', isLearner: false })), { code: 'invalid' })
  t.match(bench.failure(bench.put('removeMember', { address: fourth })), { code: 'member not found' })
  t.match(bench.failure(bench.put('promoteMember', { address: fourth })), { code: 'member not found' })
  t.match(bench.failure(bench.put('promoteMember', { address: peers[0] })), { code: 'not learner' })
  t.match(bench.failure(bench.put('transferLeadership', { to: fourth })), { code: 'bad leader transferee' })
  t.match(bench.answer(bench.put('transferLeadership', { to: self })), {})

  const half = leading() // The second peer was never heard.
  t.match(half.failure(half.put('addMember', { address: fourth, isLearner: true })), { code: 'unhealthy' })
  t.match(half.failure(half.put('addMember', { address: fourth, isLearner: false })), { code: 'not enough started members' })
  t.match(half.failure(half.put('removeMember', { address: peers[0] })), { code: 'not enough started members' })
  const dead = half.put('removeMember', { address: peers[1] })
  half.settle()
  heardFrom(half, peers[0], lastOf(half))
  t.same(addresses(half.answer(dead)), [self, peers[0]], 'one that is down takes nothing with it')

  const lone = alone()
  t.match(lone.failure(lone.put('removeMember', { address: self })), { code: 'not enough started members' })
  const grown = lone.put('addMember', { address: fourth, isLearner: false })
  lone.settle()
  t.same(addresses(lone.answer(grown)), [self, fourth])
  const write = lone.write('a')
  lone.settle()
  t.notOk(lone.answer(write), 'it needs the other from now on')
})

// Several at once --------------------------------------------------------------------------------------------

const [d = '', e = '', f = ''] = [fourth, 'control-4/store', 'control-5/store']

t.test('what is to be done next of a replacement, or why it cannot be', async t => {
  const three = foundedBy([self, ...peers])
  const learning = (...learners: string[]): Membership => ({ ...three, learners })
  const add = (...members: string[]) => members.map(member => ({ kind: 'addLearner', member }) as const)
  const swap = (come: string[], go: string[]) => ({
    kind: 'joint',
    changes: [...come.map(member => ({ kind: 'promote', member })), ...go.map(member => ({ kind: 'remove', member }))]
  })
  interface Case {
    readonly add?: string[]
    readonly remove?: string[]
    readonly of?: Membership
    readonly away?: string[]
    readonly behind?: Record<string, number>
    readonly saved?: number
    readonly gives: object
  }
  const all = [d, e, f]
  const cases: Readonly<Record<string, Case>> = {
    'nothing to do': { gives: { code: 'invalid', detail: /nobody is to come/ } },
    'no address': { add: ['Control'], gives: { code: 'invalid', detail: /machine\/actor/ } },
    'more than a store should have': {
      add: Array.from({ length: 8 }, (_, at) => `m/n${at}`),
      gives: { code: 'invalid', detail: /at most 7/ }
    },
    'comes and goes': { add: [d], remove: [d], gives: { code: 'invalid', detail: /named twice/ } },
    'was removed': { add: [d], of: { ...three, removed: [d] }, gives: { code: 'member exists', detail: /name another/ } },
    'nobody knows it': { add: [d], remove: ['m/x'], gives: { code: 'member not found', detail: /m\/x/ } },
    'three learn, with one change': {
      add: all,
      remove: [...peers],
      gives: { step: 'learning', change: { kind: 'joint', changes: add(...all) } }
    },
    'one learns': { add: [d], remove: [self], gives: { step: 'learning', change: add(d)[0] as object } },
    'the others learn': { add: all, of: learning(d), gives: { step: 'learning', change: { changes: add(e, f) } } },
    'too many learn': { add: all, of: learning('m/1', 'm/2', 'm/3', 'm/4', 'm/5'), gives: { code: 'too many learners', detail: /m\/5/ } },
    'who stays is away': {
      add: [d],
      remove: [self],
      away: [peers[1]],
      gives: { code: 'unhealthy', detail: /control-2\/store does not answer/ }
    },
    'who goes is away': { add: [d], remove: [peers[1]], away: [peers[1]], gives: { step: 'learning', change: add(d)[0] as object } },
    'no majority answers': { add: [d], remove: [...peers], away: [...peers], gives: { code: 'unhealthy' } },
    'a learner is behind': {
      add: all,
      remove: [self],
      of: learning(...all),
      behind: { [e]: 20 },
      gives: { step: 'learning', change: undefined }
    },
    'of a long log by a twentieth': {
      add: [d],
      remove: [self],
      of: learning(d),
      saved: 1e6,
      behind: { [d]: 5e4 },
      gives: { step: 'learning', change: undefined }
    },
    'a learner is nearly there': {
      add: all,
      remove: [self, ...peers],
      of: learning(...all),
      behind: { [e]: 10 },
      gives: { step: 'joint', change: swap(all, [self, ...peers]) }
    },
    'a learner that is ready is away': { add: [d], remove: [self], of: learning(d), away: [d], gives: { code: 'unhealthy' } },
    'one that stays is away': {
      add: [d],
      remove: [self],
      of: learning(d),
      away: [peers[0]],
      gives: { step: 'joint', change: swap([d], [self]) }
    },
    'too few would answer': { remove: [self], away: [peers[0]], gives: { code: 'unhealthy' } },
    'nobody would vote': { remove: [self, ...peers], gives: { code: 'not enough started members' } },
    'some only go': { remove: [...peers], gives: { step: 'joint', change: swap([], [...peers]) } },
    'one only goes': { remove: [peers[0]], gives: { step: 'replaced', change: { kind: 'remove', member: peers[0] } } },
    'one only comes': { add: [d], of: learning(d), gives: { step: 'replaced', change: { kind: 'promote', member: d } } },
    'some only come': { add: [d, e], of: learning(d, e), gives: { step: 'joint', change: swap([d, e], []) } },
    'a learner goes': { remove: [d], of: learning(d), gives: { step: 'replaced', change: { kind: 'remove', member: d } } },
    'it is joint': { add: all, remove: [self], of: { ...three, outgoing: [self] }, gives: { step: 'joint', change: undefined } },
    'it is done': { add: [self], remove: [d], of: { ...three, removed: [d] }, gives: { step: 'replaced', change: undefined } }
  }
  for (const [name, { add: come = [], remove = [], of = three, away = [], behind = {}, saved = 100, gives }] of Object.entries(cases)) {
    const view = {
      membership: of,
      saved,
      has: (address: string) => saved - (behind[address] ?? 0),
      isHealthy: (address: string) => !away.includes(address)
    }
    t.match(planReplacement({ add: come, remove }, view), gives, name)
  }
})

t.test('three members are replaced by three others: they learn, join, and those before are gone once that is left', async t => {
  const bench = healthy({ supervisor: 'root/cluster' })
  const wish = { add: [d, e, f], remove: [self, ...peers] }
  const first = bench.put('replaceMembers', wish)
  commit(bench)
  t.match(bench.answer(first), { step: 'learning', learning: wish.add.map(address => ({ address, has: 0 })) })
  for (const peer of peers) heardFrom(bench, peer, lastOf(bench))
  t.same(addresses(bench.answer(first)), [self, ...peers, ...wish.add.map(address => `${address} (learner)`)])
  const early = bench.put('replaceMembers', wish)
  t.match(bench.answer(early), { step: 'learning' }, 'nothing is done that need not be')
  const at = lastOf(bench)
  for (const learner of wish.add) heardFrom(bench, learner, at)
  const second = bench.put('replaceMembers', wish)
  t.match(bench.failure(bench.put('replaceMembers', wish)), { code: 'overloaded', detail: 'a change is pending' })
  commit(bench)
  t.match(bench.answer(second), { step: 'joint', learning: [] })
  t.same(
    bench.answer(second).members.map(({ address, isLeaving }: any) => [address, isLeaving === true]),
    [...wish.add.map(address => [address, false]), ...[self, ...peers].map(address => [address, true])],
    'both sides are members'
  )
  t.match(bench.answer(bench.put('replaceMembers', wish)), { step: 'joint' })
  t.match(bench.failure(bench.put('removeMember', { address: peers[0] })), { code: 'overloaded', detail: 'a change is pending' })
  const displaced = (): string[] =>
    bench.effects.flatMap(effect =>
      effect.kind === 'tell' && effect.type === 'displace' ? [(effect.body as { address: string }).address] : []
    )
  t.same(displaced(), [], 'who votes until it is left runs until then')
  const write = bench.write('a')
  commit(bench)
  t.notOk(bench.answer(write), 'those before are not enough')
  for (const learner of [d, e]) heardFrom(bench, learner, lastOf(bench))
  t.ok(bench.answer(write))
  heardFrom(bench, f, lastOf(bench))
  bench.tick(10)
  const told = bench.messages().findLast(message => message.type === 'timeoutNow')
  t.ok(told !== undefined && wish.add.includes(told.to), `it hands over before it goes: ${told?.to}`)
})

t.test('who stays goes on leading, and ends those that were replaced', async t => {
  const bench = healthy({ supervisor: 'root/cluster' })
  const wish = { add: [d, e], remove: [...peers] }
  bench.put('replaceMembers', wish)
  commit(bench)
  for (const peer of peers) heardFrom(bench, peer, lastOf(bench))
  for (const learner of wish.add) heardFrom(bench, learner, lastOf(bench))
  const joined = bench.put('replaceMembers', wish)
  commit(bench)
  const done = bench.put('replaceMembers', wish)
  t.match([bench.answer(joined), bench.answer(done)], [{ step: 'joint' }, { step: 'joint' }])
  for (const member of [...peers, ...wish.add]) heardFrom(bench, member, lastOf(bench))
  const last = bench.put('replaceMembers', wish)
  t.match(bench.answer(last), { step: 'replaced', learning: [] })
  t.same(addresses(bench.answer(last)), [self, d, e])
  t.same(
    bench.logs('membership changed').map(({ kind, voters, outgoing }) => [kind, voters, outgoing]),
    [
      ['joint', [self, ...peers].join(' '), [self, ...peers].join(' ')],
      ['leave', [self, ...peers].join(' '), undefined],
      ['joint', [self, d, e].join(' '), [self, ...peers].join(' ')],
      ['leave', [self, d, e].join(' '), undefined]
    ]
  )
  const displaced = bench.effects.flatMap(effect =>
    effect.kind === 'tell' && effect.type === 'displace' ? [(effect.body as { address: string }).address] : []
  )
  t.same(new Set(displaced), new Set(peers))
  bench.raft({ type: 'preVote', from: peers[0], to: self, term: 99, campaign: 1, lastIndex: 99, lastTerm: 98 })
  t.match(bench.effects.at(-1), { kind: 'tell', to: peers[0], type: 'removed' })
})

t.test('members outlive a restart, in the log and in a snapshot', async t => {
  for (const entriesMax of [1, 1000]) {
    const disk = new BenchDisk()
    const args = { snapshots: { entriesMax, bytesMax: 1 << 20 } }
    const bench = alone(disk, args)
    bench.put('addMember', { address: fourth, isLearner: true })
    bench.settle()
    bench.write('a')
    bench.settle()
    bench.settle()
    const next = alone(disk, args, 2)
    const list = next.put('members', undefined)
    next.settle()
    t.same(addresses(next.answer(list)), [self, `${fourth} (learner)`])
    t.match(next.answer(next.put('status', undefined)), { isLearner: false })
  }
})

t.test('a leader that was removed answers, says what is committed, and stops; its next life does not begin', async t => {
  const disk = new BenchDisk()
  const bench = new Bench([self, ...peers], disk, { supervisor: 'root/cluster', beside: [{ actor: 'etcd', args: 'its' }] })
  bench.tick(60)
  for (const type of ['preVote', 'vote'] as const) {
    const request = bench.messages().findLast(message => message.type === type)
    if (request?.type !== type) return t.fail('no campaign')
    const { term, campaign } = request
    bench.raft({ type: `${type}Response`, from: peers[0], to: self, term, campaign, granted: true })
    bench.settle()
  }
  const placed = (): number =>
    bench.effects.filter(({ kind, type, body }: any) => kind === 'tell' && type === 'place' && body.address === peers[1]).length
  const once = placed()
  for (let i = 0; i < 100 && placed() === once; i++) {
    heardFrom(bench, peers[0], lastOf(bench)) // Else it leads no more.
    bench.tick()
  }
  t.ok(placed() > once, 'and asks again for one that it never hears')
  commit(bench)
  for (const [address, actor] of [
    [self, 'store'],
    [`${machineOf(self)}/etcd`, 'etcd']
  ])
    t.match(
      bench.effects.find(({ kind, type, body }: any) => kind === 'tell' && type === 'place' && body.address === address),
      { to: 'root/cluster', body: { actor, thread: self } },
      `who leads has its members run, and what is beside them in their threads: ${actor}`
    )
  const remove = bench.put('removeMember', { address: self })
  bench.settle()
  const at = lastOf(bench)
  heardFrom(bench, peers[0], at)
  t.same(addresses(bench.answer(remove)), [...peers])
  t.ok(
    bench.messages().some(message => message.type === 'heartbeat' && message.to === peers[0] && message.commit === at),
    'to who can use it'
  )
  t.match(bench.effects.filter(effect => effect.kind === 'tell' && effect.type === 'displace').slice(-2), [
    { to: 'root/cluster', body: { address: self } },
    { to: 'root/cluster', body: { address: `${machineOf(self)}/etcd` } }
  ])
  t.match(bench.effects.at(-1), { kind: 'exit' })
  const next = new Bench([self, ...peers], disk, {}, 2)
  t.match(next.logs('cannot begin'), [{ reason: /removed from the store/ }])
  t.match(next.effects.at(-1), { kind: 'exit', reason: /removed from the store/ })
  const toldBy = ({ effects }: Bench) => effects.filter(effect => effect.kind === 'tell' && effect.type === 'decided')
  const decided = peers.map(to => ({ to, body: { index: at } }))
  t.match(toldBy(next), decided, 'what the life before told may have been lost')
  for (const text of [JSON.stringify(peers), '{', '{"members":[],"decided":{"index":"1"}}']) {
    disk.files.set('removed', new TextEncoder().encode(text))
    t.same(toldBy(new Bench([self, ...peers], disk, {}, 4)), [], `nothing is told by ${text}`)
  }
  disk.files.delete('removed')
  const later = new Bench([self, ...peers], disk, {}, 3)
  later.settle()
  t.same([later.messages(), later.logs('removed').length], [[], 1], 'its log says so, too')
  t.match(toldBy(later), decided, 'who may not know, since it may have died before it told, hears what is decided')
})

t.test('leadership moves to who is asked for, or the answer is that it did not', async t => {
  const bench = healthy()
  const moved = bench.put('transferLeadership', { to: peers[1] })
  bench.settle()
  t.match(bench.messages().at(-1), { type: 'timeoutNow', to: peers[1] })
  const write = bench.write('a')
  bench.settle()
  t.match(bench.failure(write), { code: 'no leader', definite: true }, 'no writes meanwhile')
  const { term } = bench.answer(bench.put('currentTerm', undefined))
  bench.raft({ type: 'heartbeat', from: peers[1], to: self, term: term + 1, commit: 0, round: 1 })
  bench.settle()
  t.same(bench.answer(moved), {})

  const other = healthy()
  const late = other.put('transferLeadership', { to: peers[1] })
  other.settle()
  other.tick(1)
  heardFrom(other, peers[0], lastOf(other))
  other.tick(20)
  t.match(other.failure(late), { code: 'transfer timeout' })
})

// A member that lost its past -------------------------------------------------------------------------------

function damaged(): BenchDisk {
  const disk = new BenchDisk()
  const former = alone(disk)
  former.write('a')
  former.settle()
  const bytes = disk.segments[0]?.bytes as Uint8Array
  bytes[100] = (bytes[100] as number) ^ 1
  return disk
}

t.test('a member whose log is damaged takes no part until its leader has made it a learner, and only then drops the log', async t => {
  const disk = damaged()
  const bench = new Bench([self, ...peers], disk, {}, 2)
  t.match(bench.logs('log damaged'), [{}])
  const term = bench.put('currentTerm', undefined)
  t.same(bench.answer(term), { term: null }, 'it says that it knows nothing')
  bench.raft({ type: 'vote', from: peers[0], to: self, term: 50, campaign: 1, lastIndex: 99, lastTerm: 49 })
  bench.settle()
  t.same(bench.messages(), [], 'and takes no part')
  const before = disk.segments.length
  t.ok(bench.reply(peers[0], 'rejoin', { index: 39, leaderTerm: 9 }))
  t.same(disk.segments.length, before, 'the log is kept until a new one is durable')
  bench.send(peers[0], snapshotOf(peers, 40, 8, { learners: [self], returning: [self] }))
  t.match(bench.logs('rejoined'), [{ index: 40, term: 9 }])
  t.same(disk.segments.length, 1)
  t.equal(disk.segments[0]?.sequence, before + 1)
  bench.settle()
  bench.tick(100)
  t.same(bench.messages(), [], 'a learner does not campaign')
  bench.raft({ type: 'append', from: peers[0], to: self, term: 9, prevIndex: 40, prevTerm: 8, entries: [], commit: 40 })
  bench.settle()
  t.match(bench.messages(), [{ type: 'appendResponse', index: 40 }])
  const after = new Bench([self, ...peers], disk, {}, 3)
  t.match(after.logs('recovered'), [{ term: 9, index: 40 }], 'its next life knows the term')
})

t.test("who leads makes it a learner by the others' majority, and a voter again once it has caught up", async t => {
  const bench = healthy()
  const asked = bench.put('rejoin', undefined, peers[1])
  bench.settle()
  const at = lastOf(bench)
  t.notOk(bench.answer(asked))
  heardFrom(bench, peers[0], at)
  t.match(bench.answer(asked), { index: at, leaderTerm: 1 }, 'this one and the other are two of three')
  const list = (): string[] => bench.logs('membership changed').map(({ kind, voters }) => `${kind}: ${voters}`)
  t.same(list(), [`demote: ${self} ${peers[0]}`])
  heardFrom(bench, peers[1], 1) // An acknowledgement of its former life.
  bench.settle()
  t.equal(lastOf(bench), at, 'promotes nobody')
  heardFrom(bench, peers[1], at)
  bench.settle()
  t.equal(lastOf(bench), at + 1)
  heardFrom(bench, peers[0], at + 1)
  t.same(list().at(-1), `promote: ${self} ${peers[0]} ${peers[1]}`)
  t.match(bench.failure(bench.put('rejoin', undefined, fourth)), { code: 'member not found' })
})

t.test('who does not lead tells one that lost its past who does, or that it was removed', async t => {
  const bench = new Bench([self, ...peers])
  bench.settle()
  t.match(bench.failure(bench.put('rejoin', undefined, peers[1])), { code: 'no leader' })
  bench.raft({ type: 'heartbeat', from: peers[0], to: self, term: 4, commit: 0, round: 1 })
  bench.settle()
  t.same(bench.answer(bench.put('rejoin', undefined, peers[1])), { askInstead: peers[0] })
  const lost = new Bench([self, ...peers], damaged(), {}, 2)
  t.ok(lost.reply(peers[0], 'rejoin', { askInstead: fourth }))
  lost.tick(200)
  t.ok(lost.reply(peers[1], 'rejoin', { askInstead: fourth }))
  t.ok(lost.reply(fourth, 'rejoin', { index: 1, leaderTerm: 1 }), 'it is asked then')
})

t.test('a member that is told of its removal stops for good', async t => {
  const disk = new BenchDisk()
  const bench = new Bench([self, ...peers], disk)
  bench.settle()
  bench.put('removed', { decided: { index: 7, term: 3 } }, peers[0], 'tell')
  t.match(bench.effects.at(-1), { kind: 'exit', reason: /removed from the store/ })
  t.match(
    bench.effects.filter(effect => effect.kind === 'tell' && effect.type === 'decided'),
    peers.map(to => ({ to, body: { index: 7, term: 3 } })),
    'the others may need its vote until they know as much'
  )
  t.match(new Bench([self, ...peers], disk, {}, 2).logs('cannot begin'), [{ reason: /removed from the store/ }])
})

t.test('over a full disk, too', async t => {
  const disk = new BenchDisk()
  disk.full = true
  const bench = new Bench([self, ...peers], disk)
  bench.settle()
  bench.put('removed', { decided: { index: 7, term: 3 } }, peers[0], 'tell')
  t.match(bench.effects.at(-1), { kind: 'exit', reason: /removed from the store/ })
})

t.test('what a member that is told of its removal knows to be committed, and has not saved, is not missing in its log', async t => {
  const disk = new BenchDisk()
  const bench = new Bench([self, ...peers], disk)
  bench.settle()
  const entries = [1, 2].map(index => ({ index, term: 4, kind: 'normal', data: new Uint8Array(0) }) as const)
  bench.raft({ type: 'append', from: peers[0], to: self, term: 4, prevIndex: 0, prevTerm: 0, entries, commit: 2 })
  bench.put('removed', { decided: { index: 2, term: 4 } }, peers[0], 'tell') // In the same batch.
  disk.files.delete('removed')
  const next = new Bench([self, ...peers], disk, {}, 2)
  t.same([next.logs('log damaged'), next.logs('recovered').length], [[], 1])
})

t.test('a member of one that lost its past stops and says why, unless somebody speaks to it', async t => {
  const bench = new Bench([self], damaged(), {}, 2)
  bench.tick(200)
  t.match(bench.logs('cannot begin'), [{ reason: /no other member to rejoin from: restore a backup/ }])
  const grown = new Bench([self], damaged(), {}, 2)
  grown.raft({ type: 'heartbeat', from: fourth, to: self, term: 4, commit: 0, round: 1 })
  grown.tick(200)
  t.ok(grown.reply(fourth, 'rejoin', { index: 40, leaderTerm: 4 }))
  grown.send(fourth, snapshotOf([fourth], 40, 4, { learners: [self], returning: [self] }))
  t.match(grown.logs('rejoined'), [{ index: 40 }])
})

t.test('whoever was removed is told again and again, in turn, and one that lost its past asks who told it', async t => {
  const removed = Array.from({ length: 30 }, (_, at) => `control-${at + 5}/store`)
  const leader = alone()
  for (const address of removed) {
    leader.put('addMember', { address, isLearner: true })
    leader.settle()
    leader.put('removeMember', { address })
    leader.settle()
  }
  const from = leader.effects.length
  leader.tick(2 * removed.length)
  const told = leader.effects.slice(from).flatMap(effect => (effect.kind === 'tell' && effect.type === 'removed' ? [effect.to] : []))
  t.same(new Set(told), new Set(removed), 'all of them')
  const lost = new Bench([self, ...peers], damaged(), {}, 2)
  lost.put('removed', { decided: { index: 1, term: 1 } }, fourth, 'tell')
  lost.tick(400)
  t.ok(
    lost.effects.some(effect => effect.kind === 'ask' && effect.to === fourth && effect.type === 'rejoin'),
    'the others it knew are gone'
  )
})
