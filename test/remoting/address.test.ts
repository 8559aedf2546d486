// Goal: addresses are read as people and clients write them, and never guessed. Method: a table.

import { describe, expect, test } from 'bun:test'
import { formatAddress, ipv4Number, isIpAddress, parseAddress } from '../../src/remoting/address.ts'

test.each([
  ['127.0.0.1:9876', '127.0.0.1', 9876],
  ['ns.example:0', 'ns.example', 0],
  [' broker_a:65535 ', 'broker_a', 65_535],
  ['[::1]:80', '::1', 80],
  ['[2001:db8::2]:10911', '2001:db8::2', 10_911],
])('%s', (text, host, port) => {
  expect(parseAddress(text)).toEqual({ host, port })
  expect(formatAddress({ host, port })).toBe(text.trim())
})

describe('refused', () => {
  test.each([
    '',
    'host',
    'host:',
    ':80',
    'host:99999',
    'host:-1',
    'host:8o',
    '::1:80',
    'a b:80',
    'http://h:80',
    '[x]:1',
    'h:1:2',
  ])('%p', (text) => {
    expect(() => parseAddress(text)).toThrow(`"${text}" is not an address`)
  })
})

test('IPv4 addresses as numbers, also as IPv6 sockets show them', () => {
  expect(ipv4Number('10.0.0.1')).toBe(0x0a00_0001)
  expect(ipv4Number('::ffff:255.255.255.255')).toBe(0xffff_ffff)
  for (const other of ['::1', 'localhost', '256.0.0.1', '1.2.3'])
    expect(ipv4Number(other)).toBeNull()
})

test('addresses in numbers are told from names', () => {
  for (const host of ['10.0.0.1', '::1', 'fd00::2']) expect(isIpAddress(host)).toBe(true)
  for (const host of ['localhost', '256.0.0.1', '1.2.3', '::::']) {
    expect(isIpAddress(host)).toBe(false)
  }
})
