// Users and roles as etcdctl and the npm client have them: what a person types, and what etcd 3.4 answers to the same (its texts were taken
// from Debian's etcd, but for what later patches of 3.5 refuse).

import { readFileSync } from 'node:fs'
import * as path from 'node:path'
import { Etcd3 } from 'etcd3'
import type { Test } from 'tap'
import { type TestCluster, until } from './cluster.js'
import type { Etcdctl } from './etcdctl.js'

const empty = 'etcdserver: user name is empty'
const denied = 'etcdserver: permission denied'
const wrong = 'etcdserver: authentication failed, invalid user ID or password'
const management = 'etcdserver: invalid auth management'

/** A command, and a part of what it says; of one that fails its error begins with a `!`. */
type Line = readonly [command: string, says: string]

const before: readonly Line[] = [
  ['put /u/seed 1', 'OK'],
  ['put /secret 1', 'OK'],
  ['user add root:rootpw', 'User root created'],
  ['user add root:rootpw', '!etcdserver: user name already exists'],
  ['user add u:pw', 'User u created'],
  ['user add nopw --no-password', 'User nopw created'],
  ['user list', 'nopw\nroot\nu'],
  ['--user u:pw get /u/seed', '/u/seed\n1'], // Auth is off: nobody minds.
  ['role add r', 'Role r created'],
  ['role add r', '!etcdserver: role name already exists'],
  ['role grant-permission r readwrite /u/ --prefix', 'Role r updated'],
  ['role grant-permission r write /w', 'Role r updated'],
  ['role grant-permission r read /n/a /n/c', 'Role r updated'],
  ['role grant-permission r read /n/c /n/e', 'Role r updated'],
  ['role grant-permission r read z --from-key', 'Role r updated'],
  ['role grant-permission none read z', '!etcdserver: role name not found'],
  [
    'role get r',
    'KV Read:\n\t[/n/a, /n/c)\n\t[/n/c, /n/e)\n\t[/u/, /u0) (prefix /u/)\n\t[z, <open ended>\nKV Write:\n\t[/u/, /u0) (prefix /u/)\n\t/w'
  ],
  ['role revoke-permission r z --from-key', 'Permission of range [z, <open ended> is revoked from role r'],
  ['role revoke-permission r z', '!etcdserver: permission is not granted to the role'],
  ['user grant-role u none', '!etcdserver: role name not found'],
  ['user grant-role none r', '!etcdserver: user name not found'],
  ['user grant-role u r', 'Role r is granted to user u'],
  ['user revoke-role u root', '!etcdserver: role is not granted to the user'],
  ['user get u', 'User: u\nRoles: r'],
  ['role list', 'r']
]

const during: readonly Line[] = [
  ['auth enable', `!${empty}`],
  ['get /u/seed', `!${empty}`],
  ['put /u/seed 2', `!${empty}`],
  ['user list', `!${empty}`],
  ['member list', `!${empty}`],
  ['lease grant 100', `!failed to grant lease (${empty})`],
  ['watch /u/seed', `!watch was canceled (rpc error: code = InvalidArgument desc = ${empty})`],
  ['--user root:rootpw get /secret', '/secret\n1'],
  ['--user root:bad get /secret', `!${wrong}`],
  ['--user who:rootpw get /secret', `!${wrong}`],
  ['--user nopw:x get /secret', '!auth: authentication failed, password was given for no password user'],
  ['--user u:pw put /u/1 one', 'OK'],
  ['--user u:pw put /u/1 two --prev-kv', 'OK\n/u/1\none'],
  ['--user u:pw get /u/ --prefix --keys-only', '/u/1\n\n/u/seed'],
  ['--user u:pw get /n/a /n/e', ''],
  ['--user u:pw get /n/a /n/f', `!${denied}`],
  ['--user u:pw get / --prefix', `!${denied}`],
  ['--user u:pw put /w 1', 'OK'],
  ['--user u:pw put /w 1 --prev-kv', `!${denied}`],
  ['--user u:pw get /w', `!${denied}`],
  ['--user u:pw del /w', '1'],
  ['--user u:pw del /w --prev-kv', `!${denied}`],
  ['--user u:pw watch /secret', `!watch was canceled (rpc error: code = PermissionDenied desc = ${denied})`],
  ['--user u:pw compact 2', `!${denied}`],
  ['--user u:pw defrag', `!${denied}`],
  ['--user u:pw endpoint hashkv', `!${denied}`],
  ['--user u:pw member remove 1', `!${denied}`],
  ['--user u:pw user list', `!${denied}`],
  ['--user u:pw user get u', 'User: u\nRoles: r'],
  ['--user u:pw user get root', `!${denied}`],
  ['--user u:pw role get r', 'Role r'],
  ['--user u:pw auth disable', `!${denied}`],
  ['--user root:rootpw user delete root', `!${management}`],
  ['--user root:rootpw user revoke-role root root', `!${management}`],
  ['--user root:rootpw role delete root', `!${management}`],
  ['--user root:rootpw user revoke-role u r', 'Role r is revoked from user u'],
  ['--user u:pw get /u/1', `!${denied}`],
  ['--user root:rootpw user grant-role u r', 'Role r is granted to user u'],
  ['--user u:pw get /u/1', '/u/1\ntwo'],
  ['--user root:rootpw role delete r', 'Role r deleted'],
  ['--user u:pw get /u/1', `!${denied}`],
  ['--user root:rootpw user delete u', 'User u deleted'],
  ['--user u:pw get /u/1', `!${wrong}`],
  ['--user root:rootpw endpoint status', '3.5.0+kabuki']
]

