// HPACK (RFC 7541), as a gRPC server needs it: a whole decoder, and an encoder that uses neither tables nor Huffman codes.
//
// Bounds: the dynamic table (the default, which is never offered more than), and the size of a list of fields.

const staticTable: readonly (readonly [name: string, value: string])[] = [
  ...[':authority', ':method GET', ':method POST', ':path /', ':path /index.html', ':scheme http', ':scheme https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map(status => `:status ${status}`),
  ...['accept-charset', 'accept-encoding gzip, deflate', 'accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin'],
  ...['age', 'allow', 'authorization', 'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
  ...['content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect', 'expires', 'from', 'host', 'if-match'],
  ...['if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards'],
  ...['proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server', 'set-cookie'],
  ...['strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate']
].map(entry => {
  const at = entry.indexOf(' ')
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
})

/** Appendix B: the length of each symbol's code, in letters (`a` is 1); the codes follow, since those of one length ascend by symbol. */
const codeLengths =
  'mw{{{{{{{x}{{}{{{{{{{{}{{{{{{{{{fjjlmfhkjjhkhfffeeefffffffghoflj' +
  'mfgggggggggggggggggggggghghmsmnfoefefefffeggfffefgfeefgggggoknm{' +
  'tvttvvvwvwwwwwxwxxvwxwwwwuvwvwwxvutvvwwuwvvxuvwwuuvuwvwwtvvvwvvw' +
  'zztsvwvyzzz[[zxysuz[[z[xuuzz{[[[txtuvuuwvvyyxxzwz[zz[[[[[{[[[[[z}'
const lengthOf = (letter: string): number => (letter === '[' ? 27 : letter === '{' ? 28 : letter === '}' ? 30 : letter.charCodeAt(0) - 96)
const endOfString = 256
const codeBitsMax = 30
const tableBytesMax = 4096
const entryOverheadBytes = 32

interface Codes {
  readonly first: readonly number[] // The first code of each length.
  readonly symbols: readonly (readonly number[])[] // Those with a code of that length, in its order.
}

function codesOf(lengths: readonly number[]): Codes {
  const symbols: number[][] = Array.from({ length: codeBitsMax + 1 }, () => [])
  for (const [symbol, length] of lengths.entries()) symbols[length]?.push(symbol)
  const first: number[] = [0]
  for (let length = 1; length <= codeBitsMax; length++)
    first.push(((first[length - 1] as number) + (symbols[length - 1] as number[]).length) * 2)
  return { first, symbols }
}

const codes = codesOf([...codeLengths].map(lengthOf))

export class HpackFault extends Error {}

/** Exported for its test. */
export function decodeHuffman(bytes: Uint8Array): string {
  let text = ''
  let code = 0
  let length = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1)
      length++
      const symbol = codes.symbols[length]?.[code - (codes.first[length] as number)]
      if (symbol === undefined) {
        if (length >= codeBitsMax) throw new HpackFault('no Huffman code')
        continue
      }
      if (symbol === endOfString) throw new HpackFault('an end within a string')
      text += String.fromCharCode(symbol)
      code = 0
      length = 0
    }
  }
  if (length > 7 || code !== 2 ** length - 1) throw new HpackFault('bad padding') // Ones: the beginning of the end's code.
  return text
}

export class HpackDecoder {
  #dynamic: (readonly [name: string, value: string])[] = [] // The newest first.
  #dynamicBytes = 0
  #dynamicBytesMax = tableBytesMax
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  readonly #listBytesMax: number

  constructor(listBytesMax: number) {
    this.#listBytesMax = listBytesMax
  }

  /** Repeated fields are joined by `, `. Throws a HpackFault: the connection cannot go on. */
  decode(block: Uint8Array): Map<string, string> {
    const fields = new Map<string, string>()
    let listBytes = 0
    this.#bytes = block
    this.#at = 0
    while (this.#at < block.length) {
      const field = this.#field(block[this.#at] as number)
      if (field === undefined) continue
      const [name, value] = field
      listBytes += sizeOf(field)
      if (listBytes > this.#listBytesMax) throw new HpackFault('too many fields')
      const before = fields.get(name)
      fields.set(name, before === undefined ? value : `${before}, ${value}`)
    }
    return fields
  }

  #field(byte: number): readonly [string, string] | undefined {
    if (byte >= 0x80) return this.#entry(this.#integer(7))
    if (byte >= 0x40) return this.#add(this.#literal(6))
    if (byte < 0x20) return this.#literal(4)
    const bytesMax = this.#integer(5)
    if (bytesMax > tableBytesMax) throw new HpackFault('too large a table')
    this.#dynamicBytesMax = bytesMax
    this.#evict()
    return undefined
  }

  #literal(prefixBits: number): readonly [string, string] {
    const index = this.#integer(prefixBits)
    const name = index === 0 ? this.#string() : this.#entry(index)[0]
    return [name, this.#string()]
  }

  #entry(index: number): readonly [string, string] {
    const entry = index <= staticTable.length ? staticTable[index - 1] : this.#dynamic[index - staticTable.length - 1]
    if (entry === undefined) throw new HpackFault('no such entry')
    return entry
  }

  #add(entry: readonly [string, string]): readonly [string, string] {
    this.#dynamic.unshift(entry)
    this.#dynamicBytes += sizeOf(entry)
    this.#evict()
    return entry
  }

  #evict(): void {
    while (this.#dynamicBytes > this.#dynamicBytesMax) this.#dynamicBytes -= sizeOf(this.#dynamic.pop() as [string, string])
  }

  #integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1
    let value = this.#next() & mask
    if (value < mask) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#next()
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new HpackFault('too large a number')
  }

  #string(): string {
    const isHuffman = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0
    const length = this.#integer(7)
    const end = this.#at + length
    if (end > this.#bytes.length) throw new HpackFault('it ends early')
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return isHuffman ? decodeHuffman(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  }

  #next(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new HpackFault('it ends early')
    return byte
  }
}

const sizeOf = ([name, value]: readonly [string, string]): number => name.length + value.length + entryOverheadBytes

/** Fields whose names and values are ASCII. */
export function encodeFields(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), encodeString(name), encodeString(value)]))
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length: number[] = []
  if (bytes.length < 127) length.push(bytes.length)
  else {
    length.push(127)
    let rest = bytes.length - 127
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}
