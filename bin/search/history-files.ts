// History files: what clients saw, for a person and for a checker to read.

import { describeOperation, type History } from '../../lib/check/index.js'

export interface Seen {
  readonly title: string
  readonly violations: readonly { readonly guarantee: string; readonly excerpt: string }[]
  readonly unknown: string | undefined
  readonly history: History
  /** The store forgets by itself, and not only when it is asked. */
  readonly compactsByItself: boolean
}

/** Endings of file names, with what goes into the files. */
export function historyFiles({ title, violations, unknown, history }: Seen): [ending: string, text: string][] {
  const told = violations.map(({ guarantee, excerpt }) => `${guarantee}\n${excerpt}\n`)
  const asked = history.operations.map(operation => describeOperation(operation))
  return [['.txt', [title, '', ...told, unknown ?? '', ...asked, ''].join('\n')]]
}
