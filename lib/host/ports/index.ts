// ports: the real implementations of the ports, by kind. Each is loaded when an actor that uses it starts.

import { immediate, type PortLoader } from '../port-services.js'

export const ports: Readonly<Record<string, PortLoader>> = {
  disk: immediate(async () => (await import('./disk.js')).disk),
  grpc: async () => (await import('./grpc.js')).grpc,
  'grpc-client': async () => (await import('./grpc-client.js')).grpcClient,
  http: async () => (await import('./http.js')).http,
  module: async () => (await import('./module.js')).module,
  resources: immediate(async () => (await import('./resources.js')).resources),
  secrets: immediate(async () => (await import('./secrets.js')).secrets), // Nobody minds if a hash is seen a moment late.
  shell: async () => (await import('./shell.js')).loadShell(),
  sockets: async () => (await import('./sockets.js')).loadSockets()
}
