// Goal: the view of a nameserver's registrations is read as it was written, also by older readers and
// from newer writers. Method: decode(encode(x)) = x, and bodies with fields missing and added.

import { expect, test } from 'bun:test'
import {
  decodeRegistrationsView,
  encodeRegistrationsView,
} from '../../src/remoting/registrations-view.ts'

const VIEW = {
  nameserver: '10.0.0.1:9876',
  version: '1.2.3',
  timeMs: 1_767_225_600_000,
  scans: 3,
  brokers: [
    {
      brokerName: 'a',
      cluster: 'C',
      brokerId: 0,
      address: '10.0.0.2:10911',
      lastHeartbeatAgeMs: 12_345,
      expiryMs: 120_000,
      dataVersion: { stateVersion: 0, timestampMs: 5, counter: 6 },
      isDraining: true,
      topicCount: 2,
    },
  ],
  counters: new Map([['nameserver_scans_total', 3]]),
}

test('what is written is read back', () => {
  expect(decodeRegistrationsView(encodeRegistrationsView(VIEW))).toEqual(VIEW)
})

test('fields that were added later may be missing or unknown', () => {
  const {
    counters: _,
    version: __,
    timeMs: ___,
    ...older
  } = JSON.parse(encodeRegistrationsView(VIEW).toString())
  const body = Buffer.from(JSON.stringify({ ...older, newer: { deep: [1] } }))
  expect(decodeRegistrationsView(body)).toEqual({
    ...VIEW,
    counters: new Map(),
    version: null,
    timeMs: null,
  })
})
