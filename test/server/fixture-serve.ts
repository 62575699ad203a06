// Serves the API on stores in memory until it is ended: for looking at it by hand.
// node dist/test/server/fixture-serve.js [port]

import { TestCluster } from './fixture-cluster.js'

const startMs = performance.now()
const cluster = await TestCluster.start({ listen: true, port: Number(process.argv[2] ?? 6443) })
console.log(`export KUBECONFIG=${cluster.kubeconfig()} # port ${cluster.port}, ready in ${Math.round(performance.now() - startMs)} ms`)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    cluster.close()
    process.exit(0)
  })
}
setInterval(() => {
  for (const { address, event, fields } of cluster.host.logged.splice(0)) console.log(address, event, JSON.stringify(fields))
}, 200)
