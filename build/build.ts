// build: what `tsc` does not make: the resources generated from upstream's packages and the bundles of the threads.

console.log('build: nothing beyond the compiled files yet')
