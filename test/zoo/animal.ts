// Animal: a bug planted on purpose, as a small change of one file's text, and who must notice it.
//
// Guarantee: the changed text is never written into the repository or what is built of it: mutant.ts makes a bundle of its own for each
// animal, in a temporary directory. What is to be replaced must be there exactly once, so an animal that the code has left behind fails.

import type { HabitatName } from './habitats.js'

export interface Animal {
  /** What the changed code does wrong. */
  readonly name: string
  /** A bug that somebody published, or the sentence of a paper that the change breaks; with its address. */
  readonly modelledOn: string
  readonly file: string
  /** In `file`, or in another one. */
  readonly replace: readonly (readonly [from: string, to: string, file?: string])[]
  readonly habitat: HabitatName
  /** Measured by census.ts: in how many of so many seeds it was caught. */
  readonly caught: { readonly seeds: number; readonly of: number }
  /** Within so many seeds, from 0 on, it must be caught. At least five times what it takes on average. */
  readonly seedsMax: number
  /** The guarantees, one of which is expected to be reported broken. Another one is told of, and is a catch too. */
  readonly caughtBy: readonly string[]
}
