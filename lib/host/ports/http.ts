// http: the real http port, on node:http and node:http2. What it promises stands with its protocol (lib/ports/http.ts).

import type { Actor, AnyActor, Later, PortFactory, Ref, Refusal } from '../../actor/index.js'
import { bufferedBytesMax, type HttpListenOptions, type HttpOwner, type HttpProtocol, type HttpRequest } from '../../ports/index.js'
import type { Exchange } from './http-exchange.js'
import { HttpListener } from './http-listener.js'
import { bind } from './listening.js'

/** What sockets bring back, as messages of the port to itself. */
interface HttpEvents {
  began(event: { readonly exchange: Exchange; readonly request: HttpRequest }): void
  gone(exchange: Exchange): void
  listening(event: Listening): void
  drained(event: Draining): void
}
interface Listening {
  readonly later: Later<{ readonly port: number }>
  readonly outcome: { readonly port: number } | Refusal
}
interface Draining {
  readonly later: Later<void>
  waiting: number
}

interface State {
  readonly owner: Ref<HttpOwner>
  readonly listeners: Map<string, HttpListener>
  readonly exchanges: Map<number, Exchange>
}

export const http = (): PortFactory => (owner, post) => {
  let idLast = 0
  const events = {
    exchangeId: () => ++idLast,
    request: (exchange: Exchange, request: HttpRequest) => post('began', { exchange, request }),
    closed: (exchange: Exchange) => post('gone', exchange)
  }
  const port: Actor<HttpProtocol & HttpEvents, undefined, State> = {
    name: 'http',
    guarded: true,
    init: () => ({ owner: owner as Ref<HttpOwner>, listeners: new Map(), exchanges: new Map() }),
    on: {
      listen(ctx, state, options) {
        const later = ctx.defer()
        listen(state, options, events, outcome => post('listening', { later, outcome }))
        return later
      },
      closeListener(_ctx, state, { address, port }) {
        const key = `${address} ${port}`
        state.listeners.get(key)?.close()
        state.listeners.delete(key)
      },
      respond(_ctx, state, { id, status, headers, body }) {
        const exchange = take(state, id)
        if (exchange === undefined) return
        exchange.answered = true
        exchange.respond(status, headers, body)
      },
      begin(_ctx, state, { id, status, headers }) {
        state.exchanges.get(id)?.begin(status, headers)
      },
      write(ctx, state, { ids, bytes }) {
        if (ctx.leftMs !== Number.POSITIVE_INFINITY) return writeAsked(state, ids, bytes, ctx.defer(), post)
        for (const id of ids) {
          const exchange = state.exchanges.get(id)
          if (exchange === undefined || exchange.write(bytes) || exchange.bufferedBytes <= bufferedBytesMax || exchange.stalled) continue
          exchange.stalled = true
          ctx.tell(state.owner, 'httpStalled', { id, bufferedBytes: exchange.bufferedBytes })
        }
      },
      end(_ctx, state, { ids }) {
        for (const id of ids) {
          const exchange = take(state, id)
          if (exchange === undefined) continue
          exchange.answered = true
          exchange.end()
        }
      },
      abort(_ctx, state, { ids }) {
        for (const id of ids) take(state, id)?.abort()
      },
      began(ctx, state, { exchange, request }) {
        if (exchange.closed) return
        state.exchanges.set(exchange.id, exchange)
        ctx.tell(state.owner, 'httpRequest', request)
      },
      gone(ctx, state, { id }) {
        if (state.exchanges.delete(id)) ctx.tell(state.owner, 'httpClosed', { id })
      },
      listening(ctx, state, { later, outcome }) {
        ctx.answer(later, outcome)
        if (!('port' in outcome)) return
        ctx.show({ listeners: state.listeners.size })
      },
      drained(ctx, _state, draining) {
        if (--draining.waiting === 0) ctx.answer(draining.later, undefined)
      }
    },
    stopping(_ctx, state) {
      for (const listener of state.listeners.values()) listener.close()
    }
  }
  return port as AnyActor
}

function listen(
  state: State,
  options: HttpListenOptions,
  events: ConstructorParameters<typeof HttpListener>[1],
  done: (outcome: { readonly port: number } | Refusal) => void
): void {
  const listener = new HttpListener(options, events)
  bind(listener, options, outcome => {
    if ('port' in outcome) state.listeners.set(`${options.address} ${outcome.port}`, listener)
    done(outcome)
  })
}

/** Writes, and answers once every one of these streams has taken what it was given. */
function writeAsked(
  state: State,
  ids: readonly number[],
  bytes: Uint8Array,
  later: Later<void>,
  post: (type: string, body: unknown) => void
): Later<void> | undefined {
  const full: Exchange[] = []
  for (const id of ids) {
    const exchange = state.exchanges.get(id)
    if (exchange !== undefined && !exchange.write(bytes) && !exchange.closed) full.push(exchange)
  }
  const draining: Draining = { later, waiting: full.length }
  if (full.length === 0) post('drained', Object.assign(draining, { waiting: 1 }))
  for (const exchange of full) exchange.onDrained(() => post('drained', draining))
  return later
}

function take(state: State, id: number): Exchange | undefined {
  const exchange = state.exchanges.get(id)
  state.exchanges.delete(id)
  return exchange
}
