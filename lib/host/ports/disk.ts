// disk: the real implementation of lib/ports/disk.ts, over the journal of the owner.

import { type Actor, type AnyActor, type PortFactory, type Refusal, refuse } from '../../actor/index.js'
import { type DiskProtocol, invalid, ioError, noSpace } from '../../ports/index.js'
import type { Journal } from '../journal.js'
import type { PortServices } from '../thread.js'

/** Turns what the file system says into the refusals of the protocol. */
function attempt<T>(body: () => T): T | Refusal {
  try {
    return body()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') return refuse(noSpace, message)
    return refuse(code === undefined ? invalid : ioError, message)
  }
}

const diskOf = (journal: Journal): Actor<DiskProtocol, void, null> => ({
  name: 'disk',
  init: () => null,
  on: {
    recover: () => attempt(() => journal.recover()),
    repair: (_ctx, _state, { sequence, length }) =>
      attempt(() => (journal.repair(sequence, length) ? undefined : refuse(invalid, `segment ${sequence} has no place ${length}`))),
    rotate: () => attempt(() => ({ sequence: journal.rotate() })),
    release: (_ctx, _state, { before }) => attempt(() => journal.release(before)),
    writeFile: (_ctx, _state, { name, bytes }) => attempt(() => journal.writeFile(name, bytes)),
    files: () => attempt(() => ({ files: journal.files() })),
    readFile: (_ctx, _state, { name }) => attempt(() => journal.readFile(name)),
    removeFile: (_ctx, _state, { name }) => attempt(() => journal.removeFile(name))
  }
})

export const disk =
  (services: PortServices): PortFactory =>
  owner =>
    diskOf(services.journal(owner)) as unknown as AnyActor
