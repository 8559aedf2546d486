// Goal: a drain tells the broker and every nameserver, watches brokers that know nothing of draining
// as well as can be, and answers honestly when something is out of reach. Method: real nameservers, and
// brokers whose answers the test sets, under virtual time.

import { expect, test } from 'bun:test'
import { type DrainProgress, drainBroker, undrainBroker } from '../../src/client/drain.ts'
import { fetchRoute } from '../../src/client/nameserver-calls.ts'
import { soleWriterTopics } from '../../src/client/sole-writer.ts'
import { PERMISSION, REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { encodeDrainView } from '../../src/remoting/drain-view.ts'
import { defaultGroupConfig, encodeGroupConfigs } from '../../src/remoting/group-config.ts'
import { encodeKvTable } from '../../src/remoting/kv-table.ts'
import { encodeConsumeStats } from '../../src/remoting/offset-tables.ts'
import { jsonBody } from '../../src/remoting/route.ts'
import { topicConfigToJson } from '../../src/remoting/topic-config.ts'
import type { FakeBroker } from '../support/fake-broker.ts'
import { FakeCluster } from '../support/fake-cluster.ts'

const READ_WRITE = PERMISSION.read | PERMISSION.write

/** Two nameservers, brokers a and b with topic "t" on both. */
async function cluster(): Promise<{ cluster: FakeCluster; b: FakeBroker }> {
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  await cluster.addNameserver('ns2')
  await cluster.addBroker('broker-a', { t: { queueCount: 2 } })
  const b = await cluster.addBroker('broker-b', { t: { queueCount: 2 } })
  b.overrides.set(REQUEST.getAllTopicConfig, () => topics(['t', READ_WRITE]))
  return { cluster, b }
}

function topics(...named: [name: string, permission: number][]) {
  const table = Object.fromEntries(
    named.map(([name, permission]) => [
      name,
      topicConfigToJson({
        name,
        readQueueCount: 2,
        writeQueueCount: 2,
        permission,
        systemFlag: 0,
        isOrdered: false,
      }),
    ]),
  )
  return { code: RESPONSE.success, body: jsonBody({ topicConfigTable: table }) }
}

async function permissions(cluster: FakeCluster): Promise<(number | undefined)[]> {
  const { caller } = cluster.client('looker')
  const routes = await cluster.settle(
    Promise.all(cluster.nameservers.map((nameserver) => fetchRoute(caller, nameserver, 't'))),
  )
  return routes.map(
    (route) => route?.queues.find(({ brokerName }) => brokerName === 'broker-b')?.permission,
  )
}

/** As Apache's answers: it grows by ten sends and is read to the end after a while. */
function answerAsApache(cluster: FakeCluster, broker: FakeBroker): void {
  const startedMs = cluster.clock.monoMs()
  const elapsedMs = (): number => cluster.clock.monoMs() - startedMs
  broker.overrides.set(REQUEST.getBrokerRuntimeInfo, () => {
    const total = 100 + Math.min(10, Math.floor(elapsedMs() / 1_000))
    return {
      code: RESPONSE.success,
      body: encodeKvTable(new Map([['msgPutTotalTodayNow', String(total)]])),
    }
  })
  broker.overrides.set(REQUEST.getAllGroupConfig, () => ({
    code: RESPONSE.success,
    body: encodeGroupConfigs([defaultGroupConfig('g'), defaultGroupConfig('TOOLS_CONSUMER')]),
  }))
  broker.overrides.set(REQUEST.getConsumeStats, ({ fields }) => {
    expect(fields['consumerGroup']).toBe('g')
    const committedOffset = elapsedMs() > 60_000 ? 5 : 3
    return {
      code: RESPONSE.success,
      body: encodeConsumeStats([
        {
          brokerName: 'broker-b',
          topic: 't',
          queueId: 1,
          brokerOffset: 5,
          committedOffset,
          lastStoreTimeMs: 0,
        },
      ]),
    }
  })
}

test('a broker that knows no drain is kept away by the nameservers, and watched', async () => {
  const { cluster: c, b } = await cluster()
  answerAsApache(c, b)
  const seen: DrainProgress[] = []
  const client = c.client('admin')
  const outcome = await c.settle(
    drainBroker(client, {
      brokerName: 'broker-b',
      limitMs: 600_000,
      onProgress: (progress) => seen.push(progress),
    }),
    700_000,
  )
  expect(outcome).toMatchObject({ isDrained: true, isOrdered: false, failures: [] })
  expect(await permissions(c)).toEqual([PERMISSION.read, PERMISSION.read])
  // Ten sends in ten seconds, 31 s without any, and the group was done after 60 s.
  expect(outcome.elapsedMs).toBeWithin(60_000, 61_000)
  expect(outcome.view?.sends).toBe(10)
  const steps = [...new Set(seen.map(({ step }) => step))]
  expect(steps).toEqual(['producers', 'consumers', 'drained'])
  expect(seen[0]?.view?.unread).toEqual([{ group: 'g', topic: 't', queueId: 1, lag: 2 }])

  const back = await c.settle(undrainBroker(client, { brokerName: 'broker-b' }))
  expect(back).toMatchObject({ isOrdered: false, failures: [] })
  expect(await permissions(c)).toEqual([READ_WRITE, READ_WRITE])
})

/** As ours answers: drained from the beginning. */
function answerAsOurs(broker: FakeBroker, brokerName = 'broker-b'): string[] {
  const orders: string[] = []
  broker.overrides.set(REQUEST.drainBroker, ({ fields }) => {
    orders.push(fields['on'] ?? '')
    return { code: RESPONSE.success }
  })
  broker.overrides.set(REQUEST.describeDrain, () => ({
    code: RESPONSE.success,
    body: encodeDrainView({
      brokerName,
      isDraining: orders.at(-1) === 'true',
      drainingMs: 60_000,
      lastSendAgeMs: null,
      sends: 0,
      unreadQueueCount: 0,
      unreadMessageCount: 0,
      unread: [],
    }),
  }))
  return orders
}

test('a broker of ours is ordered, and both nameservers are told besides', async () => {
  const { cluster: c, b } = await cluster()
  const orders = answerAsOurs(b)
  const client = c.client('admin')
  const options = { brokerName: 'broker-b', limitMs: 1_000 }
  const outcome = await c.settle(drainBroker(client, options))
  expect(outcome).toMatchObject({ isDrained: true, isOrdered: true, failures: [] })
  expect(await permissions(c)).toEqual([PERMISSION.read, PERMISSION.read])
  await c.settle(undrainBroker(client, { brokerName: 'broker-b' }))
  expect(orders).toEqual(['true', 'false'])
})

test('another broker at the registered address is neither drained nor brought back', async () => {
  const { cluster: c, b } = await cluster()
  const orders = answerAsOurs(b, 'broker-x')
  const client = c.client('admin')
  const options = { brokerName: 'broker-b', limitMs: 1_000, isForced: true }
  for (const order of [drainBroker, undrainBroker]) {
    expect(await c.failure(order(client, options))).toMatchObject({
      code: 'BROKER_NOT_FOUND',
      message: expect.stringContaining('is broker-x, not broker-b'),
    })
  }
  expect(orders).toEqual([])
  expect(await permissions(c)).toEqual([READ_WRITE, READ_WRITE])
})

test('a nameserver that cannot be told is named', async () => {
  const { cluster: c, b } = await cluster()
  answerAsOurs(b)
  c.processes.get('ns2')?.kill()
  const outcome = await c.settle(
    drainBroker(c.client('admin'), { brokerName: 'broker-b', limitMs: 1_000 }),
  )
  expect(outcome.isDrained).toBe(true)
  expect(outcome.failures.map(({ peer }) => peer)).toEqual(['ns2:9876'])
})

test('a broker that does not answer any more is waited for until the limit', async () => {
  const { cluster: c, b } = await cluster()
  answerAsOurs(b)
  b.overrides.set(REQUEST.describeDrain, () => ({ code: RESPONSE.systemError, remark: 'no' }))
  const outcome = await c.settle(
    drainBroker(c.client('admin'), { brokerName: 'broker-b', limitMs: 5_000 }),
  )
  expect(outcome).toMatchObject({ step: 'over', isDrained: false, view: null })
  expect(outcome.elapsedMs).toBeWithin(5_000, 5_100)
})

test('whoever asked may stop waiting', async () => {
  const { cluster: c, b } = await cluster()
  answerAsApache(c, b)
  const controller = new AbortController()
  c.clock.after(3_000, () => controller.abort())
  const outcome = await c.settle(
    drainBroker(c.client('admin'), {
      brokerName: 'broker-b',
      limitMs: 600_000,
      signal: controller.signal,
    }),
  )
  expect(outcome).toMatchObject({ step: 'producers', isDrained: false })
  expect(outcome.elapsedMs).toBeWithin(3_000, 4_000)
})

test('only topics that nobody else takes messages of hold a drain back', async () => {
  const { cluster: c, b } = await cluster()
  await c.settle(b.setTopic('only-here', { queueCount: 2 }))
  await c.settle(b.setTopic('closed', { queueCount: 2, permission: PERMISSION.read }))
  b.overrides.set(REQUEST.getAllTopicConfig, () =>
    topics(
      ['t', READ_WRITE],
      ['only-here', READ_WRITE],
      ['closed', PERMISSION.read],
      ['%RETRY%g', READ_WRITE],
      ['broker-b', READ_WRITE],
      ['TBW102', READ_WRITE | PERMISSION.inherit],
    ),
  )
  const broker = {
    cluster: 'c',
    brokerName: 'broker-b',
    brokerId: 0,
    address: b.address,
    seenBy: [],
  }
  expect(await c.settle(soleWriterTopics(c.client('admin'), broker))).toEqual(['only-here'])
})

test('a nameserver that names no other broker holds it back too: producers may believe it', async () => {
  const { cluster: c, b } = await cluster()
  // As if broker-a had never reached the second nameserver.
  const { channels } = c.client('cutter').caller
  const fields = { brokerName: 'broker-a' }
  const wiped = channels.call('ns2:9876', REQUEST.wipeWritePermission, { fields, timeoutMs: 3_000 })
  await c.settle(wiped)
  const orders = answerAsOurs(b)
  const drained = drainBroker(c.client('admin'), { brokerName: 'broker-b', limitMs: 1_000 })
  const { message } = await c.failure(drained)
  expect(message).toContain('broker-b is the only broker that takes messages of t')
  expect(orders).toEqual([])
})
