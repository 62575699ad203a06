// Files: the filesystem of a run: a root of its own, volumes mounted into it, and two console files.
//
// What is written to a console file is handed on at once; the write ends when the one it was handed to has taken it,
// so a script that writes too fast is slowed down. Each filesystem holds at most so many bytes.

import * as path from 'node:path/posix'
import type { IFileSystem, InMemoryFs, MountableFs } from 'just-bash'
import type { ShellFiles, ShellMount } from '../../ports/index.js'
import { consolePaths } from './shell-script.js'

/** The part of just-bash's module that is needed here. */
export interface FileSystems {
  readonly InMemoryFs: typeof InMemoryFs
  readonly MountableFs: typeof MountableFs
}

export type Console = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>

export const rootBytesMax = 32 << 20
export const volumeBytesMax = 64 << 20

export function newVolume({ InMemoryFs: Memory }: FileSystems, files: ShellFiles, bytesMax: number): InMemoryFs {
  const rooted = Object.fromEntries(Object.entries(files).map(([name, content]) => [path.join('/', name), content]))
  return new Memory(rooted, { maxTotalBytes: bytesMax })
}

/** Puts other content into a volume; what its runs wrote there themselves goes, as kubelet's atomic writer does it. */
export async function refill(volume: IFileSystem, files: ShellFiles): Promise<void> {
  for (const name of await volume.readdir('/')) await volume.rm(path.join('/', name), { recursive: true, force: true })
  for (const [name, content] of Object.entries(files)) {
    const at = path.join('/', name)
    await volume.mkdir(path.dirname(at), { recursive: true })
    await volume.writeFile(at, content)
  }
}

export function newRoot(
  systems: FileSystems,
  files: ShellFiles,
  mounts: readonly ShellMount[],
  volumes: ReadonlyMap<string, IFileSystem>,
  commands: Iterable<string>,
  consoles: Console
): IFileSystem {
  const base = newVolume(systems, { '/etc/passwd': passwd, '/etc/group': group, ...files }, rootBytesMax)
  for (const directory of ['/tmp', '/root', '/home', '/var/log', '/var/run', '/run', '/usr/bin', '/bin', '/proc'])
    base.mkdirSync(directory, { recursive: true })
  for (const file of [...Object.values(consolePaths), '/dev/null', '/dev/stdout', '/dev/stderr']) base.writeFileSync(file, '')
  // just-bash finds a command by its file on the PATH.
  for (const name of commands) base.writeFileSync(`/bin/${name}`, '', undefined, { mode: 0o755 })
  const root = new systems.MountableFs({ base: withConsole(base, consoles) })
  for (const { path: at, volume, subPath = '', readOnly = false } of mounts) {
    const filesystem = volumes.get(volume)
    if (filesystem !== undefined) root.mount(at, subtree(filesystem, path.join('/', subPath), readOnly ? at : undefined))
  }
  return root
}

const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n'
const group = 'root:x:0:\nnobody:x:65534:\n'

function withConsole(base: IFileSystem, consoles: Console): IFileSystem {
  const write =
    (method: 'writeFile' | 'appendFile'): IFileSystem['writeFile'] =>
    async (at, content, options) => {
      const stream = at === consolePaths.stdout ? 'stdout' : at === consolePaths.stderr ? 'stderr' : undefined
      if (stream === undefined) return base[method](at, content, options)
      const encoding = typeof options === 'string' ? options : options?.encoding
      const bytes = typeof content === 'string' ? Buffer.from(content, encoding === 'binary' ? 'latin1' : 'utf8') : content
      if (bytes.length > 0) await consoles(stream, bytes)
    }
  return overriding(base, { writeFile: write('writeFile'), appendFile: write('appendFile') })
}

type Method = (...args: never[]) => unknown
const writers = new Set(['writeFile', 'appendFile', 'mkdir', 'rm', 'chmod', 'symlink', 'utimes'])
const readers = new Set([
  'readFile',
  'readFileBytes',
  'readFileBuffer',
  'exists',
  'stat',
  'lstat',
  'readdir',
  'readdirWithFileTypes',
  'readlink'
])
const movers = new Set(['cp', 'mv', 'link'])

/** What is below `root` in a filesystem, as one of its own; `readOnlyAt`: where it is mounted, if it cannot be written. */
function subtree(filesystem: IFileSystem, root: string, readOnlyAt: string | undefined): IFileSystem {
  const inside = (at: string): string => (root === '/' ? at : at === '/' ? root : path.join(root, at))
  const outside = (at: string): string => (root === '/' ? at : path.join('/', path.relative(root, at)))
  const readOnly = readOnlyAt !== undefined
  const refuse = async (at: string): Promise<never> => {
    throw Object.assign(new Error(`can't create ${path.join(readOnlyAt ?? '', at)}: Read-only file system`), { code: 'EROFS' })
  }
  const overrides: Record<string, unknown> = {
    resolvePath: (base: string, at: string) => path.resolve(base, at),
    getAllPaths: () =>
      filesystem
        .getAllPaths()
        .filter(at => root === '/' || at.startsWith(root))
        .map(outside),
    realpath: async (at: string) => outside(await filesystem.realpath(inside(at)))
  }
  const target = filesystem as unknown as Record<string, Method | undefined>
  const call = (name: string, ...args: unknown[]): unknown => target[name]?.apply(filesystem, args as never[])
  for (const name of readers) overrides[name] = (at: string, ...rest: unknown[]) => call(name, inside(at), ...rest)
  for (const name of writers) {
    overrides[name] = (at: string, ...rest: unknown[]) => (readOnly ? refuse(at) : call(name, inside(at), ...rest))
  }
  overrides.symlink = (to: string, at: string) => (readOnly ? refuse(at) : filesystem.symlink(to, inside(at)))
  for (const name of movers) {
    overrides[name] = (from: string, to: string, ...rest: unknown[]) =>
      readOnly ? refuse(to) : call(name, inside(from), inside(to), ...rest)
  }
  return overriding(filesystem, overrides)
}

function overriding(filesystem: IFileSystem, overrides: object): IFileSystem {
  const methods = overrides as Record<PropertyKey, unknown>
  return new Proxy(filesystem, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return methods[name]
      const value = (target as unknown as Record<PropertyKey, unknown>)[name]
      return typeof value === 'function' ? (value as Method).bind(target) : value
    }
  })
}
