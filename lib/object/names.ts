// Names: which strings may name objects, labels, annotations, ports and keys; faults in upstream's words
// (k8s.io/apimachinery/pkg/util/validation). A check returns its faults; none means valid.

export type NameCheck = (text: string) => string[]

export const annotationBytesMax = 256 * 1024
export const labelValueBytesMax = 63
export const dnsLabelBytesMax = 63
export const dnsSubdomainBytesMax = 253

const dns1123LabelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const dns1123SubdomainFormat = `${dns1123LabelFormat}(\\.${dns1123LabelFormat})*`
const dns1035LabelFormat = '[a-z]([-a-z0-9]*[a-z0-9])?'
const qualifiedNameFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const labelValueFormat = `(${qualifiedNameFormat})?`
const configKeyFormat = '[-._a-zA-Z0-9]+'
const percentFormat = '[0-9]+%'
const httpHeaderFormat = '[-A-Za-z0-9]+'

// Equivalents of the formats above that cannot backtrack badly: one character class, ends checked apart.
const dns1123Label = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/
const dns1035Label = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/
const qualifiedName = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const configKey = /^[-._a-zA-Z0-9]+$/
const percent = /^[0-9]+%$/

/** Length in UTF-8, which is what upstream limits. */
export function byteLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x80) continue
    if (code < 0x800) bytes += 1
    else if (code >= 0xd800 && code < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      bytes += 2
      index++
    } else bytes += 2
  }
  return bytes
}

export const maxBytesFault = (max: number): string => `must be no more than ${max} bytes`

export const rangeFault = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`

export function dns1123LabelFaults(text: string): string[] {
  const faults = lengthFaults(text, dnsLabelBytesMax)
  if (dns1123Label.test(text)) return faults
  if (isSubdomain(text)) faults.push('must not contain dots')
  else {
    const rule =
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
    faults.push(regexFault(rule, dns1123LabelFormat, 'my-name', '123-abc'))
  }
  return faults
}

export function dns1123SubdomainFaults(text: string): string[] {
  const faults = lengthFaults(text, dnsSubdomainBytesMax)
  if (!isSubdomain(text)) {
    const rule =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    faults.push(regexFault(rule, dns1123SubdomainFormat, 'example.com'))
  }
  return faults
}

export function dns1035LabelFaults(text: string): string[] {
  const faults = lengthFaults(text, dnsLabelBytesMax)
  if (!dns1035Label.test(text)) {
    const rule =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
    faults.push(regexFault(rule, dns1035LabelFormat, 'my-name', 'abc-123'))
  }
  return faults
}

/** Label keys, annotation keys (in lower case), finalizers, condition types, resource names: `[prefix/]name`. */
export function qualifiedNameFaults(text: string): string[] {
  const rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
  const faults: string[] = []
  const parts = text.split('/')
  if (parts.length > 2) {
    const whole = regexFault(`a qualified name ${rule}`, qualifiedNameFormat, 'MyName', 'my.name', '123-abc')
    return [`${whole} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const name = parts[parts.length - 1] as string
  if (parts.length === 2) {
    const prefix = parts[0] as string
    if (prefix === '') faults.push('prefix part must be non-empty')
    else faults.push(...dns1123SubdomainFaults(prefix).map(fault => `prefix part ${fault}`))
  }
  if (name === '') faults.push('name part must be non-empty')
  else faults.push(...lengthFaults(name, labelValueBytesMax).map(fault => `name part ${fault}`))
  if (!qualifiedName.test(name)) {
    faults.push(`name part ${regexFault(rule, qualifiedNameFormat, 'MyName', 'my.name', '123-abc')}`)
  }
  return faults
}

export function labelValueFaults(text: string): string[] {
  const faults = lengthFaults(text, labelValueBytesMax)
  if (text !== '' && !qualifiedName.test(text)) {
    const rule =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    faults.push(regexFault(rule, labelValueFormat, 'MyValue', 'my_value', '12345'))
  }
  return faults
}

/** Keys of ConfigMaps and Secrets. */
export function configKeyFaults(text: string): string[] {
  const faults = lengthFaults(text, dnsSubdomainBytesMax)
  if (!configKey.test(text)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    faults.push(regexFault(rule, configKeyFormat, 'key.name', 'KEY_NAME', 'key-name'))
  }
  if (text === '.') faults.push("must not be '.'")
  else if (text === '..') faults.push("must not be '..'")
  else if (text.startsWith('..')) faults.push("must not start with '..'")
  return faults
}

/** Environment variables: any printable ASCII but '=' (upstream's relaxed rule, general since 1.34). */
export function envNameFaults(text: string): string[] {
  if (text === '') return ['environment variable name must be non-empty']
  if (/^[ -<>-~]+$/.test(text)) return []
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

export function portNameFaults(text: string): string[] {
  const faults = lengthFaults(text, 15)
  if (!/^[-a-z0-9]+$/.test(text)) faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(text)) faults.push('must contain at least one letter (a-z)')
  if (text.includes('--')) faults.push('must not contain consecutive hyphens')
  if (text.startsWith('-') || text.endsWith('-')) faults.push('must not begin or end with a hyphen')
  return faults
}

export const portFaults = (port: number): string[] => (port >= 1 && port <= 65535 ? [] : [rangeFault(1, 65535)])

export function percentFaults(text: string): string[] {
  if (percent.test(text)) return []
  return [regexFault("a valid percent string must be a numeric string followed by an ending '%'", percentFormat, '1%', '93%')]
}

export function httpHeaderFaults(text: string): string[] {
  if (/^[-A-Za-z0-9]+$/.test(text)) return []
  return [regexFault("a valid HTTP header must consist of alphanumeric characters or '-'", httpHeaderFormat, 'X-Header-Name')]
}

/** What may be one segment of a URL path: names of the kinds that need no DNS name. */
export function pathSegmentFaults(text: string, isPrefix: boolean): string[] {
  if (!isPrefix && (text === '.' || text === '..')) return [`may not be '${text}'`]
  return ['/', '%'].filter(illegal => text.includes(illegal)).map(illegal => `may not contain '${illegal}'`)
}

/**
 * A check of object names from a check of strings: a generateName's prefix may end in a dash, which the generated part follows
 * (upstream's NameIsDNSSubdomain and its like mask it).
 */
export const nameRule =
  (check: NameCheck) =>
  (name: string, isPrefix: boolean): string[] =>
    check(isPrefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -1)}a` : name)

export const subdomainName = nameRule(dns1123SubdomainFaults)
export const labelName = nameRule(dns1123LabelFaults)
export const dns1035Name = nameRule(dns1035LabelFaults)

function regexFault(rule: string, format: string, ...examples: readonly string[]): string {
  return `${rule} (e.g. ${examples.map(example => `'${example}', `).join(' or ')}regex used for validation is '${format}')`
}

const lengthFaults = (text: string, max: number): string[] => (byteLength(text) > max ? [maxBytesFault(max)] : [])

const isSubdomain = (text: string): boolean => text.split('.').every(label => dns1123Label.test(label))

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code < 0xe000
