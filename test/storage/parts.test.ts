// What the translation to etcd is made of, as data: keys, versions, failures.

import t from 'tap'
import { isOfMember, isOfTls, refusalOf } from '../../lib/etcd-storage/failures.js'
import { KeyPrefix, Translation } from '../../lib/etcd-storage/index.js'
import { misfitOfVersion, progressIsReliable } from '../../lib/etcd-storage/version.js'

t.test('keys: ours are under the prefix, with and without slashes around it', async t => {
  const table: readonly (readonly [prefix: string, key: string, inEtcd: string | undefined])[] = [
    ['/registry', '/registry/pods/a', '/registry/pods/a'],
    ['registry/', '/registry/pods/a', '/registry/pods/a'],
    ['/a/b/', '/registry/pods/a', '/a/b/pods/a'],
    ['/', '/registry/pods/a', '/pods/a'],
    ['/a', '/registry0', '/a0'],
    ['/a', '', ''],
    ['/a', '/elsewhere', undefined]
  ]
  for (const [prefix, key, inEtcd] of table) t.equal(new KeyPrefix(prefix).toEtcd(key), inEtcd, `${prefix} ${key}`)
  const prefix = new KeyPrefix('/a')
  t.equal(prefix.fromEtcd('/a/pods/b'), '/registry/pods/b')
  t.equal(prefix.fromEtcd('/ab/pods/b'), undefined, 'another that begins alike')
  t.equal(prefix.fromEtcd('compact_rev_key'), undefined)
  t.same(prefix.rangeToEtcd('\0', '\0'), { key: '/a/', end: '/a0' }, 'every key is every one of ours')
  t.same(prefix.rangeToEtcd('/registry/', '/registry0'), { key: '/a/', end: '/a0' })
  t.equal(prefix.rangeToEtcd('/registry/', '\0'), undefined, 'no end would be more than ours')
  const translation = new Translation(prefix)
  const inTxn = { compares: [], success: [{ type: 'put', key: '/elsewhere', value: new Uint8Array(0) }], failure: [] } as const
  for (const refused of [translation.rangeRequest({ key: '/elsewhere' }), translation.txnRequest(inTxn)])
    t.match(refused, { code: 'invalid', definite: true, detail: /elsewhere/ })
})

t.test('a watch of all of etcd tells ours, and the revision of what is not', async t => {
  const kv = (key: string, modRevision: number) => ({ key, modRevision, createRevision: 0, version: 1, value: new Uint8Array(0), lease: 0 })
  const events = [kv('/a/pods/b', 7), kv('/other/pods/b', 8)].map(kv => ({ type: 0, kv }))
  const header = { clusterId: 1n, memberId: 1n, revision: 20 } // A watch that catches up is told the newest revision with old events.
  const response = { header, created: false, canceled: false, compactRevision: 0, cancelReason: '', events }
  const translation = new Translation(new KeyPrefix('/a'))
  t.match(translation.watchBatch(response), { revision: 8, events: { length: 1, 0: { kv: { key: '/registry/pods/b' } } } })
  t.same(translation.watchBatch({ ...response, events: [] }), { revision: 20, events: [] })
})

t.test('versions', async t => {
  const table: readonly (readonly [version: string, usable: boolean, progress: boolean])[] = [
    ['2.3.8', false, false],
    ['3.3.27', false, false],
    ['3.4.0', true, false],
    ['3.4.23', true, false],
    ['3.4.31', true, true],
    ['3.5.0', true, false],
    ['3.5.12', true, false],
    ['3.5.13', true, true],
    ['3.6.0-rc.1', true, true],
    ['4.0.0', true, true],
    ['', false, false]
  ]
  for (const [version, usable, progress] of table) {
    t.equal(misfitOfVersion(version) === undefined, usable, `${version} can be used`)
    t.equal(progressIsReliable(version), progress, `${version} tells its progress`)
  }
})

t.test('failures: what they are called, whether anything may have happened, whether another member may do better', async t => {
  const table: readonly (readonly [code: string, detail: string, sent: boolean, called: string, definite: boolean, another: boolean])[] = [
    ['OUT_OF_RANGE', 'etcdserver: mvcc: required revision has been compacted', true, 'compacted', true, false],
    ['INVALID_ARGUMENT', 'etcdserver: request is too large', true, 'request too large', true, false],
    ['RESOURCE_EXHAUSTED', 'etcdserver: mvcc: database space exceeded', true, 'no space', true, false],
    ['PERMISSION_DENIED', 'etcdserver: permission denied', true, 'denied', true, false],
    ['UNAVAILABLE', 'etcdserver: no leader', true, 'no leader', true, true],
    ['UNAVAILABLE', 'etcdserver: leader changed', true, 'unavailable', false, true],
    ['UNAVAILABLE', 'etcdserver: request timed out', true, 'unavailable', false, true],
    ['UNAVAILABLE', 'Connection dropped', true, 'unavailable', false, true],
    ['UNAVAILABLE', 'No connection established. Last error: ECONNREFUSED', false, 'unavailable', true, true],
    ['DEADLINE_EXCEEDED', 'Deadline exceeded after 1.000s', true, 'unavailable', false, true],
    ['timeout', '', true, 'unavailable', false, true],
    ['UNKNOWN', 'raft proposal dropped', true, 'unavailable', false, true]
  ]
  for (const [code, detail, sent, called, definite, another] of table) {
    const definiteHere = !sent || code === 'OUT_OF_RANGE' || code === 'INVALID_ARGUMENT'
    const failure = { code, detail, definite: definiteHere }
    t.match(refusalOf(failure), { code: called, definite }, detail)
    t.equal(isOfMember(failure), another, `another member after ${detail}`)
  }
  for (const detail of [
    'self-signed certificate',
    'unable to get local issuer certificate',
    'wrong version number',
    'ERR_TLS_CERT_ALTNAME_INVALID'
  ])
    t.ok(isOfTls({ code: 'UNAVAILABLE', detail, definite: true }), detail)
  t.notOk(isOfTls({ code: 'UNAVAILABLE', detail: 'connect ECONNREFUSED 127.0.0.1:1', definite: true }))
})
