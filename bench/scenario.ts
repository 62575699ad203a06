// Scenario: one thing measured, with the marks it is held against.
//
// Missing a mark fails no test and no build: machines differ, and noise on a shared one is larger than most regressions. The
// figures are printed and kept, and people look. Where the machine is busy, processor time an operation is what to compare.

import type { Result } from './measure.js'

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** The same of a peer in the same run: a bare server, say. */
  readonly peer?: number
  /** Further numbers that belong to it: percentiles, processor time. */
  readonly also?: Readonly<Record<string, number>>
}

export interface Mark {
  readonly figure: string
  readonly at: 'least' | 'most'
  readonly value: number
  /** Of the figure itself, or of its ratio to the peer's. */
  readonly of?: 'ratio'
}

export interface Settings {
  /** Ten minutes of full load, say, where the default is one. */
  readonly long: boolean
}

export interface Scenario {
  readonly name: string
  readonly what: string
  readonly marks: readonly Mark[]
  readonly run: (settings: Settings) => Promise<readonly Figure[]>
}

export function resultOf({ marks }: Scenario, { name, unit, value, peer, also }: Figure): Result {
  const mark = marks.find(({ figure }) => figure === name)
  const ratio = peer === undefined ? undefined : value / peer
  const target = mark === undefined ? '' : `${mark.at === 'least' ? '>=' : '<='} ${mark.value}${mark.of === 'ratio' ? 'x' : ''}`
  const held = mark?.of === 'ratio' ? ratio : value
  const reached = mark === undefined || held === undefined ? undefined : mark.at === 'least' ? held >= mark.value : held <= mark.value
  return { name, unit, ours: value, peer, ratio, target, reached, ...(also === undefined ? {} : { also }) } as Result
}
