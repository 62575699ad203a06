// Disk port: the simulated implementation of lib/ports/disk.ts, over a volume of the machine.

import { type Actor, type Flow, type Refusal, refuse, sleep } from '../actor/index.js'
import { type DiskProtocol, type FilePart, filePartBytesMax, invalid, ioError, isFileName, noSpace } from '../ports/index.js'
import type { Disk, Volume } from './disk.js'

type Handlers = Actor<DiskProtocol, void, null>['on']
type JournalMessage = 'recover' | 'readSegment' | 'repair' | 'rotate' | 'release' | 'reserve'

export function diskPort(disk: Disk, owner: string): Actor<DiskProtocol, void, null> {
  const volume = disk.volume(owner)
  return { name: 'disk', init: () => null, on: { ...journalHandlers(disk, volume), ...fileHandlers(disk, volume) } }
}

const waitOf = (disk: Disk): Flow<void> => sleep('real', disk.syncUs() / 1000)

function* change(disk: Disk, durable: () => void): Flow<void | Refusal> {
  yield* waitOf(disk)
  if (disk.fails()) return refuse(ioError, 'input/output error')
  durable()
}

const journalHandlers = (disk: Disk, volume: Volume): Pick<Handlers, JournalMessage> => ({
  *recover() {
    yield* waitOf(disk)
    return { segments: volume.recover(), files: volume.files() }
  },
  *readSegment(_ctx, _state, { sequence }) {
    yield* waitOf(disk)
    return volume.segment(sequence)
  },
  repair(_ctx, _state, { sequence, length }) {
    if (!volume.repair(sequence, length)) return refuse(invalid, `segment ${sequence} has no place ${length}`)
    return change(disk, () => {})
  },
  *rotate() {
    const sequence = volume.rotate()
    yield* waitOf(disk)
    return { sequence }
  },
  release(_ctx, _state, { before }) {
    volume.release(before)
    return change(disk, () => {})
  },
  *reserve(_ctx, _state, { bytes }) {
    yield* waitOf(disk)
    if (disk.fails()) return refuse(ioError, 'input/output error')
    const wanted = bytes - volume.reservedBytes
    if (wanted > 0 && disk.fits(wanted)) volume.reserve(bytes)
    return { bytes: Math.min(bytes, volume.reservedBytes) }
  }
})

const fileHandlers = (disk: Disk, volume: Volume): Omit<Handlers, JournalMessage> => ({
  writeFile(_ctx, _state, { name, bytes }) {
    if (!isFileName(name)) return refuse(invalid, `${name} is not the name of a file`)
    if (!disk.fits(bytes.length)) return refuse(noSpace, 'no space left on device')
    return change(disk, volume.write(name, bytes))
  },
  beginFile(_ctx, _state, { name }) {
    if (!isFileName(name)) return refuse(invalid, `${name} is not the name of a file`)
    volume.begin(name)
    return change(disk, () => {})
  },
  appendFile(_ctx, _state, { name, offset, bytes }) {
    if (volume.begunBytes(name) !== offset) return refuse(invalid, `${name} was not begun, or does not end at ${offset}`)
    if (bytes.length > filePartBytesMax) return refuse(invalid, `a part of ${bytes.length} bytes is too large`)
    if (!disk.fits(bytes.length)) return refuse(noSpace, 'no space left on device')
    volume.appendTo(name, bytes)
    return change(disk, () => {})
  },
  commitFile(_ctx, _state, { name, length }) {
    if (volume.begunBytes(name) !== length) return refuse(invalid, `${name} was not begun, or is not of ${length} bytes`)
    return change(disk, volume.commit(name))
  },
  *abandonFile(_ctx, _state, { name }) {
    volume.abandon(name)
    yield* waitOf(disk)
  },
  files: () => ({ files: volume.files() }),
  *readFile(_ctx, _state, { name }) {
    yield* waitOf(disk)
    return volume.file(name)
  },
  readPart(_ctx, _state, { name, offset, length }) {
    if (length > filePartBytesMax) return refuse(invalid, `a part of ${length} bytes is too large`)
    return readPart(disk, volume, name, offset, length)
  },
  removeFile(_ctx, _state, { name }) {
    return change(disk, volume.write(name, undefined))
  }
})

function* readPart(disk: Disk, volume: Volume, name: string, offset: number, length: number): Flow<FilePart | null> {
  yield* waitOf(disk)
  const file = volume.file(name)
  return file === null ? null : { bytes: file.slice(offset, offset + length), fileBytes: file.length }
}
