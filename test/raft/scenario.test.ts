// Scenarios: one promise each, with the network moved by hand. Cluster checks safety after every event besides. More of them, as texts, are in
// test/raft/scenarios.

import t from 'tap'
import { type Append, defaultLimits, encodeChange, foundedBy, type Message, Raft, type RaftLimits } from '../../lib/raft/index.js'
import { Cluster } from './cluster.js'

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)

/** Members draw fixed jitter, `a` the least; the first draw of each life (where its read batches start) differs. */
function cluster(size: number, limits: Partial<RaftLimits> = {}, asyncSave = false): Cluster {
  let lives = 0
  const random = (id: string): (() => number) => {
    let drawn = false
    const jitter = (id.charCodeAt(0) - 97) / 6
    return () => {
      if (drawn) return jitter
      drawn = true
      return ++lives / 100
    }
  }
  return new Cluster({ size, limits, random, asyncSave })
}

function led(size: number, limits: Partial<RaftLimits> = {}): Cluster {
  const made = cluster(size, limits)
  elect(made, 'a')
  made.pass(1)
  return made
}

function elect(made: Cluster, id: string): void {
  for (let i = 0; i < 5 && !made.raft(id).isLeader; i++) {
    made.act(id, raft => raft.campaign())
    made.settle()
  }
}

function proposeMany(made: Cluster, id: string, count: number, size = 1): void {
  for (let i = 0; i < count; i++) made.propose(id, String(i).padStart(size, '.'))
}

const termOf = (made: Cluster, id: string): number => made.raft(id).term
const commitOf = (made: Cluster, id: string): number => made.raft(id).status().commit
const ofType = <T extends Message['type']>(messages: readonly Message[], type: T): Extract<Message, { type: T }>[] =>
  messages.filter((message): message is Extract<Message, { type: T }> => message.type === type)

t.test('without messages from a leader one is elected, and without faults it stays', async t => {
  const made = cluster(3)
  made.pass(defaultLimits.electionTicks + defaultLimits.electionJitterTicks)
  t.same(made.leaders, ['a'])
  for (let i = 0; i < 300; i++) {
    made.propose('a', `${i}`)
    made.pass(10)
  }
  t.equal(termOf(made, 'a'), 1, 'no election in 30 s of load')
  t.same(
    made.members.map(member => member.applied),
    [301, 301, 301]
  )
})

t.test('lease: who hears the leader supports nobody else', async t => {
  const made = led(3)
  made.act('c', raft => raft.campaign())
  made.settle()
  t.same(made.leaders, ['a'])
  for (const to of ['a', 'b'])
    made.network.push(
      { type: 'vote', from: 'c', to, term: 9, campaign: 1, lastIndex: 9, lastTerm: 8 },
      { type: 'preVote', from: 'c', to, term: 9, campaign: 1, lastIndex: 9, lastTerm: 8 }
    )
  made.settle()
  t.equal(termOf(made, 'b'), 1, 'not even of a later term')
  made.pass(20)
  t.equal(termOf(made, 'c'), 1)
  t.equal(made.raft('c').leader, 'a')
})

t.test('check-quorum: a leader without a quorum steps down, and the others have a new one within a second', async t => {
  const made = led(3)
  made.isolate('a')
  made.read('a', 1)
  made.pass(2 * defaultLimits.electionTicks)
  t.notOk(made.raft('a').isLeader)
  t.notOk(made.propose('a', 'refused'))
  t.ok(made.lost.has(1), 'a read it could not prove is given back')
  t.same(made.leaders, ['b'], 'within 0.8 s')
})

t.test('a leader that lost some links but no quorum stays', async t => {
  const made = led(5)
  made.disconnect('a', 'd')
  made.disconnect('a', 'e')
  made.pass(300)
  t.same(made.leaders, ['a'])
  t.equal(termOf(made, 'b'), 1)
})

