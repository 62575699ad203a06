// server: the API server as pure code: one request against storage, the watch cache, discovery.

export { bodyBytesMax } from './incoming.js'
export { ApiServer, requestTimeoutMs, type ServerOptions } from './server.js'
export type { ServerContext, ServerProtocol, ServerTimer, ServiceRanges } from './serving.js'
