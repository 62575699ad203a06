// ImageLocality: rather a node that has the pod's images already, unless so few have them that all pods would go there.

import { type Plugin, scoreMax } from '../plugin.js'

const mebibyte = 1024 * 1024
const bytesMin = 23 * mebibyte // Below it, fetching an image is not worth a thought.
const bytesMaxPerContainer = 1000 * mebibyte

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  score: (pod, cluster) => {
    const { images } = pod
    if (!images.some(image => cluster.imageNodes(image) > 0)) return undefined
    const shares = images.map(image => cluster.imageNodes(image) / cluster.nodes.length)
    const bytesMax = bytesMaxPerContainer * pod.imageCount
    return {
      score: ({ facts }) => {
        let sum = 0
        for (let i = 0; i < images.length; i++) {
          const bytes = facts.images.get(images[i] as string)
          if (bytes !== undefined) sum += Math.floor(bytes * (shares[i] as number))
        }
        const bytes = Math.min(bytesMax, Math.max(bytesMin, sum))
        return Math.floor((scoreMax * (bytes - bytesMin)) / (bytesMax - bytesMin))
      }
    }
  }
}
