// Store runtime: three members of a store in threads of their own, with real logs, and a loader on a machine of its own.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { machineOf, type Ref } from '../lib/actor/index.js'
import { Chaos, Runtime } from '../lib/host/index.js'
import type { LoadProtocol, StoreLoadArgs } from './store-load.js'

export const members = ['control-0/store', 'control-1/store', 'control-2/store']
export const loader = 'client-0/load' as string as Ref<LoadProtocol>

export interface StoreRuntime {
  readonly runtime: Runtime
  readonly chaos: Chaos
  readonly stop: () => Promise<void>
}

export async function startStore(): Promise<StoreRuntime> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bench-'))
  const bundle = new URL('../bundle/', import.meta.url)
  const runtime = await Runtime.start({
    dataDir,
    rosterUrl: new URL('./store-load.js', import.meta.url).href,
    workerUrl: actor => new URL(actor === 'store' ? 'thread-store.cjs' : '../lib/host/worker-main.js', bundle).href
  })
  const stop = async (): Promise<void> => {
    await runtime.stop()
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
  try {
    for (const member of members) await startMember(runtime, member)
    const args: StoreLoadArgs = { members }
    await runtime.startActor(loader, 'load', args, loader)
  } catch (error) {
    await stop()
    throw error
  }
  const chaos = new Chaos({
    runtime,
    machines: [...members.map(machineOf), machineOf(loader)],
    supervisorOf: machine => `root/${machine}`,
    components: new Map()
  })
  return { runtime, chaos, stop }
}

export const startMember = (runtime: Runtime, member: string): Promise<void> =>
  runtime.startActor(member, 'store', { clusterId: 'bench', members }, member)
