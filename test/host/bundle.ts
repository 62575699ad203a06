// Bundle: the worker and the cast in a few files, as a release has them: a thread that reads many starts several times slower.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { build } from 'esbuild'

const source = (file: string): string => new URL(file, import.meta.url).pathname
const banner = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

export interface Bundle {
  readonly workerUrl: string
  readonly rosterUrl: string
}

/** Removed when the process ends. */
export async function bundle(roster = '../actor/host-roster.js'): Promise<Bundle> {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-bundle-'))
  process.once('exit', () => fs.rmSync(outdir, { recursive: true, force: true }))
  await build({
    entryPoints: { worker: source('../../lib/host/worker-main.js'), roster: source(roster) },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['just-bash', '@peculiar/x509', 'reflect-metadata', 'ws'],
    banner: { js: banner },
    logLevel: 'error'
  })
  const url = (name: string): string => `file://${path.join(outdir, name)}`
  return { workerUrl: url('worker.mjs'), rosterUrl: url('roster.mjs') }
}
