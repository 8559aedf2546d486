// Goal: `mq drain` takes a broker out of a living cluster without a failed send, says what is left when
// it cannot, and is refused where sends would have nowhere to go. Method: the executable on clusters of
// real processes; producers ask for routes every 2 s in place of 30 s, with retries off and without
// being told of changes, so that nothing but the drain helps them.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { findListener } from '../../src/cli/local-process.ts'
import { Pace } from '../../src/cli/pace.ts'
import { Client } from '../../src/client/client.ts'
import { Consumer } from '../../src/client/consumer.ts'
import { Producer } from '../../src/client/producer.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { systemRandom } from '../../src/core/random.ts'
import { parseAddress } from '../../src/remoting/address.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { jsonLines, mq, mqOk, rows } from '../support/cli.ts'
import { CliCluster, CliNode } from '../support/cli-node.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

// Real processes, on machines that are busy with other tests.
setDefaultTimeout(120_000)

const PER_SECOND = 500
const ROUTE_INTERVAL = '2s'

interface Broker {
  brokerName: string
  address: string
  isDraining: boolean
}

interface Drained {
  isDrained: boolean
  isStopped: boolean
  sends: number
  unread: { group: string; topic: string; queueId: number; lag: number }[]
}

function newClient(nameservers: string): Client {
  return new Client({
    nameservers: nameservers.split(','),
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger: recordingLogger(systemClock).logger,
    routePullIntervalMs: 2_000,
    watchesRoutes: false,
  })
}

/** Sends until it is stopped, and counts. */
class Load {
  acknowledged = 0
  failed = 0
  readonly #client: Client
  readonly #run: Promise<void>
  #isOver = false

  constructor(nameservers: string, topic: string) {
    this.#client = newClient(nameservers)
    this.#run = this.#send(topic)
  }

  async #send(topic: string): Promise<void> {
    const options = { retries: 0, avoidsFaults: false, refreshesRoutes: false }
    const producer = new Producer(this.#client, options)
    const pace = new Pace(systemClock, PER_SECOND)
    const sends: Promise<void>[] = []
    while (!this.#isOver) {
      await pace.step()
      const sent = producer.send({ topic, body: Buffer.from(String(sends.length)) })
      sends.push(
        sent.then(
          () => void this.acknowledged++,
          () => void this.failed++,
        ),
      )
    }
    await Promise.all(sends)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#run
    await this.#client.close()
  }
}

async function brokers(cluster: CliCluster): Promise<Map<string, Broker>> {
  const { text } = await mqOk(['cluster', '--json'], { env: cluster.env })
  return new Map(jsonLines<Broker>(text).map((broker) => [broker.brokerName, broker]))
}

async function plainStop(cluster: CliCluster): Promise<void> {
  const address = (await brokers(cluster)).get('broker-b')?.address ?? ''
  const pid = findListener(parseAddress(address))
  if (pid === null) throw new Error(`nobody listens on ${address}`)
  process.kill(pid, 'SIGTERM')
}

async function drainAndStop(cluster: CliCluster): Promise<void> {
  const words = ['drain', 'broker-b', '--stop', '--route-interval', ROUTE_INTERVAL, '--json']
  const { text } = await mqOk(words, { env: cluster.env })
  const [drained] = jsonLines<Drained>(text)
  expect(drained).toMatchObject({ isDrained: true, isStopped: true, unread: [] })
  expect(drained?.sends).toBeGreaterThan(0)
}

async function underLoad(leave: (cluster: CliCluster) => Promise<void>): Promise<Load> {
  const cluster = await CliCluster.start()
  await mqOk(['topic', 'create', 'orders', '--queues', '8'], { env: cluster.env })
  const reader = newClient(cluster.nameservers)
  const consumer = new Consumer(reader, {
    group: 'billing',
    topics: [{ topic: 'orders' }],
    from: { kind: 'start' },
    onMessages: () => {},
  })
  await consumer.start()
  const load = new Load(cluster.nameservers, 'orders')
  await sleep(systemClock, 1_500)
  await leave(cluster)
  // As long as a stale route may be used.
  await sleep(systemClock, 3_000)
  await load.stop()
  expect([...(await brokers(cluster)).keys()]).toEqual(['broker-a'])
  await reader.close()
  await cluster.stop()
  return load
}

