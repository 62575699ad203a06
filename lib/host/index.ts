// host: actors on worker threads, for real.

export { type ClaimedAddresses, claimAddresses, nodeAddress, podCidr, serviceCidr } from './addresses.js'
export { Chaos, type ChaosOptions, type KillOptions } from './chaos.js'
export { ClusterClock, scaleMax } from './clock.js'
export { Codec } from './codec.js'
export { type ControlRequest, callControl, controlSocketPath, NotRunning, serveControl } from './control-socket.js'
export { type ClusterFacts, claimDataDir, readFacts, resumeClusterMs, writeFacts } from './data-dir.js'
export { type NetworkFaults, noFaults, type ThreadReport } from './directory.js'
export { canListen, freePort } from './free-port.js'
export { Journal, syncedBytes, undoUnsynced } from './journal.js'
export { ensurePki, type Pki, writeKubeconfig } from './pki/index.js'
export { Runtime, type RuntimeOptions, type ThreadStatus } from './runtime.js'
export { type RosterModule, runWorker } from './worker.js'
