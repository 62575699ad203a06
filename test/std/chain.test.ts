import t from 'tap'
import { Chain, type ChainMember, unlink } from '../../lib/std/index.js'

class Bead implements ChainMember<Bead> {
  next: Bead | undefined
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

t.test('first in, first out; what comes in while others are taken is for the next time', async t => {
  const chain = new Chain<Bead>()
  t.ok(chain.isEmpty)
  t.equal(chain.take(), undefined)
  for (const name of 'abc') chain.push(new Bead(name))
  t.ok(chain.some(({ name }) => name === 'c'))
  t.notOk(chain.some(({ name }) => name === 'd'))
  const seen: string[] = []
  for (let bead = chain.take(); bead !== undefined; ) {
    const following = unlink(bead)
    seen.push(bead.name)
    if (bead.name !== 'b') chain.push(bead) // It may stand in line again at once.
    bead = following
  }
  t.same(seen, ['a', 'b', 'c'])
  const again: string[] = []
  for (let bead = chain.take(); bead !== undefined; bead = unlink(bead)) again.push(bead.name)
  t.same(again, ['a', 'c'])
  t.ok(chain.isEmpty)
})
