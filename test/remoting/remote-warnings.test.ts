// Goal: what a peer causes cannot fill the log, and nothing is hidden without being counted. Method: a
// storm, a trickle and a pause under virtual time.

import { expect, test } from 'bun:test'
import { RemoteWarnings } from '../../src/remoting/remote-warnings.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

test('a burst passes, a storm is one line a second, and hidden lines are counted', async () => {
  const clock = new VirtualClock()
  const { logger, lines } = recordingLogger(clock)
  const warnings = new RemoteWarnings(clock, logger)
  for (let i = 0; i < 1_000; i++) warnings.warn(`peer ${i}`)
  expect(lines.length).toBe(20)
  await clock.advance(1_500)
  for (let i = 0; i < 1_000; i++) warnings.warn(`late ${i}`)
  expect(lines.length).toBe(21)
  expect(lines.at(-1)).toEndWith('late 0 (and 980 more like this, not shown)')
  await clock.advance(500)
  warnings.warn('next')
  expect(lines.at(-1)).toEndWith('next (and 999 more like this, not shown)')
})

test('a trickle passes whole, and a pause fills the burst up again, not beyond', async () => {
  const clock = new VirtualClock()
  const { logger, lines } = recordingLogger(clock)
  const warnings = new RemoteWarnings(clock, logger)
  for (let i = 0; i < 100; i++) {
    warnings.warn('now and then')
    await clock.advance(1_000)
  }
  expect(lines.length).toBe(100)
  await clock.advance(3_600_000)
  for (let i = 0; i < 100; i++) warnings.warn('storm')
  expect(lines.length).toBe(120)
})
