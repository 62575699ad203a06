// Preloads: what a process was told to load before anything else, and what its threads need not load again.
//
// A worker inherits the options of its process. A tracer or a test runner that comes by `--import` would then be loaded by
// each of twenty threads, which takes several times as long as all that they run themselves.

const preload = /^(-r|--require|--import|--loader|--experimental-loader)(=|$)/

/** How a worker is started without them. */
export function withoutPreloads(): { readonly execArgv: string[]; readonly env: NodeJS.ProcessEnv } {
  const { NODE_OPTIONS: _, ...env } = process.env
  return { execArgv: optionsWithoutPreloads(process.execArgv), env }
}

export function optionsWithoutPreloads(options: readonly string[]): string[] {
  return options.filter((option, at) => {
    const before = options[at - 1]
    // `--import x`: the option's value is a word of its own.
    return !preload.test(option) && (before === undefined || before.includes('=') || !preload.test(before))
  })
}
