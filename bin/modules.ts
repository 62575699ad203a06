// Modules: where the bundles are that threads load, from wherever this file runs.

const bundle = import.meta.url.includes('/bundle/') ? './' : '../bundle/'

export const rosterUrl = new URL(`${bundle}roster.js`, import.meta.url).href
export const workerUrl = (actor: string): string => new URL(`${bundle}thread-${actor}.cjs`, import.meta.url).href