t.test('figure 8: an entry of an older term is not committed by counting', async t => {
  const made = led(5, { appendBytesMax: 1 })
  for (const id of ['c', 'd', 'e']) made.disconnect('a', id)
  made.propose('a', 'x')
  made.settle()
  made.crash('a')
  made.crash('b')
  for (const id of ['c', 'd', 'e']) made.act(id, raft => raft.peerDown('a'))
  win(made, 'e')
  made.crash('e')
  made.network.length = 0
  // e alone has the opening entry of term 2 where a and b have x. Now a leads again and brings x to c, but nothing newer.
  made.heal()
  for (const id of ['d', 'e']) made.disconnect('a', id)
  made.restart('a')
  made.restart('b')
  win(made, 'a')
  t.equal(termOf(made, 'a'), 3)
  const matchOfC = (): number | undefined => made.raft('a').status().peers[1]?.match
  while (matchOfC() !== 2 && made.network.length > 0) made.deliver(0)
  t.equal(matchOfC(), 2, 'x is on a, b and c')
  t.equal(commitOf(made, 'a'), 1, 'and not committed')
  made.network.length = 0
  made.crash('a')
  made.crash('b')
  made.heal()
  made.restart('e')
  made.act('c', raft => raft.peerDown('a'))
  elect(made, 'e')
  made.pass(20)
  t.equal(made.committed[1]?.term, 2, 'e may still overwrite it')
  t.same(
    made.member('c').disk.entries.map(entry => entry.term),
    [1, 2, 4]
  )
})

/** Only votes are delivered, and only until `id` has won. */
function win(made: Cluster, id: string): void {
  for (let i = 0; i < 5 && !made.raft(id).isLeader; i++) {
    made.act(id, raft => raft.campaign())
    while (!made.raft(id).isLeader && made.network.length > 0) {
      if (made.network[0]?.type.toLowerCase().includes('vote')) made.deliver(0)
      else made.network.shift()
    }
  }
}

t.test('a snapshot that is lost is sent again, by report or by timeout', async t => {
  for (const report of [true, false]) {
    const made = led(3, { tailEntriesMax: 0, snapshotTicksMax: 50 })
    made.crash('c')
    proposeMany(made, 'a', 20)
    made.settle()
    made.compact('a')
    made.restart('c')
    for (let i = 0; i < 30 && ofType(made.network, 'snapshot').length === 0; i++) {
      made.tick('a')
      while (made.network.length > 0 && made.network[0]?.type !== 'snapshot') made.deliver(0)
    }
    t.equal(ofType(made.network, 'snapshot').length, 1)
    made.network.length = 0
    if (report) made.act('a', raft => raft.snapshotFailed('c'))
    made.pass(10)
    t.equal(made.member('c').applied, report ? 21 : 1)
    made.pass(60)
    t.equal(made.member('c').applied, 21)
  }
})

t.test('a dead follower costs no snapshots', async t => {
  const made = led(3, { tailEntriesMax: 0, snapshotTicksMax: 5 })
  made.crash('c')
  made.pass(50)
  proposeMany(made, 'a', 20)
  made.settle()
  made.compact('a')
  let sent = 0
  for (let i = 0; i < 100; i++) {
    made.tick('a')
    made.tick('b')
    sent += ofType(made.network, 'snapshot').length
    made.settle()
  }
  t.equal(sent, 0)
})

t.test('a tail of the log is kept for a follower a little behind, bounded in entries and bytes', async t => {
  for (const [limits, firstIndex] of [
    [{ tailEntriesMax: 15 }, 7],
    [{ tailBytesMax: 10 * (64 + 2) }, 12]
  ] as const) {
    const made = led(3, limits)
    made.crash('c')
    proposeMany(made, 'a', 20)
    made.settle()
    made.compact('a')
    t.equal(made.raft('a').status().firstIndex, firstIndex)
  }
  const made = led(3)
  made.isolate('c')
  proposeMany(made, 'a', 20)
  made.settle()
  made.compact('a')
  made.heal()
  made.pass(10)
  t.equal(made.member('c').applied, 21)
  t.equal(made.member('c').disk.snapshot, null)
})

t.test('compaction may not pass what was applied', async t => {
  const made = led(3)
  t.throws(() => made.raft('a').compact({ ...made.raft('a').snapshotMeta(), index: 2 }), /a snapshot is of what was applied/)
})

t.test('reads: many share one heartbeat round, and wait for a quorum', async t => {
  const made = led(5)
  made.read('a', ...Array.from({ length: 100 }, (_, context) => context))
  t.equal(made.network.length, 4, 'one heartbeat a follower')
  t.same(
    ofType(made.network, 'heartbeat').map(message => message.to),
    ['b', 'c', 'd', 'e']
  )
  made.deliver(0)
  made.deliver(3) // The answer of b.
  t.equal(made.answers.size, 0, 'two of five are no quorum')
  made.settle()
  t.equal(made.answers.size, 100)
})

