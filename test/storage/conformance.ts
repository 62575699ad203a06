// Conformance: what the apiserver needs of any storage that speaks StoreProtocol, ours or a real etcd.

import t from 'tap'
import { featureCases } from './features.js'
import { type StorageHarness, scopeOf } from './harness.js'
import { requestCases } from './requests.js'
import { watchCases } from './watches.js'

const timeoutMs = 600_000

export function storageConformance(name: string, start: () => Promise<StorageHarness>): void {
  t.test(name, { timeout: timeoutMs }, async t => {
    const storage = await start()
    try {
      await storage.until('it answers', async () => (await storage.ask('revision')).ok)
      for (const { name, run } of [...requestCases, ...watchCases, ...featureCases]) {
        await t.test(name, { timeout: timeoutMs }, async t => run(t, storage, await scopeOf(storage)))
      }
    } finally {
      await storage.close()
    }
  })
}
