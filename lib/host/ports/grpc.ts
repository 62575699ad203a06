// grpc: the real grpc port, on node:http2. What it promises stands with its protocol (lib/ports/grpc.ts).

import type { IncomingHttpHeaders } from 'node:http2'
import type { Actor, AnyActor, Later, PortFactory, Ref, Refusal } from '../../actor/index.js'
import { refuse } from '../../actor/index.js'
import type { GrpcCall, GrpcListenOptions, GrpcOwner, GrpcProtocol } from '../../ports/index.js'
import type { Call } from './grpc-call.js'
import { GrpcListener, type ListenerEvents } from './grpc-listener.js'
import { bind } from './listening.js'

/** What sockets bring back, as messages of the port to itself. */
interface GrpcEvents {
  called(event: { readonly call: Call; readonly told: GrpcCall }): void
  received(event: { readonly call: Call; readonly message: Uint8Array }): void
  halfClosed(call: Call): void
  gone(call: Call): void
  drained(call: Call): void
  delivered(event: { readonly later: Later<object> }): void
  listening(event: { readonly later: Later<{ readonly port: number }>; readonly outcome: { readonly port: number } | Refusal }): void
}

interface State {
  readonly owner: Ref<GrpcOwner>
  readonly listeners: Map<string, GrpcListener>
  readonly calls: Map<number, Call>
}

const transportHeaders = new Set(['te', 'content-type', 'user-agent', 'grpc-timeout', 'grpc-encoding', 'grpc-accept-encoding'])

export const grpc = (): PortFactory => (owner, post) => {
  const events = eventsOf(post)
  const port: Actor<GrpcProtocol & GrpcEvents, undefined, State> = {
    name: 'grpc',
    guarded: true,
    init: () => ({ owner: owner as Ref<GrpcOwner>, listeners: new Map(), calls: new Map() }),
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
      respond: (_ctx, state, { id, frame }) => take(state, id)?.respond(frame),
      deliver(ctx, state, { id, frame, withinMs }) {
        const call = take(state, id)
        if (call === undefined) return {}
        const later = ctx.defer()
        call.deliver(frame, withinMs, () => post('delivered', { later }))
        return later
      },
      delivered: (ctx, _state, { later }) => ctx.answer(later, {}),
      send(ctx, state, { ids, frame }) {
        for (const id of ids) {
          const call = state.calls.get(id)
          if (call !== undefined && !call.send(frame)) ctx.tell(state.owner, 'grpcStalled', { id, bufferedBytes: call.bufferedBytes })
        }
      },
      finish: (_ctx, state, { id, code, text }) => take(state, id)?.finish(code, text),
      called(ctx, state, { call, told }) {
        if (call.over) return
        state.calls.set(call.id, call)
        ctx.tell(state.owner, 'grpcCall', told)
      },
      received(ctx, state, { call, message }) {
        if (state.calls.has(call.id)) ctx.tell(state.owner, 'grpcMessage', { id: call.id, message })
      },
      halfClosed(ctx, state, { id }) {
        if (state.calls.has(id)) ctx.tell(state.owner, 'grpcHalfClosed', { id })
      },
      gone(ctx, state, { id }) {
        if (state.calls.delete(id)) ctx.tell(state.owner, 'grpcClosed', { id })
      },
      drained(ctx, state, { id }) {
        if (state.calls.has(id)) ctx.tell(state.owner, 'grpcDrained', { id })
      },
      listening: (ctx, _state, { later, outcome }) => ctx.answer(later, outcome)
    },
    stopping(_ctx, state) {
      for (const listener of state.listeners.values()) listener.close()
    }
  }
  return port as AnyActor
}

function eventsOf(post: (type: string, body: unknown) => void): ListenerEvents {
  let idLast = 0
  return {
    callId: () => ++idLast,
    called: (call, message, headers, client) => {
      const { id, method, timeoutMs } = call
      post('called', { call, told: { id, method, message, timeoutMs, metadata: metadataOf(headers), client } })
    },
    message: (call, message) => post('received', { call, message }),
    halfClosed: call => post('halfClosed', call),
    closed: call => post('gone', call),
    drained: call => post('drained', call)
  }
}

function listen(
  state: State,
  options: GrpcListenOptions,
  events: ListenerEvents,
  done: (outcome: { readonly port: number } | Refusal) => void
): void {
  let listener: GrpcListener
  try {
    listener = new GrpcListener(options, events)
  } catch (error) {
    return done(refuse('invalid', String(error))) // Of certificates that are none.
  }
  bind(listener, options, outcome => {
    if ('port' in outcome) state.listeners.set(`${options.address} ${outcome.port}`, listener)
    done(outcome)
  })
}

function take(state: State, id: number): Call | undefined {
  const call = state.calls.get(id)
  state.calls.delete(id)
  return call
}

function metadataOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (name.charCodeAt(0) === 58 || value === undefined || transportHeaders.has(name) || name === '__proto__') continue
    metadata[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return metadata
}
