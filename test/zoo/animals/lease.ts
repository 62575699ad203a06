// Animals of leases: who says when they end, and what ends with them.

import type { Animal } from '../animal.js'

const unconfirmed = '  return ((now: any) => ((later: any) => (now(later), later))(ctx.defer()))((later: Later<any>) => {\n'

export const leaseAnimals: readonly Animal[] = [
  {
    name: 'a deposed leader renews leases',
    modelledOn:
      'etcd [#12528](https://github.com/etcd-io/etcd/issues/12528), a leader that was deposed and does not know goes on with its leases',
    file: 'lib/store/leasing.ts',
    replace: [
      [
        'readonly id: number } & Asker): Later<any> {\n  return confirmed(ctx, replica, later => {\n',
        `readonly id: number } & Asker): Later<any> {\n${unconfirmed}`
      ]
    ],
    habitat: 'deposedLeases',
    caught: { seeds: 2, of: 20 },
    seedsMax: 50,
    caughtBy: [
      'a lease lives for its time to live from its last acknowledged grant or renewal, less what clocks err, unless it is revoked',
      'a lease that was told gone is never there again'
    ]
  },
  {
    name: 'a deposed leader tells what is left of leases',
    modelledOn: 'etcd [#17642](https://github.com/etcd-io/etcd/pull/17642), a remaining time told while the leader changed was wrong',
    file: 'lib/store/leasing.ts',
    replace: [
      [
        'LeaseQuery & Asker): Later<StoreLease> {\n  return confirmed(ctx, replica, later => {\n',
        `LeaseQuery & Asker): Later<StoreLease> {\n${unconfirmed}`
      ]
    ],
    habitat: 'deposedLeases',
    caught: { seeds: 7, of: 20 },
    seedsMax: 15,
    caughtBy: [
      'a lease lives for its time to live from its last acknowledged grant or renewal, less what clocks err, unless it is revoked',
      'a lease that was told gone is never there again',
      'the keys that a lease is told to have are those that were attached to it'
    ]
  },
  {
    name: 'a renewal leaves the checkpoint as it was',
    modelledOn:
      'etcd [#9924](https://github.com/etcd-io/etcd/pull/9924): a renewal takes the checkpoint back in the log, or a new leader starts from it',
    file: 'lib/store/leasing.ts',
    replace: [['    if (checkpoint === 0) return ctx.answer', '    if (checkpoint >= 0) return ctx.answer']],
    habitat: 'checkpoints',
    caught: { seeds: 6, of: 20 },
    seedsMax: 17,
    caughtBy: ['a lease lives for its time to live from its last acknowledged grant or renewal, less what clocks err, unless it is revoked']
  },
  {
    name: 'a lease is told gone before it is',
    modelledOn: 'etcd [#15247](https://github.com/etcd-io/etcd/issues/15247): what a leader holds to be over need not be so for the next',
    file: 'lib/store/leasing.ts',
    replace: [
      [
        "    if (ttlSeconds === undefined) return enter(replica, { type: 'leaseRevoke', id }, { later, answer: goneAnswer })",
        '    if (ttlSeconds === undefined) return ctx.answer(later, { ttlSeconds: 0, revision: mvcc.revision })'
      ]
    ],
    habitat: 'leases',
    caught: { seeds: 6, of: 20 },
    seedsMax: 17,
    caughtBy: ['a lease that was told gone is never there again', 'the keys of a lease are gone once it is']
  },
  {
    name: 'a renewal is accepted after the end',
    modelledOn:
      'etcd [#9888](https://github.com/etcd-io/etcd/issues/9888) and its lessor: a lease that expired is renewed by nobody, since its revocation is on its way',
    file: 'lib/mvcc/lease-clock.ts',
    replace: [
      ['deadline === undefined || deadline.overdue || deadline.atMs <= nowMs', 'deadline === undefined || (deadline.overdue = false)']
    ],
    habitat: 'leases',
    caught: { seeds: 9, of: 20 },
    seedsMax: 15,
    caughtBy: ['a lease lives for its time to live from its last acknowledged grant or renewal, less what clocks err, unless it is revoked']
  },
  {
    name: 'a key is left behind when its lease ends',
    modelledOn:
      'etcd [API](https://etcd.io/docs/v3.5/learning/api/#lease-api): when a lease expires or is revoked, all keys attached to it are deleted',
    file: 'lib/mvcc/mvcc.ts',
    replace: [['for (const key of [...lease.keys].sort())', 'for (const key of [...lease.keys].sort().slice(0, 2))']],
    habitat: 'leases',
    caught: { seeds: 10, of: 10 },
    seedsMax: 10,
    caughtBy: [
      'the keys of a lease are gone once it is',
      'the keys of a lease go together',
      'a lease that nobody renews is gone within its time to live and the bound, once one leader leads'
    ]
  }
]
