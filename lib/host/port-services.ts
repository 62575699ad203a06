// Port services: what a real port may use of the thread it lives in, and how its kind is loaded.

import type { PortFactory } from '../actor/index.js'
import type { AddressTable } from './address-table.js'
import type { ClusterClock } from './clock.js'
import type { NetworkFaults } from './directory.js'
import type { Journal } from './journal.js'

export interface PortServices {
  journal(owner: string): Journal
  readonly faults: NetworkFaults
  /** Calls back whenever `faults` changed, until the function returned is called. */
  onFaults(changed: () => void): () => void
  readonly clock: ClusterClock
  readonly addresses: AddressTable
  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void
}

export interface PortLoader {
  (): Promise<(services: PortServices) => PortFactory>
  /** It does at once what it is told, and hears nothing from outside: its thread may wait for messages awake. */
  readonly isImmediate?: true
}

export const immediate = (load: () => ReturnType<PortLoader>): PortLoader => Object.assign(load, { isImmediate: true as const })