test('R18: mq drain --stop fails no send at 500/s without retries; SIGTERM alone fails some', async () => {
  const plain = await underLoad(plainStop)
  const drained = await underLoad(drainAndStop)
  const row = (name: string, { acknowledged, failed }: Load): string =>
    `${name.padEnd(15)} ${String(failed).padStart(5)} of ${acknowledged + failed} sends failed\n`
  process.stderr.write(row('SIGTERM', plain) + row('mq drain --stop', drained))
  expect(plain.failed).toBeGreaterThan(0)
  expect(drained.failed).toBe(0)
  expect(drained.acknowledged).toBeGreaterThan(1_000)
})

test('R18: what a group has not read ends a limit with exit code 7, by name', async () => {
  const cluster = await CliCluster.start()
  const run = (words: string[], stdin?: string) =>
    mq(words, { env: cluster.env, ...(stdin === undefined ? {} : { stdin }) })
  await run(['topic', 'create', 'orders', '--queues', '2'])
  await run(['produce', 'orders'], 'a\nb\n')
  await run(['consume', 'orders', '--group', 'billing', '--count', '2', '--timeout', '20s'])
  await run(['produce', 'orders'], 'c\nd\ne\nf\n')
  const words = ['drain', 'broker-b', '--limit', '2s', '--route-interval', '100ms']

  const text = await run(words)
  expect(rows(text.text)).toEqual([['billing', 'orders', '0', '2']])
  expect(text.stderr).toContain('group billing is 2 behind in orders queue 0')
  expect(text.stderr).toContain('mq undrain broker-b')
  expect(text.exitCode).toBe(7)
  const json = await run([...words, '--stop', '--json'])
  expect(jsonLines<Drained>(json.text)).toMatchObject([
    { isDrained: false, isStopped: false, unread: [{ group: 'billing', lag: 2 }] },
  ])
  expect(json.exitCode).toBe(7)

  const states = async (): Promise<unknown[]> =>
    [...(await brokers(cluster)).values()].map(({ isDraining }) => isDraining)
  expect(await states()).toEqual([false, true])
  const shown = (await run(['route', 'orders'])).text
  expect(rows(shown).map((row) => [row[2], row[7], row.at(-1)])).toContainEqual([
    'broker-b',
    'r',
    'draining',
  ])
  // Read to the end it is drained, without any order more.
  await run(['consume', 'orders', '--group', 'billing', '--count', '4', '--timeout', '20s'])
  expect((await run(words)).exitCode).toBe(0)
  expect((await run(['undrain', 'broker-b'])).exitCode).toBe(0)
  expect(await states()).toEqual([false, false])
  await cluster.stop()
})

test('R18: the last broker that takes messages is drained only by force; a wrong name is not found', async () => {
  const cluster = await CliCluster.start()
  const run = (words: string[]) => mq(words, { env: cluster.env })
  await run(['topic', 'create', 'orders', '--queues', '2'])
  const words = ['--route-interval', '100ms', '--limit', '10s']
  expect((await run(['drain', 'broker-b', ...words])).exitCode).toBe(0)
  const refused = await run(['drain', 'broker-a', ...words])
  expect(refused.stderr).toContain('broker-a is the only broker that takes messages of orders')
  expect(refused.stderr).toContain('--force')
  expect(refused.exitCode).toBe(4)
  expect((await brokers(cluster)).get('broker-a')?.isDraining).toBe(false)
  expect((await run(['drain', 'broker-a', '--force', ...words])).exitCode).toBe(0)
  const unknown = await run(['drain', 'broker-x'])
  expect(unknown.stderr).toContain('no broker "broker-x" at ')
  expect(unknown.exitCode).toBe(3)
  await cluster.stop()
})

test('R18: a drained broker that is started again is still drained', async () => {
  const cluster = await CliCluster.start()
  const start = () =>
    CliNode.start([
      'broker',
      ...['--name', 'broker-c', '--listen', '127.0.0.1:0'],
      ...['--nameservers', cluster.nameservers, '--data', cluster.folder.join('c')],
    ])
  const first = await start()
  const words = ['drain', 'broker-c', '--stop', '--route-interval', '100ms']
  const { text } = await mqOk(words, { env: cluster.env })
  expect(text).toContain(`stopped process ${first.child.pid}`)
  expect(await first.child.exited).toBe(0)
  const second = await start()
  expect((await brokers(cluster)).get('broker-c')?.isDraining).toBe(true)
  await mqOk(['undrain', 'broker-c'], { env: cluster.env })
  expect((await brokers(cluster)).get('broker-c')?.isDraining).toBe(false)
  await second.stop()
  await cluster.stop()
})
