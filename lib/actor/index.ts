// actor: contract, cell, dispatcher, streams: what an actor is, and the only code that calls a handler.

export { Cell } from './cell.js'
export {
  type Actor,
  type Answer,
  type AskName,
  type Batch,
  type Body,
  type Clock,
  type Context,
  type Failure,
  type Flow,
  type Item,
  type Later,
  type Outcome,
  type PortKind,
  type Protocol,
  type Ref,
  Refusal,
  type Returned,
  type Running,
  type Sink,
  type Source,
  type SpawnOptions,
  type Step,
  type Stream,
  type StreamName,
  type Turn
} from './contract.js'
export { Dispatcher } from './dispatcher.js'
export {
  type AnyActor,
  downNotice,
  type Effect,
  type Envelope,
  type Facts,
  failureFor,
  isPort,
  type Kind,
  machineOf,
  ownerOf,
  type SpawnEffect
} from './envelope.js'
export { ask, credit, doubt, open, passOn, refuse, sleep, streamWindow } from './flow.js'
export { Mailbox, mailboxMaxDefault } from './mailbox.js'
export type { ActorMetrics, Counters, PortFactory, Shell } from './shell.js'
export { afterDeath, type Deaths, noDeaths, type RestartPolicy, restartPolicyDefault, type Verdict } from './supervision.js'
export type { Clocks } from './waits.js'
