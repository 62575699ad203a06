// bundle: the few files that threads load. A worker thread that reads many small modules starts several times slower.

import { rmSync, writeFileSync } from 'node:fs'
import { Script } from 'node:vm'
import { build } from 'esbuild'
import { actorNames as roster } from '../actors/roster.js'

const root = new URL('../', import.meta.url).pathname

/** The supervisors run in the main thread. */
const actorNames = roster.filter(name => name !== 'supervisor')

/** Loaded only where a cluster needs them, and large: they stay packages. */
const external = ['just-bash', 'piscina', '@grpc/grpc-js']

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  external,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning'
} as const

// Dependencies written for CommonJS call `require`, which an ES module has not.
const requireBanner = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
const urlBanner = "const __moduleUrl = 'file://' + encodeURI(__filename);"

/**
 * Writes `dist/bundle/`: the command, the roster and what runs seeds, and for each actor what its worker thread runs: one CommonJS file, since
 * every file, and the loader of ES modules, costs each of seventeen threads anew.
 */
export async function bundle(): Promise<void> {
  const outdir = `${root}bundle`
  rmSync(outdir, { recursive: true, force: true })
  await build({
    ...common,
    entryPoints: [
      { in: `${root}bin/kabuki.js`, out: 'kabuki' },
      { in: `${root}actors/roster.js`, out: 'roster' },
      // What a pool of threads runs for `kabuki sim`.
      { in: `${root}lib/host/seed-pool.js`, out: 'seed-pool' },
      { in: `${root}bin/store-seed.js`, out: 'store-seed' },
      { in: `${root}bin/cluster-seed.js`, out: 'cluster-seed' }
    ],
    outdir,
    splitting: true,
    format: 'esm',
    banner: { js: requireBanner }
  })
  await Promise.all(actorNames.map(actor => bundleThread(actor, outdir)))
}

async function bundleThread(actor: string, outdir: string): Promise<void> {
  const built = await build({
    ...common,
    stdin: { contents: threadOf(actor), resolveDir: root },
    write: false,
    outfile: `${outdir}/code-${actor}.js`,
    format: 'cjs',
    minifyWhitespace: true,
    define: { 'import.meta.url': '__moduleUrl' },
    banner: { js: urlBanner }
  })
  const text = built.outputFiles[0]?.text.replace(/\bimport\(/g, '__import(')
  const code = `(function (exports, require, module, __filename, __dirname, __import) {${text}\n})`
  writeFileSync(`${outdir}/code-${actor}.js`, code)
  writeFileSync(`${outdir}/code-${actor}.cache`, new Script(code, { filename: `code-${actor}.js` }).createCachedData())
  writeFileSync(`${outdir}/thread-${actor}.cjs`, loaderOf(actor))
}

/**
 * Compiling is a good part of what a thread's start costs. V8 takes what it had compiled before, if it is the same V8; else it compiles.
 * What comes out of that cache cannot `import()` (Node 20: "A dynamic import callback was not specified"): the loader does it.
 */
const loaderOf = (actor: string): string => `const fs = require('node:fs'), vm = require('node:vm'), path = require('node:path')
const file = path.join(__dirname, 'code-${actor}.js')
let cachedData
try { cachedData = fs.readFileSync(path.join(__dirname, 'code-${actor}.cache')) } catch {}
const script = new vm.Script(fs.readFileSync(file, 'utf8'), { filename: file, cachedData })
script.runInThisContext()(exports, require, module, file, __dirname, specifier => import(specifier))
`

/** A file of actors/ is named after what it exports: `kube-proxy.ts` has `kubeProxy`. Others of the roster are found when asked for. */
function threadOf(actor: string): string {
  const name = actor.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  return `
    import { workerData } from 'node:worker_threads'
    import { runWorker } from './lib/host/index.js'
    import { ${name} } from './actors/${actor}.js'
    runWorker({ load: async name => (name === '${actor}' ? ${name} : (await import(workerData.rosterUrl)).load(name)) })`
}
