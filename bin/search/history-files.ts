// History files: what clients saw, as lines for a checker (`kabuki check`) and as a page for a person: the smallest part of it that
// breaks the promise, where the history alone shows that.

import {
  type ApiHistory,
  type AuthHistory,
  checkAuth,
  checkLeases,
  checkStore,
  encodeApiHistory,
  encodeAuthHistory,
  encodeHistory,
  encodeLeaseHistory,
  type History,
  type LeaseHistory,
  shrinkAuth,
  shrinkHistory,
  shrinkLeases,
  storeQuestion,
  violationPage
} from '../../lib/check/index.js'

export interface Seen {
  readonly title: string
  readonly violations: readonly { readonly guarantee: string; readonly excerpt: string }[]
  readonly unknown: string | undefined
  readonly history: History | undefined
  /** Of a whole cluster's API, and whether it ended with a time in which nothing failed. */
  readonly api: ApiHistory | undefined
  readonly leases: LeaseHistory | undefined
  /** Beside the history of keys. */
  readonly auth: AuthHistory | undefined
  readonly isQuiet: boolean
  /** The store forgets by itself, and not only when it is asked. */
  readonly compactsByItself: boolean
}

/** Endings of file names, with what goes into the files. */
export function historyFiles({
  title,
  violations,
  unknown,
  history,
  api,
  leases,
  auth,
  isQuiet,
  compactsByItself
}: Seen): [ending: string, text: string][] {
  if (api !== undefined) {
    return [
      ['.jsonl', [...encodeApiHistory(api, { about: title, quiet: isQuiet }), ''].join('\n')],
      ['.html', violationPage({ title, violations, unknown, history: api })]
    ]
  }
  if (leases !== undefined) {
    const broken = checkLeases(leases)[0]
    const shown = broken === undefined ? leases : shrinkLeases(leases, broken)
    return [
      ['.jsonl', [...encodeLeaseHistory(leases, { about: title }), ''].join('\n')],
      ['.html', violationPage({ title, violations, unknown, history: shown })]
    ]
  }
  const broken = auth === undefined ? undefined : checkAuth(auth).violations[0]
  if (auth !== undefined && broken !== undefined) {
    return [
      ['.jsonl', [...encodeAuthHistory(auth, { about: title }), ''].join('\n')],
      ['.html', violationPage({ title, violations, unknown, history: shrinkAuth(auth, broken) })]
    ]
  }
  if (history === undefined) return []
  const header = { about: title, compactsByItself }
  const question = storeQuestion(history, header)
  const [found] = checkStore(question).violations
  const shown = found === undefined ? history : shrinkHistory(question, found)
  const page = violationPage({ title, violations, unknown, history: shown })
  return [
    ['.jsonl', [...encodeHistory(history, header), ''].join('\n')],
    ['.html', page]
  ]
}
