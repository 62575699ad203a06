// Detach: what leaves a sender is no longer the sender's. Plain values are frozen, so that a sender that keeps
// writing to what it sent fails here and not in production; bytes and maps, which do not freeze, are copied.

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The same value, frozen, or a copy where it holds bytes or maps. Functions and objects of classes are left alone. */
export function detach<V>(value: V): V {
  if (typeof value !== 'object' || value === null) return value
  return detached(value) as V
}

function detached(value: object): unknown {
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [detach(key), detach(part)] as const))
  if (Array.isArray(value)) return detachedArray(value)
  if (!isPlain(value)) return value
  let copy: Record<string, unknown> | undefined
  const source = value as Record<string, unknown>
  for (const key in source) {
    const part = source[key]
    if (typeof part !== 'object' || part === null) continue
    const own = detached(part)
    if (own === part) continue
    copy ??= { ...source }
    copy[key] = own
  }
  return Object.freeze(copy ?? value)
}

function detachedArray(value: readonly unknown[]): unknown {
  let copy: unknown[] | undefined
  for (let i = 0; i < value.length; i++) {
    const part = value[i]
    if (typeof part !== 'object' || part === null) continue
    const own = detached(part)
    if (own === part) continue
    copy ??= [...value]
    copy[i] = own
  }
  return Object.freeze(copy ?? value)
}

/** For messages within a thread, which are handed over as they are: freezes what can be frozen. */
export function freeze(value: unknown): void {
  if (typeof value === 'object' && value !== null) freezeObject(value)
}

// For every message: leaves and bytes cost no call.
function freezeObject(value: object): void {
  if (ArrayBuffer.isView(value) || Object.isFrozen(value)) return
  if (!Array.isArray(value) && !isPlain(value)) return
  Object.freeze(value)
  for (const key in value) {
    const part = (value as Record<string, unknown>)[key]
    if (typeof part === 'object' && part !== null) freezeObject(part)
  }
}
