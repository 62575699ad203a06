// cli: how the commands print and read. Pure.

export { formatDuration, parseDuration } from './duration.js'
export { type ActorLine, type ClusterStatus, type MachineStatus, renderStatus, type ThreadLine } from './status.js'
export { table } from './table.js'
