// Key: a binary string, each of its characters one byte (0 to 255). JavaScript then orders keys exactly as etcd orders bytes,
// which it does not do for text beyond ASCII, and any bytes can be a key. ASCII text is its own key; other text passes
// through `keyOfText` and `textOfKey`. A character above 255 is refused where a command is written.
//
// A range is `[key, end)` as in etcd: no `end` means the one key, `end` of one NUL means all keys from `key` on.

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const charactersPerCall = 4096

/** As the `end` of a range: no upper end. */
export const unbounded = '\0'

export interface KeyRange {
  readonly key: string
  readonly end?: string | undefined
}

export function keyOfText(text: string): string {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return keyOfBytes(encoder.encode(text))
  return text
}

export function textOfKey(key: string): string {
  for (let at = 0; at < key.length; at++) if (key.charCodeAt(at) > 127) return decoder.decode(bytesOfKey(key))
  return key
}

export function keyOfBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (end - start <= charactersPerCall) {
    // Six times as fast as spreading the bytes.
    const codes = new Array<number>(end - start)
    for (let at = start; at < end; at++) codes[at - start] = bytes[at] as number
    return String.fromCharCode.apply(null, codes)
  }
  let key = ''
  for (let at = start; at < end; at += charactersPerCall) key += keyOfBytes(bytes, at, Math.min(end, at + charactersPerCall))
  return key
}

export function bytesOfKey(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length)
  for (let at = 0; at < key.length; at++) bytes[at] = key.charCodeAt(at)
  return bytes
}

/** The `end` of the range of all keys that begin with `prefix`. */
export function prefixEnd(prefix: string): string {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix.charCodeAt(at)
    if (byte < 255) return prefix.slice(0, at) + String.fromCharCode(byte + 1)
  }
  return unbounded
}

export function contains(range: KeyRange, key: string): boolean {
  const { key: start, end } = range
  if (end === undefined || end === '') return key === start
  return key >= start && (end === unbounded || key < end)
}
