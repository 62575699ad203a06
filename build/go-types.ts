// Go types: the struct types of a Go executable, from the type descriptors it keeps for reflection.
//
// An executable knows of every struct it may decode JSON into: the package, the field's JSON name, its exact type and its tags. That is what
// upstream's encoder and decoder go by, so it is the source of our schemas' structure. Layout: Go's internal/abi/type.go and
// runtime/symtab.go (moduledata), unchanged from Go 1.18 to 1.25 in what is read here.
// It reads position-dependent 64-bit little-endian ELF files only, and throws if anything is not where it should be.

export interface GoStruct {
  /** As in a source file: `PodSpec`. */
  readonly name: string
  readonly package: string
  readonly fields: readonly GoField[]
}

export interface GoField {
  /** The JSON name; empty for an inlined struct, whose fields count as this struct's own. */
  readonly json: string
  readonly omitEmpty: boolean
  readonly type: GoType
  readonly tags: Readonly<Record<string, string>>
}

export type GoType =
  | { readonly kind: 'pointer' | 'slice' | 'map'; readonly text: string; readonly elem: GoType }
  | { readonly kind: 'struct'; readonly text: string; readonly struct: string }
  | { readonly kind: GoScalar; readonly text: string }

export type GoScalar = 'bool' | 'int32' | 'int64' | 'uint8' | 'uint32' | 'uint64' | 'float64' | 'string' | 'interface' | 'other'

/** Struct types of the packages wanted, and of what they contain, by `package.Name`. */
export function readGoTypes(executable: Buffer, wanted: (packagePath: string) => boolean): Map<string, GoStruct> {
  const reader = new TypeReader(executable)
  const found = new Map<string, GoStruct>()
  for (const address of reader.typeAddresses()) reader.collect(address, wanted, found)
  return found
}

interface Section {
  readonly name: string
  readonly address: number
  readonly offset: number
  readonly bytes: number
}

// reflect.Kind
const kinds: Readonly<Record<number, GoScalar>> = {
  1: 'bool',
  2: 'int64',
  5: 'int32',
  6: 'int64',
  8: 'uint8',
  10: 'uint32',
  11: 'uint64',
  14: 'float64',
  20: 'interface',
  24: 'string'
}
const kindMap = 21
const kindPointer = 22
const kindSlice = 23
const kindStruct = 25
const kindMask = 0x1f

const flagUncommon = 1
const flagExtraStar = 2
const flagNamed = 4

// Sizes of the descriptors, in bytes: what an uncommon part follows, and where the element type of a container stands.
const typeBytes = 48
const structTypeBytes = 80
const fieldBytes = 24
const depthMax = 100

class TypeReader {
  readonly #file: Buffer
  readonly #sections: readonly Section[]
  readonly #types: number
  readonly #visited = new Set<number>()

  constructor(file: Buffer) {
    this.#file = file
    this.#sections = readSections(file)
    this.#types = this.#findTypes()
  }

  /** The addresses of the types that the executable lists: unnamed ones, from which the named are reached. */
  *typeAddresses(): Generator<number> {
    const links = this.#section('.typelink')
    for (let i = 0; i < links.bytes; i += 4) yield this.#types + this.#file.readInt32LE(links.offset + i)
  }

