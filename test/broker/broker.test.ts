// Goal: a whole broker keeps what it acknowledged, over stops and starts, and refuses what it cannot
// serve. Method: real sockets and real SQLite files, with a real nameserver in the same process.

import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Broker } from '../../src/broker/broker.ts'
import { type BrokerConfig, defaultBrokerConfig } from '../../src/broker/config.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { MqError } from '../../src/core/errors.ts'
import { systemRandom } from '../../src/core/random.ts'
import { defaultNameserverConfig } from '../../src/nameserver/config.ts'
import { Nameserver } from '../../src/nameserver/nameserver.ts'
import { formatAddress } from '../../src/remoting/address.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { Channels } from '../../src/remoting/channels.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command, FieldValues } from '../../src/remoting/command.ts'
import { decodeRoute } from '../../src/remoting/route.ts'
import type { AppendLog } from '../../src/store/append-log.ts'
import { sendFields, stored, topicFields } from '../support/broker-fixture.ts'
import { recordingLogger } from '../support/quiet-logger.ts'
import { SqlitePlace } from '../support/sqlite-place.ts'

const { logger } = recordingLogger(systemClock)
const ANY_PORT = { host: '127.0.0.1', port: 0 }
const common = { network: bunNetwork, clock: systemClock, random: systemRandom, logger }

let place: SqlitePlace
let channels: Channels
const running: { stop(): Promise<void> }[] = []
beforeEach(() => {
  place = new SqlitePlace()
  channels = new Channels(common)
})
afterEach(async () => {
  await channels.stop()
  for (const node of running.splice(0).reverse()) await node.stop()
  place.remove()
})

function newBroker(log: AppendLog, config: Partial<BrokerConfig> = {}): Broker {
  return new Broker({
    ...common,
    config: { ...defaultBrokerConfig(), listen: ANY_PORT, nameservers: [], ...config },
    log,
    onFailed: (error) => {
      throw error
    },
  })
}

async function started(
  log: AppendLog,
  config: Partial<BrokerConfig> = {},
): Promise<{ broker: Broker; address: string }> {
  const broker = newBroker(log, config)
  const address = formatAddress(await broker.start())
  running.push(broker)
  return { broker, address }
}

async function startedNameserver(): Promise<string> {
  const config = { ...defaultNameserverConfig(), listen: ANY_PORT }
  const nameserver = new Nameserver({ ...common, config })
  const address = formatAddress(await nameserver.start())
  running.push(nameserver)
  return address
}

function ask(
  address: string,
  code: number,
  fields: FieldValues = {},
  body = new Uint8Array(0),
): Promise<Command> {
  return channels.invoke(address, code, { fields, body, timeoutMs: 5_000 })
}

async function routed(nameserver: string, topic: string): Promise<string[]> {
  const answer = await ask(nameserver, REQUEST.getRoute, { topic })
  if (answer.code !== RESPONSE.success) return []
  return decodeRoute(answer.body).brokers.flatMap(({ addresses }) => [...addresses.values()])
}

async function rejection(promise: Promise<unknown>): Promise<MqError> {
  return promise.then(
    () => {
      throw new Error('it was not rejected')
    },
    (error) => error,
  )
}

test('R6: a broker that has started is routed, one that has stopped is not', async () => {
  const nameserver = await startedNameserver()
  const { broker, address } = await started(place.log(), { nameservers: [nameserver] })
  expect(await routed(nameserver, 'broker-a')).toEqual([address])
  await ask(address, REQUEST.createTopic, topicFields('orders'))
  expect(await routed(nameserver, 'orders')).toEqual([address])
  await broker.stop()
  expect(await routed(nameserver, 'orders')).toEqual([])
})

test('R62: what was acknowledged is there after a stop and a start', async () => {
  const { broker, address } = await started(place.log())
  await ask(address, REQUEST.createTopic, topicFields('orders'))
  const count = 500
  const answers = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      ask(address, REQUEST.sendMessageCompact, sendFields(), Buffer.from(`message ${i}`)),
    ),
  )
  expect(answers.every(({ code }) => code === RESPONSE.success)).toBe(true)
  const { identity } = broker
  await broker.stop()

  const { broker: again } = await started(place.log())
  const bodies = stored(again, 'orders').map(({ body }) => body.toString())
  expect(bodies).toEqual(Array.from({ length: count }, (_, i) => `message ${i}`))
  expect(again.identity).toBe(identity)
})

test('R58: an identity belongs to the folder: a wiped one has another', async () => {
  const { broker } = await started(place.log())
  const { identity } = broker
  await broker.stop()
  const { broker: again } = await started(place.log())
  expect(again.identity).toBe(identity)
  await again.stop()
  place.remove()
  const { broker: wiped } = await started(place.log())
  expect(wiped.identity).not.toBe(identity)
  expect(wiped.identity).toMatch(/^[0-9a-f]{32}$/)
})

test('R58: of two brokers on one folder the second refuses', async () => {
  const { broker } = await started(place.log())
  const error = await rejection(newBroker(place.log()).start())
  expect(error.code).toBe('DATA_FOLDER_LOCKED')
  expect(error.message).toContain(place.folder)
  expect(broker.identity).not.toBeNull()
})

test('a port in use is named, and the folder is free again', async () => {
  const other = new SqlitePlace()
  try {
    const { broker } = await started(place.log())
    const listen = broker.context!.advertised
    const error = await rejection(newBroker(other.log(), { listen }).start())
    expect(error.code).toBe('PORT_IN_USE')
    expect(error.message).toContain(String(listen.port))
    const { broker: second } = await started(other.log())
    await second.stop()
  } finally {
    other.remove()
  }
})

test('a stop answers what was asked before it, and refuses what comes after', async () => {
  const { broker, address } = await started(place.log())
  await ask(address, REQUEST.createTopic, topicFields('orders'))
  const before = Array.from({ length: 200 }, () =>
    ask(address, REQUEST.sendMessageCompact, sendFields(), Buffer.from('x')),
  )
  await before[0]
  await broker.stop()
  const outcomes = await Promise.allSettled(before)
  const acknowledged = outcomes.filter(
    (outcome) => outcome.status === 'fulfilled' && outcome.value.code === RESPONSE.success,
  ).length
  expect(acknowledged).toBeGreaterThan(0)
  const late = await rejection(ask(address, REQUEST.sendMessageCompact, sendFields()))
  expect(late.code).toBe('UNREACHABLE')
  const { broker: again } = await started(place.log())
  expect(stored(again, 'orders').length).toBeGreaterThanOrEqual(acknowledged)
})

test('unknown requests are answered "not supported", counted, and harm nothing', async () => {
  const { broker, address } = await started(place.log())
  const answer = await ask(address, 4_242)
  expect(answer.code).toBe(RESPONSE.notSupported)
  expect((await ask(address, REQUEST.getAllTopicConfig)).code).toBe(RESPONSE.success)
  expect(broker.metrics.snapshot()['broker_unsupported_requests_total']).toBe(1)
})

test('a stop during a start waits for it and undoes it', async () => {
  const broker = newBroker(place.log())
  const starting = broker.start()
  await broker.stop()
  const address = formatAddress(await starting)
  expect((await rejection(ask(address, REQUEST.getAllTopicConfig))).code).toBe('UNREACHABLE')
  // The folder is free.
  await started(place.log())
})

test('a stop before a start, and a second stop, do nothing', async () => {
  const broker = newBroker(place.log())
  await broker.stop()
  const { broker: second } = await started(place.log())
  await Promise.all([second.stop(), second.stop()])
})
