// Majorities against the definition, exhaustively for small groups.

import t from 'tap'
import {
  changedBy,
  decodeChange,
  encodeChange,
  foundedBy,
  type Membership,
  type MembershipChange,
  majority,
  membersOf,
  misfitOfChange,
  type ProposedChange,
  reachedByMajority,
  type Verdict,
  verdict
} from '../../lib/raft/index.js'
import { integerBelow, type Random, seededRandom } from '../../lib/std/index.js'
import { decides, shareMember } from './cluster.js'

const sizes = [1, 2, 3, 4, 5, 6, 7]

t.test('two majorities always share a member, and a majority survives the loss of any minority', async t => {
  for (const size of sizes) {
    t.ok(2 * majority(size) > size, `two of ${size}`)
    t.ok(2 * (majority(size) - 1) <= size, `no more than needed of ${size}`)
  }
})

t.test('the value a majority reached is the greatest that more than half have', async t => {
  const random = seededRandom(3)
  for (const size of sizes) {
    for (let round = 0; round < 300; round++) {
      const values = Array.from({ length: size }, () => integerBelow(random, 6))
      const reached = (floor: number): boolean => values.filter(value => value >= floor).length * 2 > size
      const naive = Math.max(...values.filter(reached))
      const mine = reachedByMajority([...values])
      if (mine !== naive) t.fail(`${values}: ${mine}, not ${naive}`)
    }
  }
  t.pass('all agree')
})

t.test('an election is decided exactly when no further vote can change it', async t => {
  for (const size of sizes) {
    for (let code = 0; code < 3 ** size; code++) {
      const voters = Array.from({ length: size }, (_, i) => `m${i}`)
      const votes = new Map<string, boolean>([
        ['learner', true],
        ['stranger', false]
      ])
      for (let i = 0, rest = code; i < size; i++, rest = Math.floor(rest / 3)) if (rest % 3 < 2) votes.set(`m${i}`, rest % 3 === 1)
      const granted = voters.filter(voter => votes.get(voter) === true).length
      const open = voters.filter(voter => !votes.has(voter)).length
      const naive: Verdict = granted * 2 > size ? 'won' : (granted + open) * 2 > size ? 'open' : 'lost'
      if (verdict(votes, voters) !== naive) t.fail(`${granted} of ${size}, ${open} open: ${verdict(votes, voters)}, not ${naive}`)
    }
  }
  t.pass('all agree')
})

// Joint memberships: `decides` and `shareMember` of cluster.ts are the definition, tried on all groups of members.

const drawn = (random: Random, most = 5): string[] =>
  ['a', 'b', 'c', 'd', 'e', 'f', 'g'].filter(() => random() < 0.6).slice(0, 1 + integerBelow(random, most))

t.test('a joint election is decided exactly when no further vote can change it', async t => {
  const random = seededRandom(7)
  let open = 0
  for (let round = 0; round < 400; round++) {
    const [voters, outgoing] = [drawn(random), drawn(random)]
    if (voters.length === 0 || outgoing.length === 0) continue
    const all = [...new Set([...voters, ...outgoing])]
    const membership = { ...foundedBy(voters), outgoing }
    for (let code = 0; code < 3 ** all.length; code += 1 + integerBelow(random, 5)) {
      const vote = (at: number): number => Math.floor(code / 3 ** at) % 3
      const votes = new Map(all.flatMap((id, at) => (vote(at) < 2 ? [[id, vote(at) === 1] as const] : [])))
      const granted = all.filter(id => votes.get(id) === true)
      const mayGrant = all.filter(id => votes.get(id) !== false)
      const naive: Verdict = decides(membership, granted) ? 'won' : decides(membership, mayGrant) ? 'open' : 'lost'
      if (naive === 'open') open++
      const mine = verdict(votes, voters, outgoing)
      if (mine !== naive) t.fail(`${granted} of ${voters} and ${outgoing}: ${mine}, not ${naive}`)
    }
  }
  t.ok(open > 1000, 'many are open')
})

const kinds = ['addVoter', 'addLearner', 'promote', 'demote', 'remove'] as const

function drawChange(random: Random, membership: Membership): ProposedChange {
  const one = (): MembershipChange => ({
    kind: kinds[integerBelow(random, kinds.length)] as (typeof kinds)[number],
    member: 'abcdefghij'[integerBelow(random, 10)] as string
  })
  if (random() < 0.3) return one()
  const changes = Array.from({ length: 1 + integerBelow(random, 6) }, one).filter(
    (change, at, all) => all.findIndex(({ member }) => member === change.member) === at && fits(membership, change)
  )
  return { kind: 'joint', changes }
}

/** By itself, but for that it takes the only voter. */
const fits = (membership: Membership, change: MembershipChange): boolean => {
  const misfit = misfitOfChange(membership, change)
  return misfit === undefined || misfit === 'is the only voter'
}

