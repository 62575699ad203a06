// The few deterministic host functions pure code may name. Everything else of the host is absent on
// purpose (`types: []`): no clock, no chance, no I/O, no promise-returning API.

declare class TextEncoder {
  encode(text?: string): Uint8Array
  encodeInto(text: string, target: Uint8Array): { read: number; written: number }
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: Uint8Array): string
}
declare function btoa(binary: string): string
declare function atob(base64: string): string
declare function structuredClone<T>(value: T): T
