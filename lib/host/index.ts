// host: actors on worker threads, for real.

export { Chaos, type ChaosOptions, type KillOptions } from './chaos.js'
export { ClusterClock, scaleMax } from './clock.js'
export { type ControlRequest, callControl, controlSocketPath, NotRunning, serveControl } from './control-socket.js'
export { type ClusterFacts, claimDataDir, readFacts, resumeClusterMs, writeFacts } from './data-dir.js'
export { type NetworkFaults, noFaults, type ThreadReport } from './directory.js'
export { Journal, syncedBytes, undoUnsynced } from './journal.js'
export { Runtime, type RuntimeOptions, type ThreadStatus } from './runtime.js'
export { Codec } from './wire.js'
export type { RosterModule } from './worker.js'
