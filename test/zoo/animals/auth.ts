// Animals of users and roles: where it is looked up who may, and what is remembered of it.

import type { Animal } from '../animal.js'

const write = 'a write is done only if its caller may write there when it takes effect'
const read = 'a linearizable read tells only what its caller may read when it takes effect'
const told = 'what is told of users and roles is what the changes up to that auth revision made of them'
const same = 'members that are at one auth revision hold the same users and roles'
const nobody = 'while auth is on, who shows nothing is let in nowhere; while it is off, everybody is'
const revision = 'the auth revision never goes back, and grows by one with each change'
const token = 'a token is good for nothing once its user has another password or is gone, or auth was turned off'
const allowed = 'who has the permission all the while is not denied it'

export const authAnimals: readonly Animal[] = [
  {
    name: 'a write is judged only by the member that is asked',
    modelledOn:
      'etcd [authApplierV3](https://github.com/etcd-io/etcd/blob/release-3.5/server/etcdserver/apply_auth.go): permissions are checked again when an entry is applied, since they may have changed since it was proposed',
    file: 'lib/mvcc/mvcc.ts',
    replace: [
      [
        'caller === undefined || !this.auth.isEnabled ? undefined : misfitOfCaller(this, caller, command)',
        'undefined as Failure | undefined'
      ],
      [
        "  return 'user' in caller ? writeBy(ctx, replica, command, caller) : caller\n",
        "  if (!('user' in caller)) return caller\n  const wrong = replica.mvcc.auth.isEnabled ? misfitOfCaller(replica.mvcc, caller, command) : undefined\n  return wrong === undefined ? writeBy(ctx, replica, command, caller) : refusalOf(wrong)\n",
        'lib/store/proposing.ts'
      ],
      [
        "import { answerOf } from './answers.js'\n",
        "import { answerOf, refusalOf } from './answers.js'\nimport { misfitOfCaller } from '../mvcc/access.js'\n",
        'lib/store/proposing.ts'
      ]
    ],
    habitat: 'rights',
    caught: { seeds: 14, of: 20 },
    seedsMax: 8,
    caughtBy: [write, allowed, token, nobody]
  },
  {
    name: 'a snapshot forgets that auth is on',
    modelledOn:
      'etcd [#11651](https://github.com/etcd-io/etcd/issues/11651), members whose auth stores differ after a restart: what was applied and what was kept did not agree',
    file: 'lib/mvcc/snapshot.ts',
    replace: [['auth.stand(reader.byte() === 1, reader.number())', 'auth.stand(reader.byte() === 2, reader.number())']],
    habitat: 'rights',
    caught: { seeds: 18, of: 20 },
    seedsMax: 6,
    caughtBy: [revision, told, same, nobody, write, read]
  },
  {
    name: 'rights that were looked up once outlive their revocation',
    modelledOn:
      'etcd [range_perm_cache](https://github.com/etcd-io/etcd/blob/release-3.5/server/auth/range_perm_cache.go): each change of users and roles makes what is remembered of them void',
    file: 'lib/auth/auth.ts',
    replace: [['    this.#permitted.clear()\n', '']],
    habitat: 'rights',
    caught: { seeds: 16, of: 20 },
    seedsMax: 7,
    caughtBy: [write, read, allowed, 'a serializable read tells only what its caller may have read at some time before']
  },
  {
    name: 'a token survives another password',
    modelledOn:
      'etcd [authStore.UserChangePassword](https://github.com/etcd-io/etcd/blob/release-3.5/server/auth/store.go): the tokens of a user end with its password',
    file: 'lib/store/auth-answers.ts',
    replace: [["change.type === 'deleteUser' || change.type === 'changePassword'", "change.type === 'deleteUser'"]],
    habitat: 'rights',
    caught: { seeds: 13, of: 20 },
    seedsMax: 8,
    caughtBy: [token]
  },
  {
    name: 'a linearizable read is judged before it is confirmed',
    modelledOn:
      'etcd [doSerialize](https://github.com/etcd-io/etcd/blob/release-3.5/server/etcdserver/v3_server.go): who asks is looked up after the read was confirmed, and once more after it was done',
    file: 'lib/store/reading.ts',
    replace: [
      ['misfitOfRead(ctx, replica, read.query) ?? rangeAnswer(mvcc, read.query)', 'rangeAnswer(mvcc, read.query)'],
      [
        "    if (isBehind(replica, ctx.from)) return toLeader(replica, leader => ask(leader, ctx.leftMs, 'range', query))\n",
        "    if (isBehind(replica, ctx.from)) return toLeader(replica, leader => ask(leader, ctx.leftMs, 'range', query))\n    const early = misfitOfRead(ctx, replica, query)\n    if (early !== undefined) return early\n",
        'lib/store/requests.ts'
      ]
    ],
    habitat: 'rights',
    caught: { seeds: 7, of: 20 },
    seedsMax: 15,
    caughtBy: [read, allowed, token, nobody]
  }
]
