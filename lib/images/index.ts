// images: the stand-in images, one file each and one line in `images`: small programs in place of what real images hold.

import { agnhost } from './agnhost.js'
import { httpd } from './httpd.js'
import { type ModuleImage, moduleImage } from './module.js'
import { nginx } from './nginx.js'
import { pause } from './pause.js'
import type { Image } from './program.js'
import { formatImage, parseImage, standInDigest } from './reference.js'
import { alpine, bash, busybox, curl, debian } from './shells.js'
import { simulated } from './simulated.js'

export type { ModuleImage } from './module.js'
export { type Answer, argvOf, type Image, type Process, type Program, type Running, responseOf } from './program.js'
export { formatImage, type ImageReference, parseImage } from './reference.js'

export const images: readonly Image[] = [nginx, httpd, pause, agnhost, busybox, alpine, bash, debian, curl]

const byRepository = new Map(images.flatMap(image => image.repositories.map(name => [name, image] as const)))

export type Resolved =
  | { readonly ok: true; readonly image: string; readonly imageId: string; readonly simulated: boolean }
  | { readonly ok: false; readonly reason: 'InvalidImageName' | 'ErrImagePull'; readonly message: string }

/** What a pull of that name comes to. Tags are taken as they are; a name that breaks the grammar is no name. */
export function resolveImage(text: string, modules: readonly ModuleImage[], unknown: 'refuse' | 'simulate'): Resolved {
  const reference = parseImage(text)
  if (reference === undefined) {
    return {
      ok: false,
      reason: 'InvalidImageName',
      message: `Failed to apply default image tag ${JSON.stringify(text)}: couldn't parse image name ${JSON.stringify(text)}: invalid reference format`
    }
  }
  const image = formatImage(reference)
  const { repository, digest } = reference
  const known = byRepository.has(repository) || findModule(text, modules) !== undefined
  if (!known && unknown === 'refuse') {
    const way = `give it a program with --image ${text}=./module.mjs, or start the cluster with --unknown-images simulate`
    return { ok: false, reason: 'ErrImagePull', message: `kabuki has no stand-in for image ${JSON.stringify(image)}: ${way}` }
  }
  return { ok: true, image, imageId: `${repository}@${digest === '' ? standInDigest(image) : digest}`, simulated: !known }
}

/** The program of an image that was pulled. */
export function imageOf(normalised: string, modules: readonly ModuleImage[]): Image {
  const own = findModule(normalised, modules)
  if (own !== undefined) return moduleImage(own)
  const reference = parseImage(normalised)
  return (reference && byRepository.get(reference.repository)) ?? simulated
}

/** A module named with a tag is that tag only; without one it is all of them. */
export function findModule(text: string, modules: readonly ModuleImage[]): ModuleImage | undefined {
  const wanted = parseImage(text)
  if (wanted === undefined) return undefined
  return modules.find(({ name }) => {
    const own = parseImage(name)
    if (own === undefined || own.repository !== wanted.repository) return false
    const tagged = name.slice(name.lastIndexOf('/') + 1).includes(':')
    return !tagged || own.tag === wanted.tag
  })
}
