// Semantics: what docs/actor-model.md promises, as one suite for every host.

import t from 'tap'
import { death } from './death.js'
import type { Case, Harness } from './harness.js'
import { messages } from './messages.js'
import { streams } from './streams.js'
import { time } from './time.js'

const subjects: Readonly<Record<string, readonly Case[]>> = { messages, streams, time, death }

/** Runs the suite: each case on a host of its own. */
export function semantics(name: string, harness: () => Promise<Harness>): void {
  for (const [subject, cases] of Object.entries(subjects)) {
    t.test(`${name}: ${subject}`, async t => {
      for (const { name, needs, run } of cases) {
        await t.test(name, async t => {
          const h = await harness()
          try {
            if (needs !== undefined && h[needs] === undefined) t.pass(name, { skip: `this host cannot ${needs}` })
            else await run(t, h)
          } finally {
            await h.close()
          }
        })
      }
    })
  }
}
