// Worker: makes this worker thread a Thread, at the main thread's command.

import { availableParallelism } from 'node:os'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { AnyActor } from '../actor/index.js'
import { AddressTable } from './address-table.js'
import { ClusterClock } from './clock.js'
import { expose, remote } from './control.js'
import { type Directory, type Ending, endingAt, endings } from './directory.js'
import { LogFile } from './log-file.js'
import type { PortLoader } from './port-services.js'
import { ports } from './ports/index.js'
import { Thread } from './thread.js'

export interface WorkerSetup {
  readonly ordinal: number
  readonly name: string
  readonly directory: MessagePort
  readonly clock: SharedArrayBuffer
  readonly addresses: SharedArrayBuffer
  readonly control: SharedArrayBuffer
  readonly rosterUrl: string
  readonly journalRoot: string
  readonly logFile: string | undefined
  readonly seed: number // Of what its actors draw.
  readonly heapBudgetBytes: number
}

/** What the module at `rosterUrl` exports. */
export interface RosterModule {
  load(actor: string): Promise<AnyActor>
  /** Ports of its own, by kind: besides the host's, or instead of them. */
  readonly ports?: Readonly<Record<string, PortLoader>>
}

/** To be called once, by the module the worker thread was started with. `roster` finds its actors. */
export function runWorker(roster: RosterModule | Promise<RosterModule>): void {
  const { directory, clock, addresses, logFile, ...setup } = workerData as WorkerSetup
  const log = new LogFile(logFile)

  // At once, so that no further turn runs; the main thread reads the reason when it sees the thread end.
  const exit = (ending: Ending): void => {
    Atomics.store(new Int32Array(setup.control), endingAt, endings.indexOf(ending))
    log.flush()
    process.exit(0)
  }
  const thread = new Thread({
    ...setup,
    directory: remote<Directory>(directory),
    clock: new ClusterClock(clock),
    addresses: new AddressTable(addresses),
    load: async actor => (await roster).load(actor),
    ports: async () => ({ ...ports, ...(await roster).ports }),
    log,
    isPatient: availableParallelism() > 1,
    exit
  })
  expose(thread, parentPort as MessagePort)
}
