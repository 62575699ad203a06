import * as fs from 'node:fs'
import * as path from 'node:path'
import t from 'tap'
import { AddressTable, addressTableBytes } from '../../lib/host/address-table.js'
import { claimAddresses, nodeAddress, podCidr, serviceCidr } from '../../lib/host/addresses.js'

// A system's loopback: who listens where.
function system(allowed = (_: string): boolean => true) {
  const taken = new Set<string>()
  const tryListen = async (address: string, port: number) => {
    if (!allowed(address)) throw Object.assign(new Error(address), { code: 'EADDRNOTAVAIL' })
    if (port !== 0 && taken.has(address)) throw Object.assign(new Error(address), { code: 'EADDRINUSE' })
    if (port !== 0) taken.add(address)
    return async () => void taken.delete(address)
  }
  return { taken, tryListen }
}

t.test('claims', async t => {
  const { taken, tryListen } = system()
  const claim = (name: string) => claimAddresses({ dataDir: path.join(dir, name), startAt: 0.5, tryListen })
  const dir = t.testdir()
  const a = await claim('a')
  t.match(a, { loopback: 'many', podOctet: 126, serviceOctet: 127, changed: false })
  t.equal(nodeAddress(a, 3), '127.126.3.1')
  t.equal(podCidr(a, 3), '127.126.3.0/24')
  t.equal(serviceCidr(a), '127.127.0.0/16')
  const b = await claim('b')
  t.match(b, { podOctet: 128, serviceOctet: 129 }, 'another cluster has others')
  await a.release()
  await b.release()
  t.match(await claim('b'), { podOctet: 128, serviceOctet: 129, changed: false }, 'the same again at a restart')
  taken.add('127.127.255.254')
  t.match(await claim('a'), { podOctet: 126, serviceOctet: 130, changed: true }, 'another if it was lost')
  fs.writeFileSync(path.join(dir, 'a/addresses.json'), '{"podOctet": 700')
  t.match(await claim('a'), { changed: false }, 'what is not readable is as nothing')
  for (let octet = 2; octet <= 250; octet++) taken.add(`127.${octet}.255.254`)
  await t.rejects(claim('c'), /no \/16/)
  const only = system(address => address === '127.0.0.1')
  t.match(await claimAddresses({ dataDir: path.join(dir, 'd'), startAt: 0, tryListen: only.tryListen }), { loopback: 'one' })
})

t.test('for real', { skip: process.platform !== 'linux' && 'not Linux' }, async t => {
  const dataDir = t.testdir()
  const one = await claimAddresses({ dataDir: `${dataDir}/one`, startAt: 0.9 })
  const two = await claimAddresses({ dataDir: `${dataDir}/two`, startAt: 0.9 })
  t.not(one.podOctet, two.podOctet)
  await one.release()
  const again = await claimAddresses({ dataDir: `${dataDir}/one`, startAt: 0.1 })
  t.equal(again.podOctet, one.podOctet)
  await again.release()
  await two.release()
})

t.test('the table all threads share', async t => {
  const shared = new SharedArrayBuffer(addressTableBytes)
  const [one, two] = [new AddressTable(shared), new AddressTable(shared)]
  t.equal(two.boundAt('TCP', '127.9.1.2', 80), undefined)
  t.ok(one.note('TCP', '127.9.1.2', 80, 20_080))
  t.ok(one.note('UDP', '127.9.1.2', 80, 80))
  t.same(
    [two.boundAt('TCP', '127.9.1.2', 80), two.boundAt('UDP', '127.9.1.2', 80), two.boundAt('TCP', '127.9.1.3', 80)],
    [20_080, 80, undefined]
  )
  one.note('TCP', '127.9.1.2', 80, null)
  t.equal(two.boundAt('TCP', '127.9.1.2', 80), undefined)
  t.notOk(one.note('TCP', '10.0.0.1', 80, 80), 'only loopback addresses')
  // As pods that come and go: more listeners than there are slots, few of them at once.
  const open: [string, number][] = []
  for (let i = 0; i < 40_000; i++) {
    const listener: [string, number] = [`127.9.${i % 250}.${(i >> 8) % 250}`, 1 + (i % 60_000)]
    if (!one.note('TCP', ...listener, 1 + (i % 9000))) return t.fail(`full at ${i}`)
    open.push(listener)
    if (open.length > 500) one.note('TCP', ...(open.shift() as [string, number]), null)
  }
  t.ok(open.every(listener => two.boundAt('TCP', ...listener) !== undefined))
  for (let i = 0; i < 5000; i++) if (!one.note('TCP', `127.8.${i >> 8}.${i & 255}`, 80, 80)) return t.fail(`full at ${i}`)
  t.equal(two.boundAt('TCP', '127.8.19.1', 80), 80, 'thousands of pods on one port')
  t.ok(one.place('127.9.1', 'worker-1'))
  t.ok(one.place('127.9.0.10', 'control-0'))
  t.ok(one.place('127.9.1', 'worker-3'), 'a machine can change')
  t.same(
    ['127.9.1.77', '127.9.0.10', '127.9.0.11', '10.0.0.1'].map(address => two.machineOf(address)),
    ['worker-3', 'control-0', undefined, undefined]
  )
})
