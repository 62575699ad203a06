// module: the real implementation: a user's JS module, called in this thread. See lib/ports/module.ts for what it is given.

import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AnyActor, type Context, type Later, type PortFactory, type Ref, type Refusal, refuse } from '../../actor/index.js'
import type { ModuleOwner, ModuleProtocol, ModuleRun } from '../../ports/index.js'
import type { PortServices } from '../port-services.js'

type Serve = (request: Request) => Response | Promise<Response>
type Main = (container: object) => unknown

interface Notices {
  loaded(outcome: { readonly error?: string }): void
  wrote(output: { readonly stream: 'stdout' | 'stderr'; readonly text: string }): void
  ended(exit: { readonly code: number; readonly detail?: string }): void
  bound(port: { readonly from: number; readonly to: number }): void
}

const movedBy = 20_000
const bodyBytesMax = 16 << 20

export const module =
  (_services: PortServices): PortFactory =>
  (owner, post) => {
    const to = owner as Ref<ModuleOwner>
    const abort = new AbortController()
    const servers = new Set<http.Server>()
    const tell = <K extends keyof Notices & string>(type: K, body: Parameters<Notices[K]>[0]): void => post(type, body)
    let waiting: Later<unknown> | undefined
    const close = (): void => {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
      servers.clear()
    }

    async function play(run: ModuleRun): Promise<void> {
      let main: unknown
      try {
        main = ((await import(run.url)) as { default?: unknown }).default
      } catch (error) {
        return tell('loaded', { error: text(error) })
      }
      if (typeof main !== 'function') return tell('loaded', { error: 'its default export is no function' })
      tell('loaded', {})
      try {
        const code = await (main as Main)(containerOf(run))
        tell('ended', { code: typeof code === 'number' && Number.isInteger(code) ? code & 255 : 0 })
      } catch (error) {
        tell('ended', { code: 1, detail: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      }
    }

    const containerOf = ({ args, env, pod, image }: ModuleRun): object => ({
      args,
      env,
      pod,
      image,
      signal: abort.signal,
      log: (...words: unknown[]) => tell('wrote', { stream: 'stdout', text: `${words.map(String).join(' ')}\n` }),
      error: (...words: unknown[]) => tell('wrote', { stream: 'stderr', text: `${words.map(String).join(' ')}\n` }),
      http: async (port: number, serve: Serve) => {
        const server = http.createServer((request, response) => void answer(request, response, serve))
        servers.add(server)
        const at = await listen(server, pod.ip, port)
        if (at !== port) tell('bound', { from: port, to: at })
        return { port, close: () => void server.close() }
      }
    })

    const on: Record<keyof ModuleProtocol | keyof Notices, (ctx: Context<Notices>, state: undefined, body: never) => unknown> = {
      run(ctx, _, run: ModuleRun): Refusal | undefined {
        if (waiting !== undefined) return refuse('exists', 'the module runs')
        waiting = (ctx as unknown as { defer(): Later<unknown> }).defer()
        void play(run)
        return undefined
      },
      signal(_ctx, _state, { name }: { readonly name: string }) {
        abort.abort(name)
        if (name === 'SIGKILL') close()
      },
      loaded(ctx, _, { error }: { readonly error?: string }) {
        if (waiting !== undefined) ctx.answer(waiting, error === undefined ? undefined : refuse('invalid', error))
      },
      wrote: (ctx, _, output: Parameters<Notices['wrote']>[0]) => ctx.tell(to, 'moduleOutput', output),
      ended(ctx, _, exit: Parameters<Notices['ended']>[0]) {
        close()
        ctx.tell(to, 'moduleExit', exit)
      },
      bound: (ctx, _, moved: Parameters<Notices['bound']>[0]) => ctx.tell(to, 'modulePortMoved', moved)
    }
    const stopping = (): void => {
      abort.abort('SIGKILL')
      close()
    }
    return { name: 'module', init: () => undefined, on: on as unknown as AnyActor['on'], stopping }
  }

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** That port, or where it can be bound instead. */
async function listen(server: http.Server, address: string, port: number): Promise<number> {
  for (const at of [port, ...(port + movedBy < 65_536 ? [port + movedBy] : []), 0]) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(at, address, () => {
          server.off('error', reject)
          resolve()
        })
      })
      return (server.address() as AddressInfo).port
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EACCES' && code !== 'EADDRINUSE') throw error
    }
  }
  throw new Error(`no port to listen on at ${address}`)
}

async function answer(request: http.IncomingMessage, response: http.ServerResponse, serve: Serve): Promise<void> {
  try {
    const { method = 'GET', url = '/', headers } = request
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of request) {
      bytes += (chunk as Buffer).length
      if (bytes > bodyBytesMax) throw new Error(`the body is over ${bodyBytesMax} bytes`)
      chunks.push(chunk as Buffer)
    }
    const pairs = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]]
    )
    const body = method === 'GET' || method === 'HEAD' ? null : Buffer.concat(chunks)
    const result = await serve(new Request(`http://${headers.host ?? 'localhost'}${url}`, { method, headers: pairs, body }))
    response.writeHead(result.status, Object.fromEntries(result.headers))
    response.end(Buffer.from(await result.arrayBuffer()))
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' })
    response.end(text(error))
  }
}
