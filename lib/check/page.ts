// Page: a violation as one HTML page, for a person: which promise was broken, by what, and the history around it as a timeline.
//
// Guarantee: the page needs nothing but itself, no script, and no text of a history is ever taken for markup.

import { timeOf } from './excerpt.js'
import { pageStyle } from './page-style.js'
import {
  type AnyHistory,
  type AnyViolation,
  type Bar,
  isApi,
  isAuth,
  isLease,
  isRegister,
  type Lane,
  type Timeline,
  timelineOf
} from './timeline.js'

export interface ViolationPage {
  readonly title: string
  readonly violations: readonly AnyViolation[]
  readonly history: AnyHistory
  /** What could not be decided. */
  readonly unknown?: string | undefined
}

const columnPx = 56
const rowPx = 26
const axisLabelsMax = 40

export function violationPage({ title, violations, history, unknown }: ViolationPage): string {
  const timeline = timelineOf(history, violations)
  const what = subjectOf(history)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${verdictOf(violations, unknown)} ${shownOf(timeline, what)}</p>
${violations.map(violationHtml).join('\n')}
${unknown === undefined ? '' : `<section class="violation unknown"><h2>undecided</h2><pre>${escaped(unknown)}</pre></section>`}
<p class="legend">${legend} ${linkToMarked(timeline)}</p>
${timelineHtml(timeline)}
<h2>In order</h2>
<ol class="list">
${listHtml(timeline)}
</ol>
</body>
</html>
`
}

function subjectOf(history: AnyHistory): string {
  if (isApi(history)) return 'the API’s clients'
  if (isLease(history)) return 'leases'
  if (isAuth(history)) return 'users and roles'
  return isRegister(history) ? 'registers' : 'a store'
}

const legend = [
  ['ok', 'answered'],
  ['refused', 'refused: it took no effect'],
  ['doubt', 'in doubt: it may take effect at any time from here on'],
  ['seen', 'sent to a watch'],
  ['marked', 'named by a violation']
]
  .map(([name, text]) => `<span><i class="bar ${name}"></i>${text}</span>`)
  .join(' ')

/** A wide timeline opens at its left end. */
function linkToMarked({ lanes }: Timeline): string {
  const marked = lanes.flatMap(({ bars }) => bars).filter(({ isMarked }) => isMarked)
  const last = marked.sort((a, b) => b.fromUs - a.fromUs)[0]
  return last === undefined ? '' : `<a href="#b${last.id}">to the last of these</a>`
}

function verdictOf(violations: readonly AnyViolation[], unknown: string | undefined): string {
  if (violations.length > 0) return `${violations.length} violation${violations.length === 1 ? '' : 's'}.`
  return unknown === undefined ? 'No violation.' : 'Not decided: this is no pass.'
}

const shownOf = ({ shown, total }: Timeline, what: string): string =>
  shown === total ? `The history of ${what}, ${total} items.` : `Of the history of ${what} the ${shown} items nearest to it, of ${total}.`

const violationHtml = ({ guarantee, excerpt }: AnyViolation): string =>
  `<section class="violation"><h2>${escaped(guarantee)}</h2><pre>${escaped(excerpt)}</pre></section>`

function timelineHtml({ lanes, columns }: Timeline): string {
  const width = (columns.length + 1) * columnPx
  const every = Math.max(1, Math.ceil(columns.length / axisLabelsMax), 2)
  const axis = columns.map((us, at) => (at % every === 0 ? `<span style="left:${at * columnPx}px">${timeOf(us)}</span>` : '')).join('')
  return `<div class="timeline"><div class="lane axis"><b></b><div style="width:${width}px">${axis}</div></div>
${lanes.map(lane => laneHtml(lane, width)).join('\n')}
</div>`
}

function laneHtml({ name, rows, bars }: Lane, width: number): string {
  const inside = bars.map(barHtml).join('')
  return `<div class="lane"><b>${escaped(name)}</b><div style="width:${width}px;height:${rows * rowPx}px">${inside}</div></div>`
}

function barHtml({ id, label, text, start, end, row, untilUs, ...bar }: Bar): string {
  const place = `left:${start * columnPx}px;top:${row * rowPx}px;width:${(end - start) * columnPx - 4}px`
  const open = untilUs === Number.POSITIVE_INFINITY ? ' open' : ''
  return `<a class="bar ${classOf(bar)}${open}" id="b${id}" href="#i${id}" style="${place}" title="${escaped(text)}">${escaped(label)}</a>`
}

function listHtml({ lanes }: Timeline): string {
  return lanes
    .flatMap(({ bars }) => bars)
    .sort((a, b) => a.id - b.id)
    .map(bar => `<li id="i${bar.id}" class="${classOf(bar)}"><a href="#b${bar.id}">${escaped(bar.text)}</a></li>`)
    .join('\n')
}

const classOf = ({ came, isMarked }: Pick<Bar, 'came' | 'isMarked'>): string =>
  `${came === 'in doubt' ? 'doubt' : came}${isMarked ? ' marked' : ''}`

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replace(/[&<>"']/g, character => entities[character] as string)
