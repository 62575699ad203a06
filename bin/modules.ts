// Modules: where the bundles are that threads load, from wherever this file runs.

const isBundle = import.meta.url.includes('/bundle/')
const bundle = isBundle ? './' : '../bundle/'

export const rosterUrl = new URL(`${bundle}roster.js`, import.meta.url).href
export const workerUrl = (actor: string): string => new URL(`${bundle}thread-${actor}.cjs`, import.meta.url).href

/** What runs seeds, by who plays: bundled or not as this file is. */
export const seedsUrlOf = (cast: 'cluster' | 'store'): string => new URL(`./${cast}-seed.js`, import.meta.url).href
export const seedPoolUrl = new URL(isBundle ? './seed-pool.js' : '../lib/host/seed-pool.js', import.meta.url).href
