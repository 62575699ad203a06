// comlink ships its ES modules without declarations beside them; these are the few names we use.

declare module 'comlink/dist/esm/comlink.mjs' {
  export function expose(object: unknown, endpoint: unknown): void
  export function wrap(endpoint: unknown): unknown
  export function transfer<T>(value: T, transferables: unknown[]): T
}
declare module 'comlink/dist/esm/node-adapter.mjs' {
  export default function nodeEndpoint(port: unknown): unknown
}
