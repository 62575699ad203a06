// bundle: the few files that threads load. A worker thread that reads many small modules starts several times slower.

import { rmSync } from 'node:fs'
import { build } from 'esbuild'

const root = new URL('../', import.meta.url).pathname

/** Loaded only where a cluster needs them, and large: they stay packages. */
const external = ['just-bash', '@peculiar/x509', 'reflect-metadata', 'piscina', 'listr2', 'yaml', 'ws']

// Dependencies written for CommonJS call `require`, which an ES module has not.
const banner = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

/** Writes `dist/bundle/`. The entry points share chunks, so that what two of them use is there once. */
export async function bundle(entries: Readonly<Record<string, string>>): Promise<void> {
  rmSync(`${root}bundle`, { recursive: true, force: true })
  await build({
    entryPoints: Object.entries(entries).map(([out, source]) => ({ in: `${root}${source}`, out })),
    outdir: `${root}bundle`,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external,
    banner: { js: banner },
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning'
  })
}
