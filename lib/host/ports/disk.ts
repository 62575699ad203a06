// disk: the real implementation of lib/ports/disk.ts, over the journal of the owner.

import { type Actor, type AnyActor, type PortFactory, type Refusal, refuse } from '../../actor/index.js'
import { type DiskProtocol, invalid, ioError, noSpace } from '../../ports/index.js'
import { isFull, type Journal } from '../journal.js'
import type { PortServices } from '../port-services.js'

/** Turns what the file system says into the refusals of the protocol. */
function attempt<T>(body: () => T): T | Refusal {
  try {
    return body()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (isFull(error)) return refuse(noSpace, message)
    return refuse(code === undefined ? invalid : ioError, message)
  }
}

const diskOf = (journal: Journal): Actor<DiskProtocol, void, null> => ({
  name: 'disk',
  init: () => null,
  on: {
    recover: () => attempt(() => journal.recover()),
    readSegment: (_ctx, _state, { sequence }) => attempt(() => journal.readSegment(sequence)),
    repair: (_ctx, _state, { sequence, length }) =>
      attempt(() => (journal.repair(sequence, length) ? undefined : refuse(invalid, `segment ${sequence} has no place ${length}`))),
    rotate: () => attempt(() => ({ sequence: journal.rotate() })),
    release: (_ctx, _state, { before }) => attempt(() => journal.release(before)),
    reserve: (_ctx, _state, { bytes }) => attempt(() => ({ bytes: journal.reserve(bytes) })),
    writeFile: (_ctx, _state, { name, bytes }) => attempt(() => journal.writeFile(name, bytes)),
    beginFile: (_ctx, _state, { name }) => attempt(() => journal.beginFile(name)),
    appendFile: (_ctx, _state, { name, offset, bytes }) => attempt(() => journal.appendFile(name, offset, bytes)),
    commitFile: (_ctx, _state, { name, length }) => attempt(() => journal.commitFile(name, length)),
    abandonFile: (_ctx, _state, { name }) => attempt(() => journal.abandonFile(name)),
    files: () => attempt(() => ({ files: journal.files() })),
    readFile: (_ctx, _state, { name }) => attempt(() => journal.readFile(name)),
    readPart: (_ctx, _state, { name, offset, length }) => attempt(() => journal.readPart(name, offset, length)),
    removeFile: (_ctx, _state, { name }) => attempt(() => journal.removeFile(name))
  }
})

export const disk =
  (services: PortServices): PortFactory =>
  owner =>
    diskOf(services.journal(owner)) as unknown as AnyActor