t.test('reads: a deposed leader answers none', async t => {
  const made = led(3)
  made.isolate('a')
  made.act('b', raft => raft.peerDown('a'))
  made.act('c', raft => raft.peerDown('a'))
  elect(made, 'b')
  made.propose('b', 'new')
  made.settle()
  t.equal(made.acknowledged, 3)
  t.ok(made.raft('a').isLeader, 'a does not know yet')
  t.ok(made.read('a', 1))
  made.settle()
  made.heal()
  made.pass(10)
  t.equal(made.answers.get(1), undefined)
  t.ok(made.lost.has(1))
})

t.test('reads: none before the leader committed an entry of its term', async t => {
  const made = led(3)
  made.propose('a', 'x') // On all disks, committed at a; the others were not told.
  for (const message of ofType(made.network.splice(0), 'append')) made.act(message.to, raft => raft.step(message))
  for (const message of ofType(made.network.splice(0), 'appendResponse')) made.act('a', raft => raft.step(message))
  t.equal(made.acknowledged, 2)
  made.network.length = 0
  made.crash('a')
  for (const id of ['b', 'c']) made.act(id, raft => raft.peerDown('a'))
  win(made, 'b')
  made.read('b', 1)
  t.equal(ofType(made.network, 'heartbeat').length, 0, 'no round is begun')
  made.settle()
  t.equal(made.answers.get(1), 3)
})

t.test('reads: a follower asks its leader, and one that knows none refuses', async t => {
  const made = led(3)
  made.read('c', ...Array.from({ length: 50 }, (_, context) => context))
  t.same(
    made.network.map(message => message.type),
    ['readIndex']
  )
  made.settle()
  t.equal(made.answers.size, 50)
  made.isolate('c')
  t.ok(made.read('c', 99))
  made.pass(defaultLimits.electionTicks)
  t.ok(made.lost.has(99), 'what is not answered within an election timeout is given back')
  made.pass(defaultLimits.electionTicks)
  t.notOk(made.read('c', 100), 'a member without a leader refuses')
})

t.test('reads: an answer to a former life does not answer this one', async t => {
  const made = led(3)
  made.read('c', 1)
  while (ofType(made.network, 'readIndexResponse').length === 0) made.deliver(0)
  const stale = ofType(made.network.splice(0), 'readIndexResponse')
  made.crash('c')
  made.propose('a', 'newer')
  made.settle()
  made.restart('c')
  made.pass(5)
  made.read('c', 2)
  made.network.unshift(...stale)
  made.deliver(0)
  t.equal(made.answers.get(2), undefined)
  made.settle()
  t.equal(made.answers.get(2), 2)
})

t.test('a bounded number of reads waits', async t => {
  const made = led(3, { readsMax: 3 })
  made.isolate('a')
  t.same(
    [1, 2, 3, 4].map(context => made.read('a', context)),
    [true, true, true, false]
  )
})

const ticksToLeader = (made: Cluster): number => {
  for (let ticks = 0; ticks < 500; ticks++) {
    if (made.leaders.length > 0) return ticks
    made.pass(1)
  }
  return 500
}

t.test('a dead leader whose links told of it is replaced in well under 0.3 s, a silent one in under 1 s', async t => {
  for (const size of [3, 5]) {
    for (const hinted of [true, false]) {
      const made = led(size)
      made.crash('a')
      if (hinted) for (const id of made.ids) made.act(id, raft => raft.peerDown('a'))
      const ticks = ticksToLeader(made)
      t.ok(ticks <= (hinted ? 10 : 80), `${size} members, hinted ${hinted}: ${ticks} ticks`)
    }
  }
})

t.test('a hint that is not true disturbs nobody', async t => {
  const made = led(3)
  made.disconnect('a', 'c')
  made.act('c', raft => raft.peerDown('a'))
  made.pass(200)
  t.same(made.leaders, ['a'])
  made.heal()
  made.pass(30)
  t.equal(termOf(made, 'c'), 1)
  t.equal(made.raft('c').leader, 'a')
})

