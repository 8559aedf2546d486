// Goal: beats are counted once each, however often and however late somebody looks. Method: samples of
// a made-up nameserver.

import { expect, test } from 'bun:test'
import { BeatLog } from '../../src/cli/beat-log.ts'

test('a beat seen many times is one, the next one is another', () => {
  const log = new BeatLog()
  const of = { nameserver: 'ns1', brokerName: 'a' }
  for (let seenMs = 1_000; seenMs < 70_000; seenMs += 700) {
    // Beats at 500, 30 500 and 60 500; each answer is up to 40 ms old when it is read.
    const beatMs = 500 + 30_000 * Math.floor((seenMs - 500) / 30_000)
    log.note({ ...of, seenMs: seenMs + (seenMs % 40), ageMs: seenMs - beatMs })
  }
  expect(log.beatsOf(of)).toHaveLength(3)
  for (const gapMs of log.gapsOf(of)) expect(Math.abs(gapMs - 30_000)).toBeLessThan(50)
})

test('nameservers and brokers are told apart', () => {
  const log = new BeatLog()
  log.note({ nameserver: 'ns1', brokerName: 'a', seenMs: 10_000, ageMs: 0 })
  log.note({ nameserver: 'ns2', brokerName: 'a', seenMs: 20_000, ageMs: 0 })
  expect(log.beatsOf({ nameserver: 'ns1', brokerName: 'a' })).toEqual([10_000])
  expect(log.beatsOf({ nameserver: 'ns2', brokerName: 'a' })).toEqual([20_000])
  expect(log.beatsOf({ nameserver: 'ns2', brokerName: 'b' })).toEqual([])
})
