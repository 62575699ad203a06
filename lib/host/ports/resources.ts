// resources: the real resources port, over `dist/resources`.

import { accessSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Actor, type AnyActor, type PortFactory, refuse } from '../../actor/index.js'
import type { ResourcesProtocol } from '../../ports/index.js'

const named = /^[\w.-]+(\/[\w.-]+)*$/

/** The nearest `resources` at or above this file: it may have been bundled into another depth of `dist`. */
function directory(): string {
  let at = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const found = join(at, 'resources')
    try {
      accessSync(join(found, 'schemas.json'))
      return found
    } catch {
      if (dirname(at) === at) return found
      at = dirname(at)
    }
  }
}

export const resources = (): PortFactory => () => {
  const port: Actor<ResourcesProtocol, undefined, { readonly root: string }> = {
    name: 'resources',
    guarded: true,
    init: () => ({ root: directory() }),
    on: {
      read(_ctx, { root }, { name }) {
        if (!named.test(name) || name.split('/').includes('..')) return refuse('invalid', `no name of a resource: ${name}`)
        try {
          return readFileSync(join(root, name))
        } catch (error) {
          return refuse('not found', String(error))
        }
      }
    }
  }
  return port as AnyActor
}
