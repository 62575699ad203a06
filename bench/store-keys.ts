// Store keys: what the loads of a store write and watch, the same by message and over gRPC.

const keysMax = 1000
const watchedKeys = 10

export const keyOf = (number: number): string => `/load/${String(number % keysMax).padStart(6, '0')}`
export const watchedKeyOf = (number: number): string => `/watched/${number % watchedKeys}`
export const watchedRange = { key: '/watched/', end: '/watched0' } as const
