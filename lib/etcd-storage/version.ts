// Version: which etcd may be used, and what of it can be relied on.

/** Watches by key ranges with progress on request came with 3.4. */
const oldest = [3, 4, 0] as const

/**
 * Asked for progress, etcd before these told a revision whose events were still on their way (etcd-io/etcd#15220). Upstream
 * does not rely on it either (kubernetes/kubernetes#123192, storage/feature/feature_support_checker.go).
 */
const reliable: readonly (readonly [from: Triple, below: Triple | undefined])[] = [
  [
    [3, 4, 31],
    [3, 5, 0]
  ],
  [[3, 5, 13], undefined]
]
type Triple = readonly [number, number, number]

/** Why that version cannot be used. */
export function misfitOfVersion(version: string): string | undefined {
  const triple = tripleOf(version)
  if (triple === undefined) return `it calls its version ${JSON.stringify(version)}`
  return isBelow(triple, oldest) ? `it is version ${version}, and at least ${oldest.join('.')} is needed` : undefined
}

export function progressIsReliable(version: string): boolean {
  const triple = tripleOf(version)
  if (triple === undefined) return false
  return reliable.some(([from, below]) => !isBelow(triple, from) && (below === undefined || isBelow(triple, below)))
}

function tripleOf(version: string): Triple | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])]
}

function isBelow(a: Triple, b: Triple): boolean {
  for (const at of [0, 1, 2] as const) if (a[at] !== b[at]) return a[at] < b[at]
  return false
}
