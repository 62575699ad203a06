// server: the API server as pure code: one request against storage, the watch cache, discovery.

export { ApiServer, bodyBytesMax, requestTimeoutMs, type ServerOptions } from './server.js'
export type { ServerContext, ServerProtocol, ServerTimer, ServiceRanges } from './serving.js'
