// Goal: group settings are read from 4.9 and 5.x tools and written with every field either declares.
// Method: decode(encode(x)) = x, and bodies that leave fields out.

import { expect, test } from 'bun:test'
import {
  decodeGroupConfigs,
  defaultGroupConfig,
  encodeGroupConfigs,
  groupConfigFromJson,
  groupConfigToJson,
} from '../../src/remoting/group-config.ts'
import { parseLenientObject } from '../../src/remoting/lenient-json.ts'

test('what is written is read back', () => {
  const config = {
    ...defaultGroupConfig('g'),
    isConsumeEnabled: false,
    isOrdered: true,
    retryCountMax: 3,
  }
  expect(decodeGroupConfigs(encodeGroupConfigs([config, defaultGroupConfig('h')]))).toEqual([
    config,
    defaultGroupConfig('h'),
  ])
})

test('the fields are those that 5.x declares', () => {
  expect(Object.keys(groupConfigToJson(defaultGroupConfig('g')))).toEqual([
    'attributes',
    'brokerId',
    'consumeBroadcastEnable',
    'consumeEnable',
    'consumeFromMinEnable',
    'consumeMessageOrderly',
    'consumeTimeoutMinute',
    'groupName',
    'groupRetryPolicy',
    'groupSysFlag',
    'notifyConsumerIdsChangedEnable',
    'retryMaxTimes',
    'retryQueueNums',
    'whichBrokerWhenConsumeSlowly',
  ])
})

test('what is left out has its default; a name is needed', () => {
  const read = (text: string) => groupConfigFromJson(parseLenientObject(Buffer.from(text)))
  expect(read('{"groupName":"g"}')).toEqual(defaultGroupConfig('g'))
  expect(read('{"groupName":"g","consumeEnable":false}').isConsumeEnabled).toBe(false)
  expect(() => read('{}')).toThrow('groupName')
})
