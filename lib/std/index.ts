// std: what the language lacks. Imports nothing of ours.

export { AssertionError, assert, unreachable } from './assert.js'
export { Chain, type ChainMember, unlink } from './chain.js'
export { crc32c } from './crc32c.js'
export { Heap, type HeapMember } from './heap.js'
export { forkSeed, integerBelow, type Random, seededRandom } from './random.js'
export { Sha256 } from './sha256.js'
