// Goal: a wrong setting is named with its value before anything is opened. Method: one at a time.

import { expect, test } from 'bun:test'
import { advertisedHost } from '../../src/broker/advertised-address.ts'
import {
  type BrokerConfig,
  checkBrokerConfig,
  defaultBrokerConfig,
} from '../../src/broker/config.ts'
import { retentionLimits } from '../../src/broker/retention.ts'
import type { MqError } from '../../src/core/errors.ts'

function config(changes: Partial<BrokerConfig>): BrokerConfig {
  return { ...defaultBrokerConfig(), ...changes }
}

test('the defaults are fine', () => {
  expect(() => checkBrokerConfig(defaultBrokerConfig())).not.toThrow()
})

const WRONG: [Partial<BrokerConfig>, RegExp][] = [
  [{ name: '../b' }, /broker name "\.\.\/b"/],
  [{ cluster: '' }, /broker cluster ""/],
  [{ nameservers: ['nowhere'] }, /"nowhere" is not an address/],
  [{ heartbeatIntervalMs: 0 }, /heartbeatIntervalMs/],
  [{ retentionMs: -1 }, /retentionMs.*-1/],
  [{ offsetsIntervalMs: Number.NaN }, /offsetsIntervalMs.*NaN/],
  [{ messageBytesMax: 5 * 1024 * 1024 }, /messageBytesMax is 5242880/],
]
for (const [changes, message] of WRONG) {
  test(`refused: ${JSON.stringify(changes)}`, () => {
    expect(() => checkBrokerConfig(config(changes))).toThrow(message)
  })
}

test('no limit of bytes is written as 0', () => {
  expect(retentionLimits(config({ retentionBytes: 0, retentionMs: 5 }))).toEqual({
    ageMsMax: 5,
    bytesMax: Number.POSITIVE_INFINITY,
  })
  expect(retentionLimits(config({ retentionBytes: 7 })).bytesMax).toBe(7)
})

test('the address told to peers is the one listened on, or the one set', async () => {
  const listen = { host: '10.0.0.1', port: 1 }
  expect(await advertisedHost(config({ listen }))).toBe('10.0.0.1')
  const advertise = { host: '192.0.2.7', port: 1 }
  expect(await advertisedHost(config({ listen, advertise }))).toBe('192.0.2.7')
  const byName = config({ listen, advertise: { host: 'localhost', port: 1 } })
  expect(await advertisedHost(byName)).toBe('127.0.0.1')
})

test('an address that nobody can connect to is refused with what to do', async () => {
  const error: MqError = await advertisedHost(
    config({ listen: { host: '0.0.0.0', port: 9 } }),
  ).then(
    () => null,
    (cause) => cause,
  )
  expect(error.code).toBe('CONFIG_INVALID')
  expect(error.message).toMatch(/0\.0\.0\.0/)
  expect(error.hint).toMatch(/--advertise/)
})

test('a host without an IPv4 address is refused by name', async () => {
  const advertise = { host: '2001:db8::1', port: 9 }
  const error: MqError = await advertisedHost(config({ advertise })).then(
    () => null,
    (cause) => cause,
  )
  expect(error.code).toBe('ADDRESS_INVALID')
  expect(error.message).toMatch(/2001:db8::1/)
})
