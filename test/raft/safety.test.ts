// The sentences of the Raft paper's figure 3, and the promises built on them, under everything a network and a power switch can do.
// Cluster checks each after every event; here is what happens. A safety phase full of faults, then a liveness phase in which
// a healed cluster must converge.

import t from 'tap'
import { migration, storm, stuck } from './storm.js'

const seeds = 300

const first = Number(process.env.RAFT_SEED ?? 1)
const last = process.env.RAFT_SEED === undefined ? seeds : first

t.test('the same while members come, go, learn, lose their disks and hand over', async t => {
  let committed = 0
  let answered = 0
  let changed = 0
  let joint = 0
  let rejoined = 0
  for (let seed = first; seed <= last; seed++) {
    try {
      const cluster = storm(seed, migration(seed))
      committed += cluster.acknowledged
      answered += cluster.answers.size
      changed += cluster.memberships.length - 1
      joint += cluster.memberships.filter(({ membership }) => membership.outgoing !== undefined).length
      const problem = stuck(cluster)
      rejoined += cluster.rejoined
      if (problem !== undefined) t.fail(`seed ${seed} does not converge: ${problem}`)
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { stack: (error instanceof Error && error.stack) || '' })
    }
  }
  t.comment(`${committed} entries committed, ${answered} reads answered, ${changed} changes, ${joint} of them joint, ${rejoined} rejoined`)
  if (process.env.RAFT_SEED !== undefined) return
  t.ok(committed > seeds * 10, 'entries are committed')
  t.ok(answered > seeds * 3, 'reads are answered')
  t.ok(changed > seeds * 2, 'members change')
  t.ok(joint > seeds / 6, 'several at once')
  t.ok(rejoined > seeds / 10, 'members rejoin')
})

t.test('safety under storms, convergence after them', async t => {
  let committed = 0
  let answered = 0
  let terms = 0
  let snapshots = 0
  for (let seed = first; seed <= last; seed++) {
    try {
      const cluster = storm(seed)
      committed += cluster.acknowledged
      answered += cluster.answers.size
      terms += Math.max(...cluster.members.map(member => member.disk.hardState.term))
      const problem = stuck(cluster)
      snapshots += cluster.members.filter(member => member.disk.snapshot !== null).length
      if (problem !== undefined) t.fail(`seed ${seed} does not converge: ${problem}`)
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { stack: (error instanceof Error && error.stack) || '' })
    }
  }
  t.comment(`${committed} entries committed, ${answered} reads answered, ${terms} terms, ${snapshots} members with snapshots`)
  if (process.env.RAFT_SEED !== undefined) return
  // A storm in which nothing happens would prove nothing.
  t.ok(committed > seeds * 10, 'entries are committed')
  t.ok(answered > seeds * 3, 'reads are answered')
  t.ok(terms > seeds * 3, 'leaders change')
  t.ok(snapshots > seeds, 'snapshots are taken')
})
