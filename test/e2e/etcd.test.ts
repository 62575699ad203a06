// etcd's API as its clients have it: the real etcdctl and the npm client etcd3, against a whole cluster with client certificates.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import * as path from 'node:path'
import { Etcd3 } from 'etcd3'
import t, { type Test } from 'tap'
import { canListen } from '../../lib/host/free-port.js'
import { command, type Output, portStart, runNode, TestCluster, until } from './cluster.js'
import { certificatesAndTokens, usersAndRoles } from './etcd-auth.js'
import { Etcdctl, etcdctlMissing, freePorts } from './etcdctl.js'

const missing = etcdctlMissing()

const noSpace = 'etcdserver: mvcc: database space exceeded'
const aHundredKilobytes = 'x'.repeat(100_000) // An argument may have 128 KiB.

/** What a person does whose etcd is full: https://etcd.io/docs/v3.5/op-guide/maintenance/#space-quota */
async function quotaOf(t: Test, cluster: TestCluster, etcd: Etcdctl): Promise<void> {
  const put = (key: string): Promise<Output> => etcd.run(['put', key, aHundredKilobytes])
  let count = 0
  let last = await put('q/0')
  while (last.code === 0 && count < 50) last = await put(`q/${++count}`)
  t.match(last.stderr, noSpace, `after ${count}`)
  t.ok(count > 5, `${count} had room`)
  const alarm = /^memberID:\d+ alarm:NOSPACE/
  t.match(await etcd.ok('alarm', 'list'), alarm)
  t.match((await etcd.json('endpoint', 'status'))[0].Status.errors[0], alarm)
  t.match(await cluster.kabukiOk('status'), /role=leader .*alarms=NOSPACE/)
  t.equal((await etcd.json('get', 'q/', '--prefix', '--keys-only')).count, count, 'reads go on')
  t.match((await cluster.kubectl('create', 'namespace', 'refused')).stderr, 'database space exceeded')
  t.equal(await etcd.ok('del', 'q/', '--prefix'), String(count), 'and what makes room')
  const { header } = await etcd.json('get', 'flag')
  await etcd.ok('compact', String(header.revision))
  t.match(await etcd.ok('defrag'), 'Finished defragmenting')
  t.match((await put('q/again')).stderr, noSpace, 'there is room, but the alarm is on')
  t.match(await etcd.ok('alarm', 'disarm'), alarm)
  t.equal(await etcd.ok('alarm', 'list'), '')
  t.equal((await put('q/again')).code, 0)
  t.equal((await cluster.kubectl('create', 'namespace', 'taken')).code, 0)
}

const lines = (text: string): string[] => text.split('\n')

