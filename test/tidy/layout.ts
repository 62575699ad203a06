// Layout: which folder may import which, which npm package may be imported where, and the exceptions to every rule.
//
// This is data. A new folder is one line of `layout`; a new package is one word in a line of it; an exception needs a
// reason. Ratchets (`longFiles`, `longFunctions`) may only shrink: a number goes down when the code does, and a line
// is removed when it is no longer needed. Do not add to them: split the file or the function.

export interface Folder {
  /** Folders whose door it may import, all of them below it. */
  readonly imports: readonly string[]
  /** Folders of which it may import types only: the protocol of somebody it talks to. */
  readonly types?: readonly string[]
  readonly packages?: readonly string[]
  /** Compiled for Node: may import `node:*`, wait for promises, and read the clock. All other folders are pure. */
  readonly node?: true
}

const base = ['lib/std', 'lib/actor']
const api = ['lib/object', 'lib/kinds']
const component = [...base, 'lib/ports', ...api, 'lib/client']

/** From the bottom up: a folder imports only folders that stand above it in this table. */
export const layout: Readonly<Record<string, Folder>> = {
  'lib/std': { imports: [] },
  'lib/actor': { imports: ['lib/std'] },
  'lib/ports': { imports: base },
  'lib/storage': { imports: base },
  'lib/protobuf': { imports: ['lib/std'] },
  'lib/raft': { imports: ['lib/std'], packages: [] },
  'lib/wal': { imports: ['lib/std'] },
  'lib/auth': { imports: ['lib/std'] },
  'lib/mvcc': { imports: ['lib/std', 'lib/auth'], packages: ['sorted-btree'] },
  'lib/store': { imports: [...base, 'lib/ports', 'lib/storage', 'lib/raft', 'lib/wal', 'lib/auth', 'lib/mvcc'] },
  'lib/etcd': { imports: [...base, 'lib/ports', 'lib/storage', 'lib/protobuf', 'lib/mvcc', 'lib/store'] },
  'lib/etcd-storage': { imports: [...base, 'lib/ports', 'lib/storage', 'lib/protobuf'] },
  'lib/object': { imports: ['lib/std'], packages: ['rfc6902'] },
  'lib/kinds': { imports: ['lib/std', 'lib/object'], packages: ['ipaddr.js', 'croner'] },
  'lib/client': { imports: [...base, ...api], types: ['lib/ports'] },
  'lib/server': {
    imports: [...base, 'lib/ports', 'lib/storage', ...api],
    types: ['lib/client'], // The protocol of the API by message.
    packages: ['yaml', 'sorted-btree', '@bufbuild/protobuf', '@marcbachmann/cel-js', 're2js', 'ajv']
  },
  'lib/controllers': { imports: component, packages: ['croner', 'ipaddr.js'] },
  'lib/scheduler': { imports: component },
  'lib/images': { imports: component, packages: ['dns-packet'] },
  'lib/kubelet': { imports: [...component, 'lib/images'] },
  'lib/proxy': { imports: component, packages: ['ipaddr.js'] },
  'lib/check': { imports: [...base, 'lib/storage', 'lib/mvcc', ...api] },
  'lib/view': { imports: base },
  'lib/cli': { imports: [...base, ...api], packages: ['yaml', 'commander'] },
  'lib/host': {
    imports: [...base, 'lib/ports'],
    packages: [
      'comlink',
      'msgpackr',
      'nanoid',
      'ws',
      'just-bash',
      '@peculiar/x509',
      'reflect-metadata',
      'jose',
      'dns-packet',
      'spdy-transport',
      '@grpc/grpc-js',
      '@grpc/proto-loader',
      '@bufbuild/protobuf',
      'pino',
      'prom-client',
      'piscina'
    ],
    node: true
  },
  'lib/sim': { imports: [...base, 'lib/ports'], packages: ['pure-rand'] },
  'lib/chaos': {
    imports: [...base, 'lib/object', 'lib/kinds', 'lib/client', 'lib/storage', 'lib/mvcc', 'lib/store', 'lib/check', 'lib/sim']
  },
  actors: {
    imports: [
      ...component,
      'lib/storage',
      'lib/protobuf',
      'lib/raft',
      'lib/wal',
      'lib/mvcc',
      'lib/store',
      'lib/etcd',
      'lib/etcd-storage',
      'lib/server',
      'lib/controllers',
      'lib/scheduler',
      'lib/images',
      'lib/kubelet',
      'lib/proxy',
      'lib/check',
      'lib/chaos',
      'lib/view'
    ]
  },
  bin: {
    imports: [...component, 'lib/store', 'lib/images', 'lib/host', 'lib/sim', 'lib/chaos', 'lib/check', 'lib/cli', 'lib/view', 'actors'],
    packages: ['commander', 'listr2', 'nanoid', 'piscina', 'yaml'],
    node: true
  },
  build: { imports: ['lib/object', 'actors'], packages: ['esbuild', '@bufbuild/protobuf', '@grpc/proto-loader'], node: true },
  bench: { imports: ['*'], packages: ['*'], node: true },
  examples: { imports: ['*'], packages: ['*'], node: true },
  test: { imports: ['*'], packages: ['*'], node: true }
}

