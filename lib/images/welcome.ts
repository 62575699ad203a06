// Welcome: the page a stand-in web server shows, and its 404. It says who answered, so that load balancing can be seen.

import type { HttpRequest } from '../ports/index.js'
import type { Answer, Process } from './program.js'

export const pathOf = (request: HttpRequest): string => request.path.split('?', 1)[0] ?? '/'

export function welcome(process: Process, name: string): Answer {
  const { image, pod } = process
  const facts = { Image: image, Pod: `${pod.namespace}/${pod.name}`, Node: pod.node, 'Pod IP': pod.ip }
  const rows = Object.entries(facts).map(([what, value]) => `<li>${what}: <code>${escapeHtml(value)}</code></li>\n`)
  const title = `Welcome to ${name}!`
  const note = `This is kabuki's stand-in for ${name}.`
  return html(
    200,
    `<!DOCTYPE html>\n<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n<p>${note}</p>\n<ul>\n${rows.join('')}</ul>\n</body>\n</html>\n`
  )
}

export const errorPage = (status: number, text: string, server: string): Answer =>
  html(
    status,
    `<html>\n<head><title>${status} ${text}</title></head>\n<body>\n<center><h1>${status} ${text}</h1></center>\n<hr><center>${server}</center>\n</body>\n</html>\n`
  )

const html = (status: number, body: string): Answer => ({ status, contentType: 'text/html', body })

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, char => escapes[char] ?? char)

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The combined log format: `127.9.1.1 - - [20/Nov/2026:17:00:00 +0000] "GET / HTTP/1.1" 200 615 "-" "curl/8.5.0" "-"`. */
export function accessLine(request: HttpRequest, answer: Answer, rfc3339: string): string {
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T(\d+:\d+:\d+)/.exec(rfc3339) ?? []
  const when = `${day}/${months[Number(month) - 1]}/${year}:${time} +0000`
  const bytes = typeof answer.body === 'string' ? new TextEncoder().encode(answer.body).length : answer.body.length
  const { headers, method, path, remoteAddress } = request
  const quoted = (name: string): string => `"${(headers[name] ?? '-').replaceAll('"', '\\x22')}"`
  return `${remoteAddress} - - [${when}] "${method} ${path} HTTP/1.1" ${answer.status} ${bytes} ${quoted('referer')} ${quoted('user-agent')}`
}