t.test('etcd’s API', { skip: missing ?? false, timeout: 600_000 }, async t => {
  const first = await freePorts(4)
  const endpoints = [0, 1, 2].map(at => `https://127.0.0.1:${first + at}`)
  const cluster = await TestCluster.up({ args: ['--nodes', '0', '--etcd-port', String(first)] })
  t.teardown(async () => {
    await cluster.end()
    cluster.remove()
  })
  const etcd = new Etcdctl(cluster, endpoints)

  t.test('up and status say where it is', async t => {
    t.match(cluster.output, `etcdctl --endpoints ${endpoints.join(',')} --cacert ${path.join(cluster.dataDir, 'pki', 'ca.crt')}`)
    const status = await cluster.status()
    t.same(status.etcd, endpoints)
    t.match(await cluster.kabukiOk('status'), `etcd         ${endpoints.join(',')}`)
    const taken = await runNode([command, 'up', '--ephemeral', '--port', String(portStart + 5), '--etcd-port', String(first - 1)])
    t.match(taken, {
      code: 1,
      stderr: new RegExp(`needs ports ${first - 1} to ${first + 1} of 127.0.0.1, and ${first} is taken: choose others`)
    })
  })

  t.test('keys: put, get, ranges, order, revisions, delete', async t => {
    for (const [key, value] of ['a1', 'a2', 'a3', 'b1'].map((key, at) => [key, `v${9 - at}`] as const)) await etcd.ok('put', key, value)
    t.same(lines(await etcd.ok('get', 'a', '--prefix')), ['a1', 'v9', 'a2', 'v8', 'a3', 'v7'])
    t.same(lines(await etcd.ok('get', 'a2', 'b9', '--keys-only')), ['a2', '', 'a3', '', 'b1'])
    t.same(lines(await etcd.ok('get', 'a', '--prefix', '--limit', '2', '--print-value-only')), ['v9', 'v8'])
    t.same(lines(await etcd.ok('get', 'a2', '--from-key', '--limit', '3', '--keys-only')), ['a2', '', 'a3', '', 'b1'])
    const { header, kvs, count } = await etcd.json('get', 'a1')
    t.match(kvs, [{ key: Buffer.from('a1').toString('base64'), version: 1 }])
    t.equal(count, 1)
    t.ok(header.cluster_id > 0 && header.member_id > 0 && header.raft_term > 0 && header.revision >= kvs[0].mod_revision, 'a whole header')
    t.same(lines(await etcd.ok('put', 'a1', 'new', '--prev-kv')), ['OK', 'a1', 'v9'])
    t.same(lines(await etcd.ok('get', 'a', '--prefix', '--sort-by', 'MODIFY', '--order', 'DESCEND', '--limit', '2', '--keys-only')), [
      'a1',
      '',
      'a3'
    ])
    t.same(lines(await etcd.ok('get', 'a', '--prefix', '--sort-by', 'VALUE', '--print-value-only')), ['new', 'v7', 'v8'])
    t.equal(await etcd.ok('get', 'a1', '--rev', String(kvs[0].mod_revision), '--print-value-only'), 'v9')
    t.match(await etcd.error('get', 'a1', '--rev', '1000000'), 'etcdserver: mvcc: required revision is a future revision')
    t.match(await etcd.error('put', '', 'x'), 'etcdserver: key is not provided')
    t.same(lines(await etcd.ok('del', 'a', '--prefix', '--prev-kv')).length, 7)
    t.equal(await etcd.ok('del', 'nothing'), '0')
    t.equal((await etcd.json('get', 'b', '--prefix', '--consistency', 's')).count, 1)
    const bytes = await etcd.json('put', 'bytes', 'ü€\u{1f600}')
    t.ok(bytes.header.revision > 0)
    t.equal(await etcd.ok('get', 'bytes', '--print-value-only'), 'ü€\u{1f600}')
    const large = await etcd.run(['put', 'large', 'x'.repeat(100_000)])
    t.equal(large.code, 0)
  })

  t.test('watches: from a revision, prefixes, previous values, several a stream, compaction', async t => {
    const { header } = await etcd.json('put', 'w/0', 'zero')
    const watch = etcd.start('watch', 'w/', '--prefix', '--prev-kv', '--rev', String(header.revision))
    const interactive = etcd.start('watch', '-i')
    interactive.process.stdin?.write('watch w/1\nwatch w/2 --prev-kv\n')
    await until('the first event', async () => watch.lines().length >= 3)
    await etcd.ok('put', 'w/1', 'one')
    await etcd.ok('put', 'w/1', 'two')
    await etcd.ok('del', 'w/1')
    const first = ['PUT', 'w/0', 'zero', 'PUT', 'w/1', 'one']
    const second = ['PUT', 'w/1', 'one', 'w/1', 'two', 'DELETE', 'w/1', 'two', 'w/1', '']
    await until('all events', async () => watch.lines().length >= first.length + second.length)
    t.same(watch.lines(), [...first, ...second], 'a previous value only where there was one')
    watch.process.kill()
    await until('one stream, two watches', async () => {
      await etcd.ok('put', 'w/1', 'again')
      await etcd.ok('put', 'w/2', 'other')
      const seen = interactive.lines().join(' ')
      return seen.includes('w/1 again') && seen.includes('w/2 other')
    })
    const known = (await etcd.json('get', 'w/1')).header.revision as number
    await until('how far it is, as asked for', async () => {
      interactive.process.stdin?.write('progress\n')
      return interactive.lines().some(line => Number(/^progress notify: (\d+)$/.exec(line)?.[1]) >= known)
    })
    interactive.process.kill()
    const last = await etcd.json('put', 'w/0', 'last')
    t.equal(await etcd.ok('compact', String(last.header.revision)), `compacted revision ${last.header.revision}`)
    t.match(await etcd.error('get', 'w/0', '--rev', String(header.revision)), 'etcdserver: mvcc: required revision has been compacted')
    t.match(await etcd.error('compact', String(header.revision)), 'etcdserver: mvcc: required revision has been compacted')
    t.match(await etcd.error('watch', 'w/0', '--rev', String(header.revision)), 'required revision has been compacted')
  })

  t.test('transactions, and leases', async t => {
    const txn = (text: string) => etcd.input(text, 'txn')
    await etcd.ok('put', 'flag', '1')
    t.same(lines(await txn('value("flag") = "1"\n\nput flag 2\nget flag\n\nget flag\n\n')), ['SUCCESS', '', 'OK', '', 'flag', '2'])
    t.same(lines(await txn('mod("flag") = "1"\n\nput flag 3\n\nget flag\n\n')), ['FAILURE', '', 'flag', '2'])
    await t.rejects(txn('\nput twice 1\nput twice 2\n\n\n'), /etcdserver: duplicate key given in txn request/)
    const id = /lease (\w+) granted/.exec(await etcd.ok('lease', 'grant', '100'))?.[1] as string
    await etcd.ok('put', 'leased', 'x', '--lease', id)
    t.match(await etcd.ok('lease', 'timetolive', id, '--keys'), /granted with TTL\(100s\), remaining\(\d+s\), attached keys\(\[leased\]\)/)
    t.match(await etcd.ok('lease', 'list'), id)
    t.match(await etcd.ok('lease', 'keep-alive', id, '--once'), 'keepalived with TTL(100)')
    await etcd.ok('lease', 'revoke', id)
    t.equal(await etcd.ok('get', 'leased'), '')
    t.match(await etcd.ok('lease', 'timetolive', id), 'already expired')
    t.match(await etcd.error('lease', 'revoke', id), 'etcdserver: requested lease not found')
    t.match(await etcd.error('put', 'leased', 'x', '--lease', id), 'etcdserver: requested lease not found')
    t.equal(await etcd.ok('lock', 'mutex', 'echo', 'mine'), 'mine')
    const elected = etcd.start('elect', 'office', 'me')
    await until('somebody is elected', async () => elected.lines().includes('me'))
    elected.process.kill()
  })

  t.test('maintenance: a snapshot, alarms, who leads; what there is not says so', async t => {
    const file = path.join(cluster.dataDir, 'saved.db')
    await etcd.okAt([endpoints[0] as string], 'snapshot', 'save', file)
    const saved = readFileSync(file)
    t.ok(createHash('sha256').update(saved.subarray(0, -32)).digest().equals(saved.subarray(-32)), 'with the hash that etcdctl looks for')
    t.equal(await etcd.ok('alarm', 'list'), '')
    t.equal(await etcd.ok('alarm', 'disarm'), '')
    t.match(await etcd.ok('defrag'), 'Finished defragmenting')
    const leads = async (): Promise<any> => {
      const statuses: any[] = await etcd.json('endpoint', 'status')
      return statuses.find(({ Status }) => Status.leader === Status.header.member_id)
    }
    const { members }: { members: { name: string; ID: number }[] } = await etcd.json('member', 'list')
    t.same(members.map(({ name }) => name).sort(), ['control-0', 'control-1', 'control-2'])
    const list = lines(await etcd.ok('member', 'list'))
    const before = await leads()
    const next = list.find(line => !line.includes(before.Endpoint)) as string
    t.match(await etcd.ok('move-leader', next.split(',')[0] as string), 'Leadership transferred')
    await until('the other leads', async () => next.includes((await leads()).Endpoint))
  })

  t.test('what etcdctl saved becomes another cluster', async t => {
    const saved = await etcd.json('get', 'flag')
    const dataDir = path.join(t.testdir({}), 'restored')
    const restored = await runNode([
      command,
      'store',
      'restore',
      path.join(cluster.dataDir, 'saved.db'),
      '--data-dir',
      dataDir,
      '--stores',
      '1'
    ])
    t.equal(restored.code, 0, restored.stderr)
    const port = await freePorts(1, first + 20)
    const args = ['--nodes', '0', '--stores', '1', '--etcd-port', String(port), '--etcd-insecure', '--store-quota-bytes', '4000000']
    const other = await TestCluster.up({ dataDir, port: portStart + 7, args })
    t.teardown(() => other.end())
    const printed = /etcdctl --endpoints (\S+)\n/.exec(other.output)?.[1] as string
    t.equal(printed, `127.0.0.1:${port}`)
    const copy = new Etcdctl(undefined, [printed])
    t.match(await copy.ok('endpoint', 'status'), '3.5.0+kabuki')
    const found = await copy.json('get', 'flag')
    t.same(found.kvs, saved.kvs, 'its revisions, too')
    t.not(found.header.cluster_id, saved.header.cluster_id, 'it is another cluster')
    await t.test('which has users and roles', t => usersAndRoles(t, copy))
    await t.test('which has a quota: over it nothing grows, until there is room and the alarm is lowered', t => quotaOf(t, other, copy))
  })

  t.test('members are added, promoted and removed, each with an endpoint of its own', async t => {
    const added = await etcd.ok('member', 'add', 'control-3', '--learner', '--peer-urls', 'http://control-3:2380')
    // etcdctl pads an ID to 16 places with spaces, and one in sixteen has fewer digits.
    const id = /Member +(\w+) added/.exec(added)?.[1] as string
    const own = `https://127.0.0.1:${first + 3}`
    let listed = ''
    await until('it is started', async () => {
      listed = await etcd.ok('member', 'list')
      return listed.includes(`${id}, started, control-3, http://control-3:2380, ${own}, true`)
    }).catch(async error => {
      throw new Error(`${error.message}: it is\n${listed}\n${await cluster.kabukiOk('status')}`)
    })
    await until('it is in sync', async () => (await etcd.run(['member', 'promote', id])).code === 0)
    await until('it votes', async () => (await etcd.run(['put', 'by', 'the fourth'], [own])).code === 0)
    t.match(await etcd.ok('member', 'remove', id), `${id} removed`)
    t.equal(lines(await etcd.ok('member', 'list')).length, 3)
    t.match(await etcd.error('member', 'remove', id), 'etcdserver: member not found')
    t.match(await etcd.error('member', 'add', 'control-3', '--peer-urls', 'http://control-3:2380'), 'etcdserver: member ID already exist')
    t.match(await etcd.error('member', 'add', 'x', '--peer-urls', 'http://x:2380'), 'etcdserver: given member URLs are invalid')
    await until('its endpoint is gone', () => canListen('127.0.0.1', first + 3))
  })

  const npmClient = (hosts: readonly string[]): Etcd3 => {
    const pki = (file: string): Buffer => readFileSync(path.join(cluster.dataDir, 'pki', file))
    const credentials = { rootCertificate: pki('ca.crt'), certChain: pki('admin.crt'), privateKey: pki('admin.key') }
    const grpcOptions = { 'grpc.max_receive_message_length': -1 }
    return new Etcd3({ hosts: hosts.map(url => url.replace('127.0.0.1', 'localhost')), credentials, grpcOptions })
  }
  t.test('the npm client etcd3', async t => {
    const client = npmClient(endpoints)
    await client.put('n/1').value('one')
    t.same(await client.getAll().prefix('n/').strings(), { 'n/1': 'one' })
    const watcher = await client.watch().prefix('n/').create()
    const seen: string[] = []
    watcher.on('put', ({ key, value }) => seen.push(`${key}=${value}`))
    await client.put('n/2').value('two')
    await until('the event', async () => seen.includes('n/2=two'))
    await watcher.cancel()
    const swapped = await client.if('n/2', 'Value', '==', 'two').then(client.put('n/2').value('three')).else(client.get('n/2')).commit()
    t.ok(swapped.succeeded)
    const lease = client.lease(30)
    await lease.put('n/3').value('leased')
    t.equal((await client.get('n/3').exec()).kvs[0]?.lease, await lease.grant())
    await lease.revoke()
    t.equal(await client.get('n/3').string(), null)
    t.equal(await client.lock('n/lock').do(async () => 'inside'), 'inside')
    await client.stm().transact(async tx => tx.put('n/2').value(`${await tx.get('n/2').string()}!`))
    t.equal(await client.get('n/2').string(), 'three!')
    t.equal(
      await client
        .delete()
        .prefix('n/')
        .then(({ deleted }) => deleted),
      '2'
    )
    await t.rejects(client.get('n/1').revision(1_000_000).exec(), /required revision is a future revision/)
    client.close()
  })

  t.test('endpoints: status, health, equal hashes', async t => {
    const statuses: any[] = await etcd.json('endpoint', 'status')
    t.equal(statuses.length, 3)
    t.equal(new Set(statuses.map(({ Status }) => Status.header.member_id)).size, 3, 'each its own member')
    t.equal(new Set(statuses.map(({ Status }) => Status.header.cluster_id)).size, 1)
    t.equal(statuses.filter(({ Status }) => Status.leader === Status.header.member_id).length, 1, 'one leads')
    const health = await etcd.run(['endpoint', 'health'])
    t.equal((health.stdout + health.stderr).match(/is healthy/g)?.length, 3)
    await until('equal hashes', async () => {
      const hashes: any[] = await etcd.json('endpoint', 'hashkv')
      const [one, ...others] = hashes.map(({ HashKV }) => `${HashKV.header.revision} ${HashKV.hash}`)
      return others.every(other => other === one)
    })
  })

  t.test('auth: certificates, tokens, and the cluster itself', t => certificatesAndTokens(t, cluster, etcd))

  t.test('only clients with a certificate come in, and garbage harms nobody', async t => {
    const [endpoint = ''] = endpoints
    const pki = (file: string): string => path.join(cluster.dataDir, 'pki', file)
    t.ok(readFileSync(pki('ca.crt')).length > 0)
    const socket = connect(first, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await new Promise(resolve => socket.on('close', resolve))
    t.match(await etcd.okAt([endpoint], 'get', 'w/0', '--print-value-only'), 'last')
  })

  t.test('the leader dies, clients go on', async t => {
    const leaderOf = async (): Promise<string> => (await cluster.status()).leaders.store as string
    const leader = await leaderOf()
    const at = Number(/control-(\d)/.exec(leader)?.[1])
    const rest = endpoints.filter((_, index) => index !== at)
    const watch = new Etcdctl(cluster, [endpoints[at] as string]).start('watch', 'after')
    t.teardown(() => watch.process.kill())
    const seen = (): string => watch.lines().join(' ')
    await until('it watches', async () => {
      await etcd.ok('put', 'after', 'nothing')
      return seen().includes('PUT after nothing')
    })
    await cluster.kabukiOk('chaos', 'kill', leader, '--for', '3s')
    t.equal(await etcd.okAt(rest, 'put', 'after', 'death'), 'OK', 'a write waits for the next leader')
    t.equal(
      await etcd.okAt([endpoints[at] as string, ...rest], 'get', 'after', '--print-value-only'),
      'death',
      'nobody listens where the dead member did: a client that knows others asks them'
    )
    await until('a watch outlives its member', async () => seen().includes('PUT after death'))
    await cluster.kabukiOk('chaos', 'kill', `control-${at}/etcd`)
    await until('and its gateway', async () => {
      await etcd.okAt(rest, 'put', 'after', 'that')
      return seen().includes('PUT after that')
    })
    await etcd.okAt(rest, 'put', 'after', 'death')
    await until('the gateway is back', async () => (await etcd.run(['get', 'after'], [endpoints[at] as string])).code === 0)
  })

  t.test('without a majority writes fail in etcd’s words, and what rests on none is answered', async t => {
    for (const member of ['control-1/store', 'control-2/store']) await cluster.kabukiOk('chaos', 'kill', member, '--stay-down')
    const { code, stderr } = await etcd.run(['put', 'nobody', 'agrees', '--command-timeout', '60s'], [endpoints[0] as string])
    t.equal(code, 1)
    t.match(stderr, 'etcdserver: request timed out')
    t.equal(
      (await etcd.run(['get', 'after', '--consistency', 's'], [endpoints[0] as string])).stdout,
      'after\ndeath\n',
      'what rests on no majority is answered'
    )
    for (const member of ['control-1/store', 'control-2/store']) await cluster.kabukiOk('chaos', 'resume', member)
    await until('writes again', async () => (await etcd.run(['put', 'all', 'agree'])).code === 0)
  })

  const perf = process.env.KABUKI_ETCD_PERF === undefined ? 'they take minutes: npm run test:long, or KABUKI_ETCD_PERF=1' : false
  t.test('etcdctl check perf', { skip: perf }, async t => {
    const { stdout, stderr } = await etcd.run(['check', 'perf', '--load', 's'])
    t.match(stdout, 'PASS', stderr)
  })
  t.test('clients that read more at once than its thread may hold', { skip: perf }, async t => {
    const client = npmClient(endpoints.slice(1, 2))
    const value = Buffer.alloc(1 << 20, 'x')
    for (let at = 0; at < 40; at++) await client.put(`large/${at}`).value(value)
    const term = (await etcd.json('endpoint', 'status'))[0].Status.raftTerm
    const read = (): Promise<number> =>
      client
        .getAll()
        .prefix('large/')
        .exec()
        .then(({ kvs }) => kvs.length)
    const counts = await Promise.all(Array.from({ length: 24 }, read)) // 960 MiB.
    t.same(new Set(counts), new Set([40]))
    t.equal((await etcd.json('endpoint', 'status'))[0].Status.raftTerm, term, 'nobody died of it')
    client.close()
  })
})
