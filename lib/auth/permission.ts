// Permission: to read or to write a key, or the keys of a range; and the keys that many of them permit together.

export const accesses = ['read', 'write', 'readwrite'] as const // In the order of etcd's numbers for them.
export type Access = (typeof accesses)[number]

interface Keys {
  readonly key: string
  /** Exclusive; absent or empty: that key alone; one NUL: no upper end. */
  readonly end?: string | undefined
}

export interface Permission extends Keys {
  readonly access: Access
}

/** No `end`: no upper end. */
interface Interval {
  readonly begin: string
  readonly end: string | undefined
}

const openEnd = '\0'

/** As etcd's isValidPermissionRange: it permits at least one key. */
export const isPermission = ({ key, end = '' }: Keys): boolean => key !== '' && (end === '' || end === openEnd || key < end)

export const isOfSameKeys = (a: Keys, b: Keys): boolean => a.key === b.key && (a.end ?? '') === (b.end ?? '')

export class PermittedKeys {
  readonly #intervals: readonly Interval[] // Ascending; between two of them is a key that belongs to neither.

  constructor(keys: readonly Keys[]) {
    this.#intervals = merged(keys.map(intervalOf))
  }

  get size(): number {
    return this.#intervals.length
  }

  /** Whether all of those keys are among them. Of a range that holds none: whether its begin and its end are. */
  has(keys: Keys): boolean {
    const { begin, end } = intervalOf(keys)
    const around = this.#around(begin)
    return around !== undefined && !isBefore(around.end, end)
  }

  #around(key: string): Interval | undefined {
    let low = 0
    let high = this.#intervals.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#intervals[middle] as Interval).begin <= key) low = middle + 1
      else high = middle
    }
    const before = this.#intervals[low - 1]
    return before === undefined || (before.end !== undefined && before.end <= key) ? undefined : before
  }
}

/** The key after a key is the same with a NUL. */
function intervalOf({ key, end = '' }: Keys): Interval {
  if (end === '') return { begin: key, end: `${key}\0` }
  return { begin: key, end: end === openEnd ? undefined : end }
}

/** Of ends. */
const isBefore = (a: string | undefined, b: string | undefined): boolean => a !== undefined && (b === undefined || a < b)

function merged(intervals: readonly Interval[]): Interval[] {
  const ascending = [...intervals].sort((a, b) => (a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0))
  const all: Interval[] = []
  for (const next of ascending) {
    const last = all.at(-1)
    if (last === undefined || (last.end !== undefined && last.end < next.begin)) all.push(next)
    else if (isBefore(last.end, next.end)) all[all.length - 1] = { begin: last.begin, end: next.end }
  }
  return all
}
