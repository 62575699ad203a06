import t from 'tap'
import { awakeMs, Patience } from '../../lib/host/patience.js'

/**
 * A thread waits again and again, each time so many microseconds for its next message; to look whether it is there takes one. How long
 * it waits awake, in microseconds.
 */
function waits(...messagesAfterUs: readonly number[]): number[] {
  let nowUs = 0
  const patience = new Patience(() => nowUs / 1000)
  return messagesAfterUs.map(afterUs => {
    const restsUs = nowUs
    patience.rest(() => {
      nowUs++
      return nowUs >= restsUs + afterUs
    })
    const awakeUs = nowUs - restsUs
    nowUs = Math.max(nowUs, restsUs + afterUs)
    patience.came()
    return awakeUs
  })
}

t.test('a thread waits awake after a short wait, until a message is there or for its time', async t => {
  const most = awakeMs * 1000
  const rounded = (...messagesAfterUs: readonly number[]): number[] => waits(...messagesAfterUs).map(us => (us === most + 1 ? most : us))
  t.same(rounded(10, 10, 30), [0, 10, 30], 'the first wait is asleep')
  t.same(rounded(80, 80, 80), [0, most, most], 'asleep it would have taken as long')
  t.same(rounded(10, 5000, 10, 10), [0, most, 0, 10], 'after a long one it sleeps')
  t.same(rounded(5000, 5000, 200, 101), [0, 0, 0, 0])
})

t.test('a message that came while it rests, and turns without any, change nothing', async t => {
  let nowMs = 0
  const patience = new Patience(() => nowMs)
  patience.came()
  let looked = 0
  const look = (): boolean => {
    looked++
    return true
  }
  patience.rest(look)
  t.equal(looked, 0, 'before it has ever rested no wait was short')
  nowMs += 0.02
  patience.came()
  patience.rest(look)
  patience.rest(look)
  t.equal(looked, 2, 'a timer that fired in between does not make it impatient')
})