  collect(address: number, wanted: (packagePath: string) => boolean, into: Map<string, GoStruct>, depth = 0): void {
    if (this.#visited.has(address)) return
    if (depth > depthMax) throw new Error('go types: nested too deeply')
    this.#visited.add(address)
    const at = this.#offset(address)
    const kind = this.#kind(at)
    if (kind === kindPointer || kind === kindSlice) this.collect(this.#word(at + typeBytes), wanted, into, depth + 1)
    if (kind === kindMap) this.collect(this.#word(at + typeBytes + 8), wanted, into, depth + 1)
    if (kind !== kindStruct) return
    const named = this.#structName(at)
    if (!named || !wanted(named.package)) return
    into.set(`${named.package}.${named.name}`, { ...named, fields: this.#fields(at) })
    const { start, count } = this.#fieldTable(at)
    for (let i = 0; i < count; i++) this.collect(this.#word(start + i * fieldBytes + 8), wanted, into, depth + 1)
  }

  #fields(at: number): GoField[] {
    const { start, count } = this.#fieldTable(at)
    const fields: GoField[] = []
    for (let i = 0; i < count; i++) {
      const name = this.#name(this.#word(start + i * fieldBytes))
      const tags = parseTags(name.tag)
      const [json, ...options] = (tags.json ?? '').split(',')
      // encoding/json: `-` leaves out, unexported fields are left out, an embedded struct without a name is inlined.
      if (json === '-' || !name.exported) continue
      fields.push({
        json: json || (name.embedded ? '' : name.text),
        omitEmpty: options.includes('omitempty'),
        type: this.#type(this.#word(start + i * fieldBytes + 8)),
        tags
      })
    }
    return fields
  }

  #type(address: number): GoType {
    const at = this.#offset(address)
    const kind = this.#kind(at)
    const text = this.#text(at)
    if (kind === kindPointer) return { kind: 'pointer', text, elem: this.#type(this.#word(at + typeBytes)) }
    if (kind === kindSlice) return { kind: 'slice', text, elem: this.#type(this.#word(at + typeBytes)) }
    if (kind === kindMap) return { kind: 'map', text, elem: this.#type(this.#word(at + typeBytes + 8)) }
    if (kind === kindStruct) {
      const named = this.#structName(at)
      return { kind: 'struct', text, struct: named ? `${named.package}.${named.name}` : '' }
    }
    return { kind: kinds[kind] ?? 'other', text }
  }

  #structName(at: number): { name: string; package: string } | undefined {
    const flags = this.#file[at + 20] as number
    if (!(flags & flagNamed) || !(flags & flagUncommon)) return undefined
    const text = this.#text(at)
    const packageName = this.#name(this.#types + this.#file.readInt32LE(at + structTypeBytes)).text
    return { name: text.slice(text.indexOf('.') + 1), package: packageName }
  }

  #fieldTable(at: number): { start: number; count: number } {
    const count = this.#word(at + typeBytes + 16)
    return { start: count === 0 ? 0 : this.#offset(this.#word(at + typeBytes + 8)), count }
  }

  #kind(at: number): number {
    return (this.#file[at + 23] as number) & kindMask
  }

  #text(at: number): string {
    const text = this.#name(this.#types + this.#file.readInt32LE(at + 40)).text
    return (this.#file[at + 20] as number) & flagExtraStar ? text.slice(1) : text
  }

  /** abi.Name: a byte of flags, a varint length and the name, then the same for the tag if there is one. */
  #name(address: number): { text: string; tag: string; exported: boolean; embedded: boolean } {
    const at = this.#offset(address)
    const flags = this.#file[at] as number
    const [length, start] = this.#varint(at + 1)
    const text = this.#file.toString('utf8', start, start + length)
    let tag = ''
    if (flags & 2) {
      const [tagLength, tagStart] = this.#varint(start + length)
      tag = this.#file.toString('utf8', tagStart, tagStart + tagLength)
    }
    return { text, tag, exported: (flags & 1) !== 0, embedded: (flags & 8) !== 0 }
  }

  #varint(at: number): [value: number, next: number] {
    let value = 0
    for (let i = 0; i < 4; i++) {
      const byte = this.#file[at + i] as number
      value |= (byte & 0x7f) << (7 * i)
      if (!(byte & 0x80)) return [value, at + i + 1]
    }
    throw new Error('go types: damaged name')
  }

  #word(at: number): number {
    return Number(this.#file.readBigUInt64LE(at))
  }

  #offset(address: number): number {
    for (const section of this.#sections) {
      if (address >= section.address && address < section.address + section.bytes) return section.offset + address - section.address
    }
    throw new Error(`go types: no section holds address 0x${address.toString(16)}`)
  }

  #section(name: string): Section {
    const section = this.#sections.find(candidate => candidate.name === name)
    if (!section) throw new Error(`go types: the executable has no section ${name}`)
    return section
  }

  /** The address type offsets are relative to. moduledata has it seven words before its slice of .typelink. */
  #findTypes(): number {
    const links = this.#section('.typelink')
    const count = links.bytes / 4
    for (const section of [this.#section('.noptrdata'), this.#section('.data')]) {
      for (let at = section.offset; at + 24 <= section.offset + section.bytes; at += 8) {
        if (this.#word(at) !== links.address || this.#word(at + 8) !== count || this.#word(at + 16) !== count) continue
        return this.#word(at - 7 * 8)
      }
    }
    throw new Error('go types: no module data')
  }
}

function readSections(file: Buffer): Section[] {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    throw new Error('go types: not a 64-bit little-endian ELF file')
  if (file.readUInt16LE(16) !== 2) throw new Error('go types: the executable is not position-dependent')
  const table = Number(file.readBigUInt64LE(40))
  const entryBytes = file.readUInt16LE(58)
  const count = file.readUInt16LE(60)
  const header = (i: number) => table + i * entryBytes
  const names = Number(file.readBigUInt64LE(header(file.readUInt16LE(62)) + 24))
  return Array.from({ length: count }, (_, i) => {
    const nameStart = names + file.readUInt32LE(header(i))
    return {
      name: file.toString('latin1', nameStart, file.indexOf(0, nameStart)),
      address: Number(file.readBigUInt64LE(header(i) + 16)),
      offset: Number(file.readBigUInt64LE(header(i) + 24)),
      bytes: Number(file.readBigUInt64LE(header(i) + 32))
    }
  })
}

/** reflect.StructTag: `key:"value"` pairs, separated by spaces. */
function parseTags(tag: string): Record<string, string> {
  const tags: Record<string, string> = {}
  for (const [, key, value] of tag.matchAll(/([^\s":]+):"((?:[^"\\]|\\.)*)"/g)) tags[key as string] = value as string
  return tags
}