t.test('a leader that lost a link does not push into it, and catches up when it is back', async t => {
  const made = led(3)
  made.isolate('c')
  made.act('a', raft => raft.peerDown('c'))
  proposeMany(made, 'a', 50)
  t.equal(ofType(made.network, 'append').filter(message => message.to === 'c').length, 0)
  made.settle()
  made.heal()
  made.pass(10)
  t.equal(made.member('c').applied, 51)
})

t.test('limits: the window of appends, the bytes of one, the uncommitted tail, the committed page', async t => {
  const made = led(3, { appendBytesMax: 1000, inflightMessagesMax: 7, uncommittedBytesMax: 5000, committedBytesMax: 2000 })
  let accepted = 0
  while (accepted < 1000 && made.propose('a', 'x'.repeat(100))) accepted++
  t.equal(accepted, 50, 'the tail is bounded')
  const appends = (to: string): Append[] => ofType(made.network, 'append').filter(message => message.to === to)
  t.equal(appends('b').length, 7, 'the window is bounded')
  t.equal(made.raft('a').status().peers[0]?.inflight, 7)
  made.settle()
  t.equal(made.member('b').applied, 51)
  made.act('a', raft => {
    for (let i = 0; i < 40; i++) raft.propose(new Uint8Array(100))
  })
  t.ok(
    appends('b').every(message => message.entries.length <= 6),
    'an append is bounded'
  )
  t.ok(appends('b').length >= 7)
  made.settle()
  t.equal(made.member('c').applied, 91)
  t.ok(made.propose('a', 'x'.repeat(100_000)), 'one alone may be larger than any limit')
  made.settle()
  t.equal(made.member('c').applied, 92)
})

t.test('the bytes in flight are bounded too', async t => {
  const made = led(3, { appendBytesMax: 1000, inflightBytesMax: 3000 })
  made.act('a', raft => {
    for (let i = 0; i < 100; i++) raft.propose(new Uint8Array(400))
  })
  t.equal(ofType(made.network, 'append').length, 2 * 4)
  made.settle()
  t.equal(made.member('c').applied, 101)
})

t.test('a batch costs a follower one append, and news of a commit no answer', async t => {
  const made = led(3)
  made.act('a', raft => {
    for (let i = 0; i < 20; i++) raft.propose(new Uint8Array(10))
  })
  t.same(
    made.network.map(message => `${message.type} ${message.to}`),
    ['append b', 'append c']
  )
  made.deliver(0)
  made.deliver(0)
  made.deliver(0)
  made.deliver(0)
  t.same(
    made.network.map(message => `${message.type} ${message.to}`),
    ['heartbeat b', 'heartbeat c']
  )
  made.deliver(0)
  made.deliver(0)
  t.equal(made.network.length, 0)
  t.same(
    made.members.map(member => member.applied),
    [21, 21, 21]
  )
})

t.test('a long conflict is found in a few steps', async t => {
  const made = led(5)
  for (const id of ['c', 'd', 'e']) for (const old of ['a', 'b']) made.disconnect(old, id)
  proposeMany(made, 'a', 50)
  made.settle()
  for (const id of ['c', 'd', 'e']) made.act(id, raft => raft.peerDown('a'))
  elect(made, 'c')
  proposeMany(made, 'c', 60)
  made.settle()
  made.crash('c')
  for (const id of ['d', 'e']) made.act(id, raft => raft.peerDown('c'))
  made.restart('c')
  elect(made, 'd') // It probes a and b from its own end.
  made.heal()
  let rejections = 0
  for (let i = 0; i < 30; i++) {
    for (const id of made.ids) made.tick(id)
    while (made.network.length > 0) {
      const [first] = made.network
      if (first?.type === 'appendResponse' && first.rejected) rejections++
      made.deliver(0)
    }
  }
  t.ok(rejections > 0 && rejections <= 4, `${rejections} rejections`)
  t.equal(made.member('b').applied, 63)
})

