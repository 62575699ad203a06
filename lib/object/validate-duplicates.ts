// Duplicate fields: names that occur twice in one object of a JSON text, which a parsed value no longer shows.
//
// The text must be valid JSON (parse it first). One pass, no recursion; what is found is the path upstream's strict decoder names:
// `spec.containers[0].image`. Upstream looks only into what it knows; this looks everywhere.

const duplicatesMax = 100
const quoteMark = 0x22
const backslash = 0x5c

/** Paths of the names that occur again, each once, in the order of their second occurrence. */
export function findDuplicateFields(text: string): string[] {
  const found = new Set<string>()
  const stack: Level[] = []
  let expectsName = false
  for (let at = 0; at < text.length; at++) {
    const level = stack.at(-1)
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        stack.push({ names: new Set(), name: '', index: -1 })
        expectsName = true
        break
      case 0x5b: // [
        stack.push({ names: undefined, name: '', index: 0 })
        expectsName = false
        break
      case 0x7d: // }
      case 0x5d: // ]
        stack.pop()
        expectsName = false
        break
      case 0x2c: // ,
        if (level?.names) expectsName = true
        else if (level) level.index++
        break
      case quoteMark: {
        const end = endOfString(text, at)
        if (expectsName && level?.names) {
          level.name = readName(text, at, end)
          if (level.names.has(level.name) && found.size < duplicatesMax) found.add(pathOf(stack))
          level.names.add(level.name)
          expectsName = false
        }
        at = end
      }
    }
  }
  return [...found]
}

interface Level {
  /** Of an object: the names so far; undefined for a list. */
  readonly names: Set<string> | undefined
  name: string
  index: number
}

function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1)
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at < 0 ? text.length : at
}

/** An odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++
  return backslashes % 2 === 1
}

function readName(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  return raw.includes('\\') ? JSON.parse(text.slice(start, end + 1)) : raw
}

function pathOf(stack: readonly Level[]): string {
  let path = ''
  for (const { names, name, index } of stack) path += names ? (path === '' ? name : `.${name}`) : `[${index}]`
  return path
}
