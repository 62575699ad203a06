// wal: the bytes of the replicated log, written and read back. No I/O: the owner saves the bytes and reads the segments.

export type { WalEntry, WalHardState, WalIdentity, WalSnapshot } from './format.js'
export { sectorBytes, segmentBytesMax } from './format.js'
export { Recovery, type WalDamaged, type WalForeign, type WalRecovered, type WalSegment } from './recover.js'
export { emptyTail, removableSegments, type WalBatch, type WalSave, type WalTail, WalWriter, type WalWriterOptions } from './writer.js'
