// build: what `tsc` does not make: the resources generated from upstream's packages and the bundles of the threads.

import { bundle } from './bundle.js'
import { buildResources } from './resources.js'

const startMs = performance.now()
const made = buildResources() ? 'resources generated' : 'resources are up to date'
await bundle()
console.log(`build: ${made}, bundled (${Math.round(performance.now() - startMs)} ms)`)
