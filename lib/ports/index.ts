// ports: the protocols of the outside world. Each has a real (lib/host/ports) and a simulated (lib/sim) implementation.

export {
  type DiskProtocol,
  disk,
  type FilePart,
  filePartBytesMax,
  invalid,
  ioError,
  isFileName,
  noSpace,
  type Segment,
  sectorBytes
} from './disk.js'
export {
  bufferedMessageBytesMax,
  frameHeaderBytes,
  type GrpcCall,
  type GrpcListenOptions,
  type GrpcOwner,
  type GrpcProtocol,
  type GrpcStatus,
  grpcCodes,
  grpcPort,
  writeFrameHeader
} from './grpc.js'
export {
  type GrpcClientProtocol,
  type GrpcConnectionState,
  type GrpcConnectOptions,
  type GrpcStreamCall,
  type GrpcUnaryCall,
  grpcCallsMax,
  grpcClientPort,
  grpcStreamMessagesMax,
  grpcStreamsMax
} from './grpc-client.js'
export {
  bufferedBytesMax,
  type HttpListenOptions,
  type HttpOwner,
  type HttpProtocol,
  type HttpRequest,
  type HttpResponse,
  httpPort
} from './http.js'
export { type ModuleOwner, type ModuleProtocol, type ModuleRun, modulePort } from './module.js'
export { type ResourcesProtocol, resourcesPort } from './resources.js'
export { hashesMax, type SecretsProtocol, secretsPort, tokenLength, tokenLetters } from './secrets.js'
export {
  execOutputBytesMax,
  type ShellExec,
  type ShellFiles,
  type ShellMount,
  type ShellOwner,
  type ShellProtocol,
  type ShellResult,
  type ShellRun,
  type ShellSignal,
  type ShellVolume,
  shellPort
} from './shell.js'
export {
  connectionsMax,
  decisionTimeoutMs,
  type ExchangeRequest,
  type FetchRequest,
  type FetchResponse,
  type Listener,
  type ListenOptions,
  type SocketAddress,
  type SocketsMetrics,
  type SocketsOwner,
  type SocketsProtocol,
  socketsPort,
  type Transport
} from './sockets.js'
