// JSON fields: what a line of a history holds, read strictly. What is not as it should be is refused with the path to it.

/** Thrown, and caught where a line is taken: the text is for whoever wrote the line. */
export class BadField extends Error {}

export class Fields {
  readonly #of: Readonly<Record<string, unknown>>
  readonly #path: string

  constructor(of: unknown, path = '') {
    if (typeof of !== 'object' || of === null || Array.isArray(of))
      throw new BadField(`${path === '' ? 'the line' : path}: wants an object`)
    this.#of = of as Readonly<Record<string, unknown>>
    this.#path = path
  }

  raw(name: string): unknown {
    return this.#of[name]
  }

  has(name: string): boolean {
    return this.#of[name] !== undefined
  }

  string(name: string): string {
    const value = this.#of[name]
    return typeof value === 'string' ? value : this.refuse(name, 'a string')
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined
  }

  /** A whole number that is not negative. */
  number(name: string): number {
    const value = this.#of[name]
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : this.refuse(name, 'a whole number from 0 on')
  }

  optionalNumber(name: string): number | undefined {
    return this.has(name) ? this.number(name) : undefined
  }

  boolean(name: string): boolean {
    const value = this.#of[name]
    return typeof value === 'boolean' ? value : this.refuse(name, 'true or false')
  }

  optionalBoolean(name: string): boolean | undefined {
    return this.has(name) ? this.boolean(name) : undefined
  }

  oneOf<W extends string>(name: string, words: readonly W[]): W {
    const value = this.#of[name]
    return words.includes(value as W) ? (value as W) : this.refuse(name, `one of ${words.join(', ')}`)
  }

  fields(name: string): Fields {
    return new Fields(this.#of[name], this.pathTo(name))
  }

  list<V>(name: string, read: (one: Fields) => V): V[] {
    const value = this.#of[name]
    if (!Array.isArray(value)) return this.refuse(name, 'a list')
    return value.map((one, at) => read(new Fields(one, `${this.pathTo(name)}[${at}]`)))
  }

  strings(name: string): string[] {
    const value = this.#of[name]
    if (!Array.isArray(value) || !value.every(one => typeof one === 'string')) return this.refuse(name, 'a list of strings')
    return value
  }

  /** All of them, each a string. */
  texts(): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.keys(this.#of).map(name => [name, this.string(name)]))
  }

  pathTo(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`
  }

  refuse(name: string, wanted: string): never {
    throw new BadField(`${this.pathTo(name)}: wants ${wanted}${this.has(name) ? `, has ${brief(this.#of[name])}` : ''}`)
  }
}

const shownMax = 60
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > shownMax ? `${text.slice(0, shownMax)}...` : text
}
