// Small disk: a real file system of a few megabytes in memory, which a test can fill. Only root may mount one.

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'

const fillerBytes = 1 << 20

export class SmallDisk {
  readonly directory: string

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Undefined: this user cannot mount one. */
  static mount(megabytes: number): SmallDisk | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kabuki-disk-'))
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory])
    if (status === 0) return new SmallDisk(directory)
    fs.rmdirSync(directory)
    return undefined
  }

  /** Until no byte more can be written; or empties what was filled. */
  fill(full: boolean): void {
    const filler = path.join(this.directory, 'filler')
    if (!full) return fs.rmSync(filler, { force: true })
    const descriptor = fs.openSync(filler, 'a')
    for (let size = fillerBytes; size >= 1; ) {
      try {
        fs.writeSync(descriptor, Buffer.alloc(size))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        size >>= 1
      }
    }
    fs.closeSync(descriptor)
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.directory])
    fs.rmdirSync(this.directory)
  }
}
