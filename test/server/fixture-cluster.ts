// An apiserver for tests, on stores in memory, spoken to by message as some user or over HTTPS.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiserverArgs, apiserver } from '../../actors/apiserver.js'
import { type Actor, type AnyActor, ask, type Outcome, open, type Ref, type Source, sleep } from '../../lib/actor/index.js'
import type { ApiProtocol, ApiRequest, ApiResponse } from '../../lib/client/index.js'
import { ensurePki, type Pki, writeKubeconfig } from '../../lib/host/pki/index.js'
import { http } from '../../lib/host/ports/http.js'
import { resources } from '../../lib/host/ports/resources.js'
import type { StoreRef } from '../../lib/storage/index.js'
import { TestHost } from './fixture-host.js'
import { MemoryStore, memberActor } from './fixture-store.js'

export interface Answer {
  readonly status: number
  readonly body: any
}

/** Lines of a watch as they come. */
export class Watching {
  readonly events: { type: string; object: any }[] = []
  ended: string | undefined
  refused: Answer | undefined
  close = (): void => undefined

  get types(): string[] {
    return this.events.map(event => `${event.type} ${event.object?.metadata?.name ?? ''}`.trim())
  }
}

interface CallerProtocol {
  call(job: { path: string; request: ApiRequest; done: (outcome: Outcome<ApiResponse>) => void; to: string }): void
  watch(job: { request: ApiRequest; watching: Watching; to: string; slow: boolean }): void
}

const caller: Actor<CallerProtocol, void, null> = {
  name: 'caller',
  init: () => null,
  on: {
    *call(_ctx, _state, { request, done, to }) {
      done(yield* ask(to as Ref<ApiProtocol>, 30_000, 'request', request))
    },
    *watch(_ctx, _state, { request, watching, to, slow }) {
      const opened: Outcome<Source<Uint8Array>> = yield* open(to as Ref<ApiProtocol>, 5000, 'watch', request, slow ? 2 : 256)
      if (!opened.ok) {
        const { code, detail } = opened.error
        const body = detail.startsWith('{') ? JSON.parse(detail) : detail
        watching.refused = { status: code === 'status' ? body.code : 0, body }
        return
      }
      watching.close = () => opened.value.close()
      if (slow) yield* sleep('real', 300)
      for (;;) {
        const batch = yield* opened.value.next()
        if (batch.kind === 'items') {
          for (const item of batch.items) {
            const lines = Buffer.from(item).toString().split('\n')
            for (const line of lines) if (line !== '') watching.events.push(JSON.parse(line))
          }
        } else if (batch.kind !== 'idle') {
          watching.ended = batch.kind === 'failed' ? `failed: ${batch.error.code}` : 'end'
          return
        }
      }
    }
  }
}

export interface ClusterOptions {
  readonly members?: number
  readonly listen?: boolean
  readonly port?: number
}

export class TestCluster {
  readonly host: TestHost
  readonly store = new MemoryStore()
  readonly directory = mkdtempSync(join(tmpdir(), 'kabuki-server-'))
  readonly stores: readonly StoreRef[]
  pki: Pki | undefined
  port = 0
  readonly #callers = new Set<string>()

  private constructor(members: number) {
    this.host = new TestHost({ http: http(), resources: resources() })
    this.stores = Array.from({ length: members }, (_, index) => `control-${index}/store` as StoreRef)
  }

  static async start({ members = 1, listen = false, port = 0 }: ClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(members)
    for (let index = 0; index < members; index++) cluster.startMember(index)
    if (listen) cluster.pki = await ensurePki({ directory: join(cluster.directory, 'pki'), nowMs: Date.now() })
    cluster.startServer(0, listen ? port : undefined)
    await cluster.until('ready', () => cluster.facts('control-0/apiserver').ready === true)
    if (listen) cluster.port = cluster.facts('control-0/apiserver').port as number
    return cluster
  }

  startMember(index: number): void {
    this.host.start(`control-${index}/store`, memberActor, this.store)
  }

  startServer(index: number, port?: number): void {
    const { pki } = this
    const args: ApiserverArgs = {
      stores: this.stores,
      ...(port === undefined || pki === undefined
        ? {}
        : {
            listen: {
              address: '127.0.0.1',
              port,
              tls: { certPem: pki.server.certPem, keyPem: pki.server.keyPem, clientCaPem: pki.caPem }
            }
          })
    }
    this.host.start(`control-${index}/apiserver`, apiserver, args)
  }

  facts(address: string): Readonly<Record<string, unknown>> {
    return this.host.dispatcher.metrics().find(one => one.address === address)?.facts ?? {}
  }

  kubeconfig(): string {
    const path = join(this.directory, 'kubeconfig')
    const pki = this.pki as Pki
    writeKubeconfig(path, {
      cluster: 'kabuki',
      user: 'kubernetes-admin',
      server: `https://127.0.0.1:${this.port}`,
      caPem: pki.caPem,
      client: pki.admin
    })
    return path
  }

  /** By message, as the actor of that address. */
  request(request: Omit<ApiRequest, 'body'> & { body?: unknown }, from = 'root/test', server = 0): Promise<Answer> {
    const { body, ...rest } = request
    const bytes = body === undefined ? {} : { body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
    return new Promise((resolve, reject) => {
      const done = (outcome: Outcome<ApiResponse>): void => {
        if (!outcome.ok) return reject(new Error(`${outcome.error.code}: ${outcome.error.detail}`))
        const text = Buffer.from(outcome.value.body).toString()
        resolve({ status: outcome.value.status, body: text.startsWith('{') ? JSON.parse(text) : text })
      }
      this.#tell(from, 'call', { request: { ...rest, ...bytes }, done, to: `control-${server}/apiserver` })
    })
  }

  get = (path: string, from?: string): Promise<Answer> => this.request({ method: 'GET', path }, from)
  post = (path: string, body: unknown, from?: string): Promise<Answer> => this.request({ method: 'POST', path, body }, from)
  put = (path: string, body: unknown, from?: string): Promise<Answer> => this.request({ method: 'PUT', path, body }, from)
  remove = (path: string, body?: unknown, from?: string): Promise<Answer> => this.request({ method: 'DELETE', path, body }, from)
  patch = (path: string, type: string, body: unknown, from?: string): Promise<Answer> =>
    this.request({ method: 'PATCH', path, contentType: `application/${type}`, body }, from)

  watch(path: string, options: { from?: string; server?: number; slow?: boolean } = {}): Watching {
    const watching = new Watching()
    const to = `control-${options.server ?? 0}/apiserver`
    this.#tell(options.from ?? 'root/test', 'watch', { request: { method: 'GET', path }, watching, to, slow: options.slow ?? false })
    return watching
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 60_000
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`never: ${what}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** After every turn that is due. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  }

  close(): void {
    this.host.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #tell(from: string, type: string, body: unknown): void {
    if (!this.#callers.has(from)) {
      this.#callers.add(from)
      this.host.start(from, caller as unknown as AnyActor)
    }
    this.host.dispatcher.deliver({ kind: 'tell', from, to: from, life: 0, id: 0, type, body, count: 0 })
    this.host.posted()
  }
}

export const fixture = (name: string): string => readFileSync(name, 'utf8')
