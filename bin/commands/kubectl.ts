// kabuki kubectl: the kubectl on PATH with the cluster's kubeconfig.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as path from 'node:path'

export async function kubectl(args: readonly string[], { dataDir }: { readonly dataDir: string }): Promise<void> {
  const kubeconfig = path.resolve(dataDir, 'kubeconfig')
  if (!existsSync(kubeconfig))
    throw new Error(`${kubeconfig} does not exist: \`kabuki up --data-dir ${dataDir}\` starts a cluster and writes it`)
  const child = spawn('kubectl', args, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfig } })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      const absent = new Error(
        'there is no kubectl on PATH. It comes with most Kubernetes tools; https://kubernetes.io/docs/tasks/tools/ says how to get it. ' +
          `Any Kubernetes client works too, with KUBECONFIG=${kubeconfig}`
      )
      reject(error.code === 'ENOENT' ? absent : error)
    })
    child.on('exit', code => resolve(code ?? 1))
  })
}
