// Api: plain requests to a cluster's API over HTTPS, as the administrator. For the demo; people use kubectl.

import { readFileSync } from 'node:fs'
import * as https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ApiAnswer {
  readonly status: number
  readonly body: any
}

export class Api {
  readonly #agent: https.Agent
  readonly #server: URL

  constructor(kubeconfig: string) {
    const config = JSON.parse(readFileSync(kubeconfig, 'utf8'))
    const pem = (base64: string): string => Buffer.from(base64, 'base64').toString()
    const { cluster } = config.clusters[0]
    const { user } = config.users[0]
    this.#server = new URL(cluster.server)
    this.#agent = new https.Agent({
      keepAlive: true,
      ca: pem(cluster['certificate-authority-data']),
      cert: pem(user['client-certificate-data']),
      key: pem(user['client-key-data'])
    })
  }

  request(method: string, path: string, body?: unknown, contentType = 'application/json', timeoutMs = 5_000): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': contentType }
      const { hostname, port } = this.#server
      const request = https.request({ hostname, port, method, path, headers, agent: this.#agent, timeout: timeoutMs }, response => {
        const chunks: Buffer[] = []
        response.on('data', chunk => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text })
        })
      })
      request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)))
      request.on('error', reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** Asks until the answer fits; connection errors are answers that do not. Rejects, naming `what`, after `timeoutMs`. */
  async until(what: string, path: string, fits: (body: any) => boolean, timeoutMs = 30_000): Promise<any> {
    const untilMs = performance.now() + timeoutMs
    for (;;) {
      const answer = await this.request('GET', path).catch(() => undefined)
      if (answer?.status === 200 && fits(answer.body)) return answer.body
      if (performance.now() > untilMs) throw new Error(`${what}: not so after ${timeoutMs / 1000} s`)
      await sleep(20)
    }
  }

  close(): void {
    this.#agent.destroy()
  }
}
