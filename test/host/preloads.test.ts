import t from 'tap'
import { optionsWithoutPreloads } from '../../lib/host/preloads.js'

t.test('a thread loads nothing before its worker', async t => {
  const table: [options: string[], left: string[]][] = [
    [[], []],
    [['--import=a.js', '--expose-gc'], ['--expose-gc']],
    [['--import', 'a.js', '--expose-gc'], ['--expose-gc']],
    [['-r', 'a.js', '--require=b.js', '--cpu-prof', '--loader', 'c.js'], ['--cpu-prof']],
    [['--import=a.js', 'b'], ['b']]
  ]
  for (const [options, left] of table) t.same(optionsWithoutPreloads(options), left, options.join(' '))
})
