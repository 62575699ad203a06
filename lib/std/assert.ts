// Assertions: an invariant that does not hold is a bug of ours, never of the caller's.

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws unless `condition` holds. `facts` are what a reader of the failure needs to see. */
export function assert(condition: unknown, invariant: string, facts?: Readonly<Record<string, unknown>>): asserts condition {
  if (condition) return
  throw new AssertionError(facts === undefined ? invariant : `${invariant}: ${describe(facts)}`)
}

/** The `default` of a complete switch: adding a case that is not handled does not compile. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${describe(value)}`)
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ?? String(value)
}