t.test('the contract of save: appends leave before it, votes and acknowledgements after, and the leader counts itself last', async t => {
  const made = cluster(3, {}, true)
  const types = (): string[] => made.network.map(message => message.type)
  made.act('a', raft => raft.campaign())
  made.finishSave('a') // The pre-vote; nothing to save.
  made.deliver(0)
  made.finishSave('b')
  made.network.splice(0, 1) // To c.
  made.deliver(0)
  t.same([made.member('a').saving?.hardState?.vote, types()], ['a', []], 'no vote is asked for before our own is saved')
  made.finishSave('a')
  t.same(types(), ['vote', 'vote'])
  made.deliver(0)
  t.same([made.member('b').saving?.hardState?.vote, types()], ['a', ['vote']], 'no vote is given before it is saved')
  made.finishSave('b')
  made.deliver(1)
  t.same(
    [made.member('a').saving?.entries.length, types()],
    [1, ['vote', 'append', 'append']],
    'the opening entry leaves while it is saved'
  )
  made.network.shift()
  made.deliver(0)
  t.same(types(), ['append'], 'b acknowledges nothing yet')
  made.finishSave('b')
  t.same(types(), ['append', 'appendResponse'])
  made.deliver(1)
  t.equal(commitOf(made, 'a'), 0, 'b and an unsaved a are no quorum')
  made.finishSave('a')
  t.equal(commitOf(made, 'a'), 1)
})

t.test('one ready at a time', async t => {
  const raft = new Raft({ id: 'a', membership: foundedBy(['a']), random: () => 0 })
  raft.campaign()
  raft.ready()
  t.throws(() => raft.ready(), /the last ready was saved/)
  raft.saved()
  t.throws(() => raft.saved(), /a ready is saved once/)
})

t.test('a single member elects itself and commits what it saved', async t => {
  const made = cluster(1)
  made.pass(60)
  t.ok(made.propose('a', 'x'))
  t.same(
    made.committed.map(entry => text(entry.data)),
    ['', 'x']
  )
  t.ok(made.read('a', 1))
  t.equal(made.answers.get(1), 2)
  made.crash('a')
  made.restart('a')
  made.pass(60)
  t.equal(made.member('a').applied, 3)
})

t.test('a torn save that kept entries but not their term is no ground for a second vote', async t => {
  const entries = [{ index: 1, term: 5, kind: 'normal' as const, data: new Uint8Array(0) }]
  const raft = new Raft(
    { id: 'a', membership: foundedBy(['a', 'b']), random: () => 0 },
    { hardState: { term: 4, vote: 'b', commit: 0 }, entries, snapshot: null }
  )
  t.equal(raft.term, 5)
  t.equal(raft.status().vote, null)
})

t.test('what is refused says why', async t => {
  const made = led(3)
  const data = new Uint8Array(1)
  t.same(made.raft('b').propose(data), { accepted: false, reason: 'not leader', leader: 'a' })
  t.same(cluster(3).raft('a').readIndex(1), { accepted: false, reason: 'no leader' })
})

t.test('strays are dropped', async t => {
  const made = led(3)
  const before = made.raft('a').status()
  made.raft('a').step({ type: 'vote', from: 'z', to: 'a', term: 99, campaign: 1, lastIndex: 99, lastTerm: 98 })
  made.raft('a').step({ type: 'heartbeat', from: 'b', to: 'c', term: 99, commit: 0, round: 1 })
  t.same(made.raft('a').status(), before)
  t.notOk(made.raft('a').hasReady())
})

t.test('reads: an answer to an earlier round proves nothing about a later read', async t => {
  const made = led(3)
  made.tick('a', defaultLimits.heartbeatTicks)
  while (ofType(made.network, 'heartbeatResponse').length < 2) made.deliver(0)
  const stale = made.network.splice(0)
  made.isolate('a')
  for (const id of ['b', 'c']) made.act(id, raft => raft.peerDown('a'))
  elect(made, 'b')
  made.propose('b', 'new')
  made.settle()
  made.read('a', 1)
  for (const message of stale) made.act('a', raft => raft.step(message))
  t.equal(made.answers.get(1), undefined)
})

t.test('a vote in a term already known is saved as well', async t => {
  const raft = new Raft({ id: 'b', membership: foundedBy(['a', 'b', 'c']), random: () => 0 })
  raft.step({ type: 'heartbeatResponse', from: 'c', to: 'b', term: 5, round: 1 })
  t.same(raft.ready().hardState, { term: 5, vote: null, commit: 0 })
  raft.saved()
  raft.step({ type: 'vote', from: 'a', to: 'b', term: 5, campaign: 1, lastIndex: 0, lastTerm: 0 })
  const ready = raft.ready()
  t.same([ready.hardState, ready.mustSync, ready.messagesBeforeSave.length], [{ term: 5, vote: 'a', commit: 0 }, true, 0])
  t.match(ready.messagesAfterSave, [{ type: 'voteResponse', granted: true }])
})

