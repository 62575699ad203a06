// build: what `tsc` does not make: the resources generated from upstream's packages and the bundles of the threads.

import { buildResources } from './resources.js'

const startMs = performance.now()
const made = buildResources() ? 'resources generated' : 'resources are up to date'
console.log(`build: ${made} (${Math.round(performance.now() - startMs)} ms)`)