t.test('whatever the changes, decisions before and after one share a member, and a member is one thing at a time', async t => {
  const random = seededRandom(11)
  let joint = 0
  let swapped = 0
  for (let round = 0; round < 300; round++) {
    let membership = foundedBy(['a', 'b', 'c', 'd', 'e'].slice(0, 1 + integerBelow(random, 5)))
    for (let step = 0; step < 12; step++) {
      const before = membership
      const isJoint = before.outgoing !== undefined
      const change = isJoint && random() < 0.5 ? ({ kind: 'leave' } as const) : drawChange(random, before)
      if (misfitOfChange(before, change) !== undefined) continue
      if (isJoint && change.kind !== 'leave') t.fail('a joint membership is left before anything else')
      membership = changedBy(before, decodeChange(encodeChange(change, 'x')).change)
      const text = `${JSON.stringify(change)} on ${JSON.stringify(before)}`
      if (!shareMember(before, membership)) t.fail(`disjoint decisions: ${text}`)
      if (new Set(membersOf(membership)).size < membersOf(membership).length) t.fail(`a member twice: ${text}`)
      if (membership.voters.length === 0) t.fail(`no voter: ${text}`)
      if (membersOf(membership).some(member => membership.removed.includes(member))) t.fail(`a member that was removed: ${text}`)
      const lost = membersOf(before).filter(member => !membersOf(membership).includes(member) && !membership.removed.includes(member))
      if (lost.length > 0) t.fail(`who was a member is one or was removed: ${text}`)
      if (!before.removed.every(member => membership.removed.includes(member))) t.fail(`forgotten that it was removed: ${text}`)
      if (change.kind !== 'joint') continue
      joint++
      if (!shareMember(before, foundedBy(membership.voters))) swapped++
    }
  }
  t.comment(`${joint} joint changes, ${swapped} between memberships that decide without each other`)
  t.ok(joint > 300 && swapped > 50, 'many need the joint membership')
})

t.test('what a joint change does: voters go when it is left, learners at once', async t => {
  const from: Membership = { voters: ['a', 'b', 'c'], learners: ['d', 'e', 'f'], removed: ['z'], returning: ['e'] }
  const change = {
    kind: 'joint',
    changes: [
      { kind: 'remove', member: 'a' },
      { kind: 'demote', member: 'b' },
      { kind: 'promote', member: 'd' },
      { kind: 'promote', member: 'e' },
      { kind: 'remove', member: 'f' },
      { kind: 'addVoter', member: 'g' },
      { kind: 'addLearner', member: 'h' }
    ]
  } as const
  const joint = changedBy(from, change)
  t.same(joint, {
    voters: ['c', 'd', 'e', 'g'],
    learners: ['h'],
    removed: ['z', 'f'],
    outgoing: ['a', 'b', 'c'],
    learnersNext: ['b']
  })
  t.same(changedBy(joint, { kind: 'leave' }), { voters: ['c', 'd', 'e', 'g'], learners: ['h', 'b'], removed: ['z', 'f', 'a'] })
})

t.test('what does not fit, and the bytes of what does', async t => {
  const plain: Membership = { voters: ['a', 'b'], learners: ['c'], removed: ['z'] }
  const joint = (...changes: (readonly [MembershipChange['kind'], string])[]): ProposedChange => ({
    kind: 'joint',
    changes: changes.map(([kind, member]) => ({ kind, member }))
  })
  const cases = [
    [joint(), 'changes nothing'],
    [joint(...Array.from({ length: 33 }, (_, at) => ['addLearner', `n${at}`] as const)), 'changes too much'],
    [joint(['addVoter', 'd'], ['remove', 'd']), 'is named twice'],
    [joint(['addVoter', 'c']), 'is a member'],
    [joint(['addVoter', 'z'], ['remove', 'a']), 'was removed'],
    [joint(['promote', 'a']), 'is no learner'],
    [joint(['demote', 'c']), 'is no voter'],
    [joint(['remove', 'x']), 'is no member'],
    [joint(['remove', 'a'], ['demote', 'b']), 'no voter is left'],
    [joint(['remove', 'a'], ['remove', 'b'], ['promote', 'c']), undefined]
  ] as const
  for (const [change, misfit] of cases) t.equal(misfitOfChange(plain, change), misfit, JSON.stringify(change))
  t.equal(misfitOfChange(plain, { kind: 'leave' }), 'is not joint')
  const within = { ...plain, outgoing: ['a'] }
  t.equal(misfitOfChange(within, { kind: 'remove', member: 'b' }), 'is joint')
  t.equal(misfitOfChange({ ...plain, voters: ['a'] }, { kind: 'remove', member: 'a' }), 'is the only voter')
  const many = { ...plain, removed: Array.from({ length: 9_999 }, (_, at) => `r${at}`) }
  t.equal(misfitOfChange(many, joint(['remove', 'a'], ['promote', 'c'])), undefined)
  t.equal(misfitOfChange(many, joint(['remove', 'a'], ['remove', 'c'])), 'too many were removed')

  const bytes = (change: Parameters<typeof encodeChange>[0]): string => new TextDecoder().decode(encodeChange(change, 'life'))
  t.equal(bytes({ kind: 'promote', member: 'c' }), '{"kind":"promote","member":"c","context":"life"}', 'as before there were joint ones')
  t.equal(
    bytes(joint(['promote', 'c'], ['remove', 'a'])),
    '{"kind":"joint","changes":[{"kind":"promote","member":"c"},{"kind":"remove","member":"a"}],"context":"life"}'
  )
  t.equal(bytes({ kind: 'leave' }), '{"kind":"leave","context":"life"}')
  t.throws(() => decodeChange(new TextEncoder().encode('{"kind":"another","context":""}')), /of a kind that this program knows/)
})
