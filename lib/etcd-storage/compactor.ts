// Compactor: has etcd forget what is older than one period, as upstream's apiserver does (storage/etcd3/compact.go).
//
// All apiservers of an etcd share one key, with which they agree: whose comparison holds compacts to the revision that it saw a period
// ago. The key and its use are upstream's, so that a kube-apiserver on the same etcd takes part.

import { type Flow, Refusal, sleep } from '../actor/index.js'
import type { EtcdConnection, EtcdContext } from './connection.js'
import { type EtcdTxnResponse, etcdMethods } from './messages.js'

const compactRevKey = 'compact_rev_key'
const callTimeoutMs = 5_000
const encoder = new TextEncoder()

export function* compactionLoop(ctx: EtcdContext, connection: EtcdConnection, everyMs: number): Flow<void> {
  let turn = 0 // The version of the key, as far as known.
  let revision = 0 // Of a period ago.
  for (;;) {
    yield* sleep('real', everyMs)
    const answer = yield* connection.call<EtcdTxnResponse>(etcdMethods.txn, agreement(turn, revision), callTimeoutMs, false)
    if (answer instanceof Refusal) {
      ctx.log('cannot agree on a compaction', { code: answer.code, reason: answer.detail })
      continue
    }
    const before = revision
    revision = answer.header?.revision ?? 0
    if (!answer.succeeded) {
      turn = answer.responses[0]?.responseRange?.kvs[0]?.version ?? 0
      continue
    }
    turn++
    if (before === 0) continue // Nobody waited a period for this one.
    const compacted = yield* connection.call(etcdMethods.compact, { revision: before }, callTimeoutMs, false)
    if (compacted instanceof Refusal && compacted.code !== 'compacted')
      ctx.log('cannot compact', { code: compacted.code, revision: before })
    else ctx.log('compacted', { revision: before })
  }
}

/** Ours if nobody had a turn since. */
const agreement = (turn: number, revision: number): object => ({
  compare: [{ key: compactRevKey, result: 0, target: 0, version: turn }],
  success: [{ requestPut: { key: compactRevKey, value: encoder.encode(String(revision)) } }],
  failure: [{ requestRange: { key: compactRevKey } }]
})
