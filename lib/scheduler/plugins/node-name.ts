// NodeName: a pod that names its node goes there or nowhere.

import { type Plugin, rejection } from '../plugin.js'

const mismatch = rejection("node(s) didn't match the requested node name", false)

export const nodeName: Plugin = {
  name: 'NodeName',
  filter: ({ pod }) => {
    const wanted = pod.spec.nodeName ?? ''
    return wanted === '' ? undefined : { filter: node => (node.name === wanted ? undefined : mismatch) }
  },
  helpedBy: (event, { pod }) => event.type === 'nodeAdded' && event.node.name === pod.spec.nodeName
}
