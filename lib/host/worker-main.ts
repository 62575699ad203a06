// worker-main: a worker thread whose roster is a module named by whoever started it. The product has its own: bin/thread.ts.

import { workerData } from 'node:worker_threads'
import { runWorker, type WorkerSetup } from './worker.js'

runWorker(import((workerData as WorkerSetup).rosterUrl))
