// Draw: how plans draw from their seed.

import { integerBelow, type Random } from '../std/index.js'

export const pick = <V>(random: Random, of: readonly V[]): V => of[integerBelow(random, of.length)] as V
export const between = (random: Random, low: number, high: number): number => low + integerBelow(random, high - low + 1)
export const sometimes = (random: Random, share: number, value: number): number => (random() < share ? value : 0)

/** Those that are asked for and exist here; all if nothing is. */
export const allowed = <V extends string>(of: readonly V[], asked: readonly string[] | undefined): readonly V[] =>
  asked === undefined ? of : of.filter(kind => asked.includes(kind))