async function type(t: Test, etcd: Etcdctl, lines: readonly Line[]): Promise<void> {
  for (const [line, says] of lines) {
    const { code, stdout, stderr } = await etcd.run(line.split(' '))
    t.equal(code === 0, !says.startsWith('!'), `${line}: ${stdout}${stderr}`)
    if (says.startsWith('!')) t.ok((stdout + stderr).includes(says.slice(1)), `${line}: ${stdout}${stderr}`)
    else if (/(^|pw )get /.test(line)) t.equal(stdout.trim(), says, line)
    else t.ok(stdout.includes(says), `${line}: ${stdout}`)
  }
}

/** Where nobody needs a certificate: who has no token has no name. */
export async function usersAndRoles(t: Test, etcd: Etcdctl): Promise<void> {
  await type(t, etcd, before)
  t.match(await etcd.ok('auth', 'enable'), 'Authentication Enabled') // etcdctl itself gives root its role.
  await type(t, etcd, during)
  const root = ['--user', 'root:rootpw']
  t.match(await etcd.input('new\n', ...root, 'user', 'passwd', 'root', '--interactive=false'), 'Password updated')
  t.match(await etcd.error(...root, 'get', '/secret'), wrong)
  t.match(await etcd.ok('--user', 'root:new', 'auth', 'disable'), 'Authentication Disabled')
  t.equal(await etcd.ok('get', '/secret', '--print-value-only'), '1')
}

/** Where each client has a certificate: without a token its name counts. And the cluster's own parts go on as they were. */
export async function certificatesAndTokens(t: Test, cluster: TestCluster, etcd: Etcdctl): Promise<void> {
  const root = ['--user', 'root:rootpw']
  await etcd.ok('user', 'add', 'root:rootpw')
  t.match(await etcd.ok('auth', 'enable'), 'Authentication Enabled')
  t.match(await etcd.error('get', 'flag'), denied, 'kubernetes-admin is no user')
  for (const endpoint of etcd.endpoints) t.match(await etcd.okAt([endpoint], ...root, 'get', 'flag', '--print-value-only'), /^\d$/)
  t.equal((await cluster.kubectl('create', 'namespace', 'beside-auth')).code, 0, 'the apiserver is asked for nothing')
  await etcd.ok(...root, 'user', 'add', 'kubernetes-admin', '--no-password')
  t.match(await etcd.error('get', 'flag'), denied, 'it has no role')
  await etcd.ok(...root, 'user', 'grant-role', 'kubernetes-admin', 'root')
  t.match(await etcd.ok('get', 'flag', '--print-value-only'), /^\d$/, 'now the certificate is enough')

  const pki = (file: string): Buffer => readFileSync(path.join(cluster.dataDir, 'pki', file))
  const credentials = { rootCertificate: pki('ca.crt'), certChain: pki('admin.crt'), privateKey: pki('admin.key') }
  const hosts = etcd.endpoints.map(url => url.replace('127.0.0.1', 'localhost'))
  const client = new Etcd3({ hosts, credentials, auth: { username: 'u', password: 'pw' } })
  await etcd.ok('user', 'add', 'u:pw')
  await t.rejects(client.put('a/1').value('one').exec(), /permission denied/, 'a token goes before the certificate')
  for (const line of ['role add r', 'role grant-permission r readwrite a/ --prefix', 'user grant-role u r'])
    await etcd.ok(...line.split(' '))
  await client.put('a/1').value('one')
  const watcher = await client.watch().prefix('a/').create()
  const seen: string[] = []
  watcher.on('put', ({ key, value }) => seen.push(`${key}=${value}`))
  await client.put('a/2').value('two')
  await until('the event', async () => seen.includes('a/2=two'))
  await watcher.cancel()
  await t.rejects(client.get('flag').string(), /permission denied/)
  for (const member of [0, 1, 2]) await cluster.kabukiOk('chaos', 'kill', `control-${member}/store`)
  await until('tokens of a life that is over are none: it logs in again', async () => {
    const value = await client
      .get('a/1')
      .string()
      .catch(() => null)
    return value === 'one'
  })
  t.match(await etcd.ok('user', 'list'), 'kubernetes-admin\nroot\nu', 'users outlive the members')
  client.close()
  t.match(await etcd.ok(...root, 'auth', 'disable'), 'Authentication Disabled')
}
