// Who must not lead any more: not yet who was removed and cannot know, as in membership seed 7001410, where the member that decided the removal
// was paused before it told of it.

import t from 'tap'
import { Removals } from '../../lib/chaos/removals.js'

const said = (address: string, fields: Record<string, string>) => ({ atUs: 0, address, event: 'membership changed', fields })

t.test('who was removed may lead while it and a majority of those that stay have not applied that', async t => {
  const removals = new Removals()
  const voters = ['a', 'b', 'c']
  t.notOk(removals.isOver('d', voters), 'a member')
  removals.heard(said('a', { kind: 'remove', member: 'd' }))
  t.same([...removals.all()], ['d'])
  t.notOk(removals.isOver('d', voters), 'one of three knows')
  removals.heard(said('a', { kind: 'remove', member: 'd' }))
  t.notOk(removals.isOver('d', voters), 'the same one, in its next life')
  removals.heard(said('b', { kind: 'remove', member: 'd' }))
  t.ok(removals.isOver('d', voters), 'two of three know')
  t.notOk(removals.isOver('a', voters), 'who stays')
})

t.test('who has applied its own removal leads no more', async t => {
  const removals = new Removals()
  removals.heard(said('d', { kind: 'remove', member: 'd' }))
  t.ok(removals.isOver('d', ['a', 'b', 'c']))
})

t.test('all that go when a joint membership is left are removed', async t => {
  const removals = new Removals()
  removals.heard(said('e', { kind: 'leave', gone: 'a b' }))
  removals.heard(said('f', { kind: 'promote', member: 'e' }))
  t.same([...removals.all()], ['a', 'b'])
  t.notOk(removals.isOver('a', ['e', 'f']))
  removals.heard(said('f', { kind: 'leave', gone: 'a b' }))
  t.ok(removals.isOver('a', ['e', 'f']))
})