t.test('what was committed before a restart comes back in pages', async t => {
  const entries = Array.from({ length: 100 }, (_, i) => ({ index: i + 1, term: 1, kind: 'normal' as const, data: new Uint8Array(36) }))
  const recovered = { hardState: { term: 1, vote: null, commit: 95 }, entries, snapshot: null }
  const raft = new Raft({ id: 'a', membership: foundedBy(['a', 'b']), random: () => 0, committedBytesMax: 3000 }, recovered, 5)
  const pages: number[] = []
  while (raft.hasReady()) {
    const ready = raft.ready()
    t.notOk(ready.mustSync)
    pages.push(ready.committed.length)
    raft.saved()
  }
  t.same(pages, [30, 30, 30])
})

t.test('a follower that died while it was sent a snapshot is left alone', async t => {
  const made = led(3, { tailEntriesMax: 0, snapshotTicksMax: 5 })
  made.crash('c')
  proposeMany(made, 'a', 20)
  made.settle()
  made.compact('a')
  made.restart('c')
  for (let i = 0; i < 30 && ofType(made.network, 'snapshot').length === 0; i++) {
    made.tick('a')
    while (made.network.length > 0 && made.network[0]?.type !== 'snapshot') made.deliver(0)
  }
  t.equal(ofType(made.network, 'snapshot').length, 1)
  made.crash('c')
  made.pass(2 * defaultLimits.electionTicks)
  let sent = 0
  for (let i = 0; i < 50; i++) {
    made.tick('a')
    sent += ofType(made.network, 'snapshot').length
    made.settle()
  }
  t.equal(sent, 0)
})

t.test('a member that knows a change to be committed campaigns only once it has applied it', async t => {
  const change = { index: 2, term: 1, kind: 'config' as const, data: encodeChange({ kind: 'addVoter', member: 'd' }, '') }
  const entries = [{ index: 1, term: 1, kind: 'normal' as const, data: new Uint8Array(0) }, change]
  const config = { id: 'a', membership: foundedBy(['a', 'b', 'c']), random: () => 0 }
  const raft = new Raft(config, { hardState: { term: 1, vote: null, commit: 2 }, entries, snapshot: null })
  raft.campaign()
  for (let i = 0; i < 100; i++) raft.tick()
  t.equal(raft.status().role, 'follower', 'it would count by the members before')
  const ready = raft.ready()
  t.throws(() => raft.saved(), /committed changes are applied before/)
  for (const entry of ready.committed) if (entry.kind === 'config') raft.applyChange(entry)
  raft.saved()
  raft.campaign()
  t.same(
    raft.ready().messagesAfterSave.map(({ to }) => to),
    ['b', 'c', 'd']
  )
})

t.test('a vote for a former life is not counted', async t => {
  const config = { id: 'a', membership: foundedBy(['a', 'b', 'c']), random: () => 0.5 }
  const raft = new Raft(config, { hardState: { term: 5, vote: null, commit: 0 }, entries: [], snapshot: null })
  raft.campaign()
  const asked = raft.ready().messagesAfterSave.find(message => message.type === 'preVote')
  raft.saved()
  if (asked?.type !== 'preVote') return t.fail('no pre-vote')
  const grant = { from: 'b', to: 'a', term: 6, granted: true } as const
  raft.step({ ...grant, type: 'preVoteResponse', campaign: asked.campaign + 1 })
  t.equal(raft.status().role, 'preCandidate')
  raft.step({ ...grant, type: 'preVoteResponse', campaign: asked.campaign })
  t.equal(raft.status().role, 'candidate')
  const request = raft.ready().messagesAfterSave.find(message => message.type === 'vote')
  raft.saved()
  if (request?.type !== 'vote') return t.fail('no vote')
  raft.step({ ...grant, type: 'voteResponse', campaign: request.campaign - 1 })
  t.notOk(raft.isLeader)
  raft.step({ ...grant, type: 'voteResponse', campaign: request.campaign })
  t.ok(raft.isLeader)
})
