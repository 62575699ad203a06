// Scripts: every scenario of test/raft/scenarios gives what is written in it. `KABUKI_RECORD=1` writes what it gives now: read the difference.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { play } from './script.js'

const directory = 'test/raft/scenarios'
const records = process.env.KABUKI_RECORD === '1'

for (const file of readdirSync(directory).filter(name => name.endsWith('.txt'))) {
  t.test(file, async t => {
    const path = `${directory}/${file}`
    const text = readFileSync(path, 'utf8')
    const played = play(text)
    if (records) writeFileSync(path, played)
    t.equal(played, records ? played : text)
  })
}

t.test('what is written is what is compared', async t => {
  const script = 'new size=1\n\ncampaign a\n\nstatus\n----\na leader term 7\n'
  t.match(play(script), /status\n----\na leader term 1 /)
  t.equal(play(play(script)), play(script), 'playing again changes nothing')
  t.throws(() => play('sing\n'), /begins with|no command/)
})
