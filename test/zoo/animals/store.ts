// Animals of a member: what it saves, tells and answers, and when.

import type { Animal } from '../animal.js'

export const storeAnimals: readonly Animal[] = [
  {
    name: 'every read is of the state at hand',
    modelledOn: '[Jepsen: etcd and Consul](https://aphyr.com/posts/316-call-me-maybe-etcd-and-consul), reads were not linearizable',
    file: 'lib/store/requests.ts',
    replace: [['if (query.serializable === true && replica.reads.isCurrent) return', "if (query.key !== '') return"]],
    habitat: 'store',
    caught: { seeds: 12, of: 20 },
    seedsMax: 19,
    caughtBy: [
      'an answer is at least as new as every answer given before it was asked',
      'a revision that was acknowledged is never refused as being in the future',
      'serializable reads of one client at one member never go back'
    ]
  },
  {
    name: 'a read is answered before its index is applied',
    modelledOn: '[Raft thesis](https://github.com/ongardie/dissertation) §6.4: a read waits until the state machine has reached its index',
    file: 'lib/store/reading.ts',
    replace: [
      ['    if (batch.index > applied.index) waiting.push(batch)', '    if (batch.index > applied.index + readsMax) waiting.push(batch)']
    ],
    habitat: 'store',
    caught: { seeds: 1, of: 20 },
    seedsMax: 200,
    caughtBy: ['an answer is at least as new as every answer given before it was asked']
  },
  {
    name: 'entries are not saved',
    modelledOn: 'etcd [#14143](https://github.com/etcd-io/etcd/issues/14143), committed writes lost with data that was not synced',
    file: 'lib/raft/raft.ts',
    replace: [
      ['mustSync = voteChanged || entries.length > 0 || core.installing !== null', 'mustSync = voteChanged || core.installing !== null']
    ],
    habitat: 'outages',
    caught: { seeds: 20, of: 20 },
    seedsMax: 10,
    caughtBy: [
      'a log is found damaged only where its disk decayed',
      'no member fails by a fault of its own',
      'once all faults have ended, every member takes writes again within the bound'
    ]
  },
  {
    name: 'an acknowledgement leaves before the save',
    modelledOn: 'TiKV [#994](https://github.com/tikv/tikv/issues/994), a follower acknowledged what it then lost',
    file: 'lib/store/processing.ts',
    replace: [
      [
        '    save(ctx, replica, ready)\n    send(ctx, replica, ready.messagesAfterSave)\n',
        '    send(ctx, replica, ready.messagesAfterSave)\n    save(ctx, replica, ready)\n'
      ]
    ],
    habitat: 'outages',
    caught: { seeds: 6, of: 20 },
    seedsMax: 20,
    caughtBy: ['no member fails by a fault of its own', 'once all faults have ended, every member takes writes again within the bound']
  },
  {
    name: 'an entry is applied again after a restart',
    modelledOn:
      'etcd [#13766](https://github.com/etcd-io/etcd/issues/13766), the index of what is applied was not saved with what it applied',
    file: 'lib/store/snapshotting.ts',
    replace: [
      [
        '  const meta = replica.raft.snapshotMeta(replica.applied.index)\n  const header',
        '  const meta = replica.raft.snapshotMeta(Math.max(replica.raft.status().firstIndex - 1, replica.applied.index - 1))\n  const header'
      ]
    ],
    habitat: 'disks',
    caught: { seeds: 17, of: 20 },
    seedsMax: 12,
    caughtBy: [
      'members tell the same history',
      'an answer is at least as new as every answer given before it was asked',
      'members that caught up hold equal states'
    ]
  },
  {
    name: 'a write in doubt is passed on again',
    modelledOn: '[Jepsen: jetcd 0.8.2](https://jepsen.io/analyses/jetcd-0.8.2): a transaction that was retried took effect twice',
    file: 'lib/store/proposing.ts',
    replace: [
      [
        '  const outcome = yield* pass(leader as Ref<StoreMemberProtocol>)\n',
        '  let outcome = yield* pass(leader as Ref<StoreMemberProtocol>)\n  if (!outcome.ok && !outcome.error.definite) outcome = yield* pass(leader as Ref<StoreMemberProtocol>)\n'
      ]
    ],
    habitat: 'store',
    caught: { seeds: 5, of: 20 },
    seedsMax: 34,
    caughtBy: ['what is refused definitely takes no effect, ever', 'a write takes effect at most once']
  },
  {
    name: 'a write in doubt is told to have failed',
    modelledOn: '[Jepsen: jetcd 0.8.2](https://jepsen.io/analyses/jetcd-0.8.2): a transaction appeared to fail and took effect',
    file: 'lib/store/processing.ts',
    replace: [
      [
        "ctx.answer(waiting.later, doubt('leader lost', 'the leader changed before the write was decided'))",
        "ctx.answer(waiting.later, refuse('leader lost', 'the leader changed before the write was decided'))"
      ]
    ],
    habitat: 'store',
    caught: { seeds: 5, of: 20 },
    seedsMax: 29,
    caughtBy: ['what is refused definitely takes no effect, ever']
  }
]
