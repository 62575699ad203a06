// Disk port: the simulated implementation of lib/ports/disk.ts, over a volume of the machine.

import { type Actor, type Flow, type Refusal, refuse, sleep } from '../actor/index.js'
import { type DiskProtocol, invalid, ioError, isFileName, noSpace } from '../ports/index.js'
import type { Disk } from './disk.js'

export function diskPort(disk: Disk, owner: string): Actor<DiskProtocol, void, null> {
  const volume = disk.volume(owner)
  const wait = (): Flow<void> => sleep('real', disk.syncUs() / 1000)
  function* change(durable: () => void): Flow<void | Refusal> {
    yield* wait()
    if (disk.fails()) return refuse(ioError, 'input/output error')
    durable()
  }
  return {
    name: 'disk',
    init: () => null,
    on: {
      *recover() {
        yield* wait()
        return { segments: volume.recover(), files: volume.files() }
      },
      repair(_ctx, _state, { sequence, length }) {
        if (!volume.repair(sequence, length)) return refuse(invalid, `segment ${sequence} has no place ${length}`)
        return change(() => {})
      },
      *rotate() {
        const sequence = volume.rotate()
        yield* wait()
        return { sequence }
      },
      release(_ctx, _state, { before }) {
        volume.release(before)
        return change(() => {})
      },
      writeFile(_ctx, _state, { name, bytes }) {
        if (!isFileName(name)) return refuse(invalid, `${name} is not the name of a file`)
        if (!disk.fits(bytes.length)) return refuse(noSpace, 'no space left on device')
        return change(volume.write(name, bytes))
      },
      files: () => ({ files: volume.files() }),
      *readFile(_ctx, _state, { name }) {
        yield* wait()
        return volume.file(name)
      },
      removeFile(_ctx, _state, { name }) {
        return change(volume.write(name, undefined))
      }
    }
  }
}
