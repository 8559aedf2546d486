// Goal: topic configurations and data versions survive the wire and have Java's defaults where a peer
// leaves something out. Method: round trips and bare bodies.

import { expect, test } from 'bun:test'
import { parseLenientObject } from '../../src/remoting/lenient-json.ts'
import { jsonBody } from '../../src/remoting/route.ts'
import {
  dataVersionFromJson,
  dataVersionToJson,
  isSameVersion,
  topicConfigFromJson,
  topicConfigToJson,
} from '../../src/remoting/topic-config.ts'

const TOPIC = {
  name: 'T',
  readQueueCount: 4,
  writeQueueCount: 8,
  permission: 2,
  systemFlag: 1,
  isOrdered: true,
}
const VERSION = { stateVersion: 3, timestampMs: 1_767_225_600_000, counter: 9 }

test('round trips', () => {
  expect(topicConfigFromJson(parseLenientObject(jsonBody(topicConfigToJson(TOPIC))))).toEqual(TOPIC)
  expect(dataVersionFromJson(parseLenientObject(jsonBody(dataVersionToJson(VERSION))))).toEqual(
    VERSION,
  )
})

test('what is left out has its default, but a topic has a name', () => {
  expect(topicConfigFromJson(parseLenientObject(Buffer.from('{"topicName":"T"}')))).toEqual({
    name: 'T',
    readQueueCount: 16,
    writeQueueCount: 16,
    permission: 6,
    systemFlag: 0,
    isOrdered: false,
  })
  expect(() => topicConfigFromJson(parseLenientObject(Buffer.from('{}')))).toThrow('"topicName"')
  expect(dataVersionFromJson(parseLenientObject(Buffer.from('{}')))).toEqual({
    stateVersion: 0,
    timestampMs: 0,
    counter: 0,
  })
})

test('versions are the same only if all of them is', () => {
  expect(isSameVersion(VERSION, { ...VERSION })).toBe(true)
  for (const key of ['stateVersion', 'timestampMs', 'counter'] as const) {
    expect(isSameVersion(VERSION, { ...VERSION, [key]: 1 })).toBe(false)
  }
})
