// Mutant: a runner and all it imports as one module, bundled from the sources with an animal's change made on the way.

import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type { Animal } from './animal.js'
import { runners } from './habitats.js'

const root = new URL('../../../', import.meta.url).pathname

type Change = Pick<Animal, 'file' | 'replace'>

export const filesOf = ({ file, replace }: Change): ReadonlySet<string> => new Set(replace.map(([, , other]) => other ?? file))

/** That file's text with the change made. Throws if what is to be replaced is not there, or more than once. */
export function mutated(text: string, path: string, { file, replace }: Change): string {
  const own = replace.filter(([, , other]) => (other ?? file) === path)
  return own.reduce((before, [from, to]) => {
    const places = before.split(from).length - 1
    if (places !== 1) throw new Error(`${path} has this ${places} times, and must have it once:\n${from}`)
    return before.replace(from, () => to)
  }, text)
}

/** Writes the runner to `outfile`, with the change if there is one, and gives the module's URL. */
export async function bundleRunner(runner: keyof typeof runners, outfile: string, change?: Change): Promise<string> {
  const left = new Set(change === undefined ? [] : filesOf(change))
  const mutation: Plugin = {
    name: 'mutation',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, ({ path: absolute }) => {
        const path = absolute.slice(root.length)
        if (change === undefined || !left.delete(path)) return undefined
        return { contents: mutated(readFileSync(absolute, 'utf8'), path, change), loader: 'ts' }
      })
    }
  }
  await build({
    entryPoints: [`${root}${runners[runner]}`],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['just-bash', 'piscina'],
    logLevel: 'silent',
    plugins: [mutation],
    // What is read beside a module is beside the one that was built.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(`${root}dist/bin/bundled.js`).href) },
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.filename);" }
  })
  if (left.size > 0) throw new Error(`the runner ${runner} does not load ${[...left].join()}`)
  return pathToFileURL(outfile).href
}
