// History page: what was broken, and what clients did to the objects it names, as a page for a browser. It needs nothing but itself.

import { type ApiHistory, describeApiOperation } from '../../lib/check/index.js'

const operationsMax = 400 // Of one violation.

interface Violation {
  readonly guarantee: string
  readonly excerpt: string
}

export function historyPage(title: string, violations: readonly Violation[], history: ApiHistory): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escaped(title)}</title>
<style>body { font: 14px sans-serif; margin: 2em } pre { overflow-x: auto; background: #8882; padding: 1em } h2 { color: #c33 }</style>
<h1>${escaped(title)}</h1>
${violations.map(violation => sectionOf(violation, history)).join('\n')}
</html>
`
}

function sectionOf({ guarantee, excerpt }: Violation, { operations }: ApiHistory): string {
  const concerned = operations.filter(({ key, verb }) => verb !== 'list' && excerpt.includes(`${key} `))
  const left = concerned.length - operationsMax
  const lines = concerned.slice(-operationsMax).map(describeApiOperation)
  return `<h2>${escaped(guarantee)}</h2>
<pre>${escaped(excerpt)}</pre>
<h3>What clients did to these objects</h3>
<pre>${escaped([...(left > 0 ? [`${left} before these`] : []), ...lines].join('\n'))}</pre>`
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
