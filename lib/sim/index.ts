// sim: a cluster in one thread, under virtual time, from one seed: world, network, clocks, disks, faults.

export { Client, type ClientContext, type Pending } from './client.js'
export { Disk, type DiskOptions, diskDefaults, Volume } from './disk.js'
export { type Fault, type FaultName, heal, inflict } from './fault.js'
export { Lane } from './link.js'
export type { Machine } from './machine.js'
export { Nemesis, type NemesisOptions, type Trouble, troubles } from './nemesis.js'
export { detectionUs, type NetworkOptions } from './network.js'
export { httpPortOf, resourcesPortOf } from './outside-ports.js'
export { type SimulatedServer, SimulatedSockets } from './sockets-port.js'
export { chosen, type Strike, StrikeLog } from './strike.js'
export { type LogListener, type LogRecord, Trace } from './trace.js'
export { type Handover, type PortMaker, type PortServices, rootMachine, World, type WorldOptions } from './world.js'
