// patch: the three ways a client says what to change, but for server-side apply.

export { applyJsonPatch } from './json-patch.js'
export { applyMergePatch } from './merge-patch.js'
export { type PatchResult, patchCopyBytesMax, patchDepthMax, patchOperationsMax } from './result.js'
export { applyStrategicMergePatch } from './strategic-merge-patch.js'
