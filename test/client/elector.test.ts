import t from 'tap'
import type { Actor } from '../../lib/actor/index.js'
import { ApiClient, type ApiRef, Elector, resources } from '../../lib/client/index.js'
import type { Lease } from '../../lib/kinds/index.js'
import { inflict, World } from '../../lib/sim/index.js'
import { integerBelow } from '../../lib/std/index.js'
import { fakeApiserver, History } from './fake-api.js'

const apiservers = ['control-0/apiserver', 'control-1/apiserver'] as unknown as ApiRef[]

interface Candidate {
  readonly address: string
  elector: Elector
  life: number
}

type Nothing = Record<never, never>

/** `living` holds the elector of each candidate's present life; a dead one leads nothing. */
function candidate(living: Map<string, Candidate>): Actor<Nothing, void, Elector> {
  return {
    name: 'candidate',
    init(ctx) {
      const client = new ApiClient(ctx, { apiservers })
      const elector: Elector = new Elector(ctx, client, {
        namespace: 'kube-system',
        name: 'prize',
        identity: `${ctx.self}_${ctx.life}`,
        started: () => ctx.log('started'),
        stopped: reason => {
          ctx.log('stopped', { reason })
          elector.start()
        }
      })
      living.set(ctx.self, { address: ctx.self, elector, life: ctx.life })
      elector.start()
      return elector
    },
    on: {},
    stopping: (_, elector) => elector.stop()
  }
}

function election(seed: number, count: number) {
  const world = new World({ seed })
  const history = new History()
  const living = new Map<string, Candidate>()
  for (const address of apiservers) world.start(address, fakeApiserver(history))
  const addresses = Array.from({ length: count }, (_, i) => `machine-${i}/candidate`)
  for (const address of addresses) world.start(address, candidate(living))
  const leaders = (): string[] =>
    [...living.values()].filter(({ address, elector }) => world.lives(address) && elector.leading).map(({ address }) => address)
  return { world, history, living, addresses, leaders }
}

t.test('one leads, renews, and says so in the Lease', async t => {
  const { world, history, leaders } = election(1, 3)
  t.ok(
    world.runUntil(() => leaders().length === 1, 500),
    'at once, when nobody held it'
  )
  const [leader] = leaders()
  world.run(60_000)
  t.same(leaders(), [leader])
  const lease = history.all<Lease>(resources.leases)[0]
  t.match(lease?.spec, { leaseDurationSeconds: 15, leaseTransitions: 0 })
  t.ok(lease?.spec?.holderIdentity?.startsWith(leader as string))
  const renewals = history.events.length
  t.ok(renewals >= 28 && renewals <= 32, `every retry period: ${renewals} in a minute`)
})

t.test('a lease that cannot be written yet is tried again soon, and then less often', async t => {
  const world = new World({ seed: 7 })
  const history = new History()
  const living = new Map<string, Candidate>()
  const missing = {
    status: 404,
    body: new TextEncoder().encode(JSON.stringify({ kind: 'Status', code: 404, reason: 'NotFound', message: 'no namespace' }))
  }
  history.intercept = ({ method }) => (method === 'POST' ? missing : undefined)
  for (const address of apiservers) world.start(address, fakeApiserver(history))
  world.start('machine-0/candidate', candidate(living))
  const leads = (): boolean => living.get('machine-0/candidate')?.elector.leading === true
  world.run(300)
  history.intercept = undefined
  t.ok(world.runUntil(leads, 1000), `leads ${world.nowMs - 300} ms after it can`)
  world.killThread('machine-0/candidate')
  history.objects.clear()
  history.requests = []
  history.intercept = ({ method }) => (method === 'POST' ? missing : undefined)
  world.restart(() => true)
  world.run(world.nowMs + 20_000)
  const tries = history.requests.filter(line => line.startsWith('POST')).length
  t.ok(tries > 5 && tries < 20, `${tries} tries in 20 s`)
})

t.test('given back it changes hands at once; a dead leader is waited for', async t => {
  const { world, history, addresses, leaders } = election(2, 2)
  world.runUntil(() => leaders().length === 1, 500)
  world.run(5000)
  const first = leaders()[0] as string
  const other = addresses.find(address => address !== first) as string
  world.stop(first, 'test')
  const stoppedMs = world.nowMs
  t.ok(world.runUntil(() => leaders().includes(other), stoppedMs + 5000))
  t.ok(world.nowMs - stoppedMs < 50, `clean handover took ${world.nowMs - stoppedMs} ms`)
  t.equal(history.all<Lease>(resources.leases)[0]?.spec?.leaseTransitions, 1, 'taken once; giving up is none')

  world.restart(() => true)
  world.run(world.nowMs + 5000)
  world.killThread(other)
  const killedMs = world.nowMs
  t.ok(world.runUntil(() => leaders().length > 0, killedMs + 60_000))
  const tookMs = world.nowMs - killedMs
  t.ok(tookMs >= 12_900 && tookMs <= 18_500, `its lease ran out: ${tookMs} ms`)
})

t.test('a leader that cannot renew stops leading before anyone else may start', async t => {
  const { world, leaders } = election(3, 2)
  world.runUntil(() => leaders().length === 1, 500)
  world.run(5000)
  const first = leaders()[0] as string
  for (const apiserver of apiservers) world.killThread(apiserver)
  const cutMs = world.nowMs
  t.ok(world.runUntil(() => leaders().length === 0, cutMs + 60_000))
  const lostMs = world.nowMs - cutMs
  t.ok(lostMs >= 7_900 && lostMs <= 10_100, `renewDeadline after its last renewal: ${lostMs} ms`)
  world.restart(() => true)
  t.ok(world.runUntil(() => leaders().length === 1, world.nowMs + 60_000))
  t.ok(first)
})

t.test('never two leaders, whatever dies, restarts or holds still', async t => {
  for (let seed = 100; seed < 115; seed++) {
    const { world, addresses, leaders } = election(seed, 3)
    const { random } = world
    // Clocks that run a little apart; ones that run half as fast again would break what a Lease can promise.
    for (const address of addresses)
      inflict(world, { fault: 'drift', machine: address.split('/')[0] as string, rate: 0.95 + random() / 10 })
    for (let ms = 1000; ms < 300_000; ms += 2000 + integerBelow(random, 8000)) {
      const victim = (random() < 0.3 ? apiservers : addresses)[integerBelow(random, 2)] as string
      const lastsMs = integerBelow(random, 30_000)
      const kind = integerBelow(random, 3)
      world.at(ms, () => {
        if (kind === 0) world.killThread(victim)
        else if (kind === 1) inflict(world, { fault: 'pauseThread', thread: victim })
        else world.stop(victim, 'test')
      })
      world.at(ms + lastsMs, () => {
        if (kind === 1) inflict(world, { fault: 'resumeThread', thread: victim })
        else world.restart(() => true)
      })
    }
    let two: string[] | undefined
    let ledInstants = 0
    world.runUntil(() => {
      const now = leaders()
      if (now.length > 0) ledInstants++
      if (now.length > 1) two = now
      return two !== undefined
    }, 300_000)
    t.equal(two, undefined, `seed ${seed}`)
    for (const machine of world.machines.values()) for (const thread of machine.threads.values()) thread.resume()
    world.restart(() => true)
    t.ok(ledInstants > 0 && world.runUntil(() => leaders().length === 1, world.nowMs + 60_000), `seed ${seed}: healed, one leads`)
  }
})