/** Folders that have no `index.ts`, or a second door beside it: what others may import of them. Tests may open any door. */
export const otherDoors: Readonly<Record<string, { readonly files: readonly string[]; readonly reason: string }>> = {
  actors: { files: ['roster', 'plan'], reason: 'actors are loaded by name through the roster; a plan names them' },
  'lib/host': {
    files: ['index', 'seed-pool', 'codec'],
    reason: 'what runs seeds loads piscina, which nobody else is to load, and of the rest only the codec'
  },
  bin: { files: [], reason: 'nobody imports a command' },
  build: { files: [], reason: 'nobody imports the build' },
  bench: { files: [], reason: 'nobody imports a benchmark' },
  examples: { files: [], reason: 'nobody imports an example' },
  test: { files: [], reason: 'nobody imports a test' }
}

export interface BannedWord {
  readonly word: string
  readonly instead: string
}

/**
 * What pure code may not name. `Math.random` is a member: its object and the dot belong to the word. What is neither here
 * nor in ES2023 (`process`, `fetch`, `require`) the compiler refuses: pure folders are compiled with `types: []`.
 */
export const banned: readonly BannedWord[] = [
  ...['async', 'await', 'Promise'].map(word => ({ word, instead: 'a flow: `yield* ask(...)`, `yield* sleep(...)`' })),
  ...['Date', 'performance'].map(word => ({ word, instead: '`ctx.nowMs` or `ctx.clusterMs`, or a time as an argument' })),
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map(word => ({ word, instead: '`ctx.timer` or `yield* sleep(...)`' })),
  { word: 'Math.random', instead: '`ctx.random()`, or a `Random` as an argument' },
  { word: 'console', instead: '`ctx.log`' },
  ...['WeakRef', 'FinalizationRegistry', 'Atomics', 'SharedArrayBuffer', 'globalThis', 'eval', 'Buffer'].map(word => ({
    word,
    instead: 'nothing: what it does depends on the host'
  })),
  ...['localeCompare', 'toLocaleString', 'Intl'].map(word => ({ word, instead: '`<` on strings: the locale is the host’s' }))
]

export interface Exception {
  readonly file: string
  readonly words: readonly string[]
  readonly reason: string
}

export const bannedExceptions: readonly Exception[] = [
  { file: 'actors/roster.ts', words: ['async', 'await', 'Promise'], reason: 'it loads modules with import(), before any actor runs' }
]

/** Files whose one export says what the noun is, right below the imports. A new file begins with its header. */
export const headerless: readonly string[] = ['httpd', 'module', 'nginx', 'pause', 'simulated'].map(name => `lib/images/${name}.ts`)

/** Actors import of each other only types, but for the child that an actor starts: `ctx.spawn` takes its definition. */
export const spawned: Readonly<Record<string, readonly string[]>> = {
  'actors/controller-manager.ts': ['controller'],
  'actors/containers.ts': ['container']
}

/** Declares what pure code may name of the host. Nowhere else may a file tell the compiler that something exists. */
export const globalsFile = 'lib/std/globals.d.ts'

/** A file name has not found its noun yet if it is one of these, unless upstream uses it. */
export const bannedNouns: readonly string[] = [
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'misc',
  'types',
  'type',
  'manager',
  'managers'
]
export const bannedNounExceptions: readonly { readonly name: string; readonly reason: string }[] = [
  { name: 'controller-manager', reason: 'kube-controller-manager' },
  { name: 'go-types', reason: 'the types of Go, which it reads' },
  { name: 'list-types', reason: 'upstream’s x-kubernetes-list-type' }
]

export const fileLinesMax = 400
export const functionLinesMax = 60

export interface Ratchet {
  readonly name: string // `file`, or `file: function`.
  readonly lines: number // No more than this, ever.
  readonly reason: string
}

export const longFiles: readonly Ratchet[] = [
  { name: 'lib/actor/cell.ts', lines: 448, reason: 'the one piece that calls handlers; requests served and made share its turns' },
  { name: 'lib/actor/dispatcher.ts', lines: 406, reason: 'mailboxes, effects and death of one thread share its table of members' },
  { name: 'lib/host/runtime.ts', lines: 443, reason: 'threads, links and control of a process, not yet taken apart' },
  { name: 'lib/host/thread.ts', lines: 422, reason: 'the shell of one thread, all that a Dispatcher and the main thread ask of it' },
  { name: 'lib/kubelet/pod-worker.ts', lines: 470, reason: 'one pod from bound to gone: its flows share its state' }
]

export const longFunctions: readonly Ratchet[] = [
  { name: 'actors/supervisor.ts: supervisorOf', lines: 69, reason: 'an actor that closes over how its children are found' },
  { name: 'lib/host/ports/module.ts: module', lines: 77, reason: 'an actor that closes over what it loaded' },
  { name: 'lib/host/ports/http.ts: http', lines: 74, reason: 'an actor that closes over its listeners' }
]
