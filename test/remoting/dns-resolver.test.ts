// Goal: names are looked up where we say, with all their addresses and their time to live (R33).
// Method: a DNS server on loopback that answers from a table, is mute, or is not there.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { MqError } from '../../src/core/errors.ts'
import { dnsResolver } from '../../src/remoting/dns-resolver.ts'
import { DnsServer } from '../support/dns-server.ts'

let server: DnsServer
beforeEach(async () => {
  server = await DnsServer.start()
})
afterEach(() => server.stop())

async function failure(work: Promise<unknown>): Promise<MqError> {
  return (await work.then(
    () => new Error('it was found'),
    (error) => error,
  )) as MqError
}

test('R33: every address of both families, and the time to live', async () => {
  server.set('mq.test', ['127.0.0.2', '127.0.0.1', '::1'], 7)
  const answer = await dnsResolver(server.address).lookUp('mq.test')
  expect([...answer.addresses].sort()).toEqual(['127.0.0.1', '127.0.0.2', '::1'])
  expect(answer.ttlMs).toBe(7_000)
  expect(answer.isComplete).toBe(true)
  expect([...server.asked].sort()).toEqual(['A mq.test', 'AAAA mq.test'])
})

test('R33: a name with addresses of one family is a whole answer', async () => {
  server.set('mq.test', ['127.0.0.1'])
  const answer = await dnsResolver(server.address).lookUp('mq.test')
  expect(answer.addresses).toEqual(['127.0.0.1'])
  expect(answer.isComplete).toBe(true)
})

test('R33: a changed record is seen at the next question, however long the old one was to live', async () => {
  const resolver = dnsResolver(server.address)
  server.set('mq.test', ['127.0.0.1'], 86_400)
  expect((await resolver.lookUp('mq.test')).ttlMs).toBe(86_400_000)
  server.set('mq.test', ['127.0.0.1', '127.0.0.2'], 86_400)
  expect((await resolver.lookUp('mq.test')).addresses.length).toBe(2)
})

test('R33: no such name', async () => {
  const error = await failure(dnsResolver(server.address).lookUp('nobody.test'))
  expect(error.code).toBe('UNREACHABLE')
  expect(error.message).toBe(`DNS server ${server.address} has no address of nobody.test`)
})

test('R33: a server that does not answer is named, and not waited for', async () => {
  server.isMute = true
  const startedMs = performance.now()
  const error = await failure(dnsResolver(server.address).lookUp('mq.test'))
  expect(error.code).toBe('TIMED_OUT')
  expect(error.message).toContain(server.address)
  expect(performance.now() - startedMs).toBeLessThan(10_000)
}, 20_000)

test('R33: what is not the address of a server is refused', () => {
  expect(() => dnsResolver('localhost:53')).toThrow('"localhost:53"')
  expect(() => dnsResolver('nonsense')).toThrow('"nonsense"')
})
