// module: a port that runs a user's own JS module as a container. Trusted code: it shares the process, in a thread of its own.
//
// The module's default export is called with what a container knows: `async ({ args, env, pod, image, http, log, error, signal }) => code`.
// `http(port, handler)` serves on the pod's address, `handler(request: Request) => Response | Promise<Response>` as the fetch API
// has them; `signal` is an AbortSignal that aborts when the container is to stop. The container exits when the function returns
// (the number it returns, otherwise 0) or throws (1). A module that hangs its thread is ended with it.

import type { PortKind } from '../actor/index.js'

export const modulePort: PortKind<ModuleProtocol> = { name: 'module' }

export interface ModuleProtocol {
  /** Imports the module and calls it. Refused `invalid` if it cannot be imported, or exports no function. */
  run(run: ModuleRun): void
  /** Aborts the module's signal, with the name as the reason. */
  signal(signal: { readonly name: string }): void
}

export interface ModuleRun {
  readonly url: string
  readonly image: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly pod: {
    readonly namespace: string
    readonly name: string
    readonly uid: string
    readonly node: string
    readonly ip: string
    readonly hostname: string
  }
}

/** What an owner must accept. All of it comes as tells. */
export interface ModuleOwner {
  moduleOutput(output: { readonly stream: 'stdout' | 'stderr'; readonly text: string }): void
  /** The function is over. Nothing more comes. */
  moduleExit(exit: { readonly code: number; readonly detail?: string }): void
  /** A port that could not be bound is served elsewhere. */
  modulePortMoved(moved: { readonly from: number; readonly to: number }): void
}
