// TaintToleration: keeps pods off nodes whose taints they do not tolerate, and rather off those with PreferNoSchedule taints.

import type { Taint } from '../../kinds/index.js'
import { becameFit, normalizeByMax, type Plugin, type Rejection, rejection } from '../plugin.js'
import { toleratesTaint, untoleratedTaint } from '../tolerations.js'

const isPreference = (taint: Taint): boolean => taint.effect === 'PreferNoSchedule'

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  weight: 3,
  filter: ({ tolerations }) => ({
    filter: ({ facts }): Rejection | undefined => {
      if (facts.taints.length === 0) return undefined
      const taint = untoleratedTaint(facts.taints, tolerations)
      return taint === undefined ? undefined : rejection(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`, false)
    }
  }),
  score: (pod, _cluster, nodes) => {
    if (!nodes.some(({ facts }) => facts.taints.some(isPreference))) return undefined
    const tolerations = pod.tolerations.filter(({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule')
    return {
      score: ({ facts }) => {
        let count = 0
        for (const taint of facts.taints) if (isPreference(taint) && !toleratesTaint(tolerations, taint)) count++
        return count
      },
      normalize: scores => normalizeByMax(scores, true)
    }
  },
  helpedBy: (event, pod) => becameFit(event, facts => untoleratedTaint(facts.taints, pod.tolerations) === undefined)
}
