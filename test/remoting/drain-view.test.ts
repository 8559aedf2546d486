// Goal: what a draining broker tells arrives as it was told. Method: decode what was encoded, with and
// without what may be missing.

import { expect, test } from 'bun:test'
import { type DrainView, decodeDrainView, encodeDrainView } from '../../src/remoting/drain-view.ts'

const VIEW: DrainView = {
  brokerName: 'broker-b',
  isDraining: true,
  drainingMs: 4_100,
  lastSendAgeMs: 1_200,
  sends: 310,
  unreadQueueCount: 1,
  unreadMessageCount: 7,
  unread: [{ group: 'g', topic: 't', queueId: 3, lag: 7 }],
}

test('as it was told', () => {
  expect(decodeDrainView(encodeDrainView(VIEW))).toEqual(VIEW)
  const idle = { ...VIEW, isDraining: false, lastSendAgeMs: null, unread: [] }
  expect(decodeDrainView(encodeDrainView(idle))).toEqual(idle)
})

test('a body without its numbers is refused, and named', () => {
  const body = Buffer.from('{"brokerName":"b","isDraining":true,"lastSendAgeMs":null}')
  expect(() => decodeDrainView(body)).toThrow('drainingMs')
})
