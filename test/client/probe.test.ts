// Goal: R37: probing every broker is bounded, whatever the size of the cluster, and its cost is known.
// Method: a thousand servers on loopback that answer as brokers do, and count what is asked at once; and
// some that do not answer.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { Client } from '../../src/client/client.ts'
import { PROBES_AT_ONCE_MAX, probeBrokers } from '../../src/client/probe.ts'
import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { systemRandom } from '../../src/core/random.ts'
import { formatAddress } from '../../src/remoting/address.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { RemotingServer } from '../../src/remoting/server.ts'

setDefaultTimeout(60_000)

const BROKER_COUNT = 1_000
/** So that requests overlap as far as they are allowed to. */
const ANSWER_DELAY_MS = 5

const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'test' })

class Brokers {
  readonly addresses: string[] = []
  atOnceMax = 0
  #atOnce = 0
  readonly #servers: RemotingServer[] = []

  async start(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const server = new RemotingServer({
        network: bunNetwork,
        clock: systemClock,
        logger,
        handlers: new Map([
          [
            REQUEST.getClusterInfo,
            () => {
              this.atOnceMax = Math.max(this.atOnceMax, ++this.#atOnce)
              return new Promise((resolve) => {
                systemClock.after(ANSWER_DELAY_MS, () => {
                  this.#atOnce--
                  resolve({ code: RESPONSE.notSupported })
                })
              })
            },
          ],
        ]),
      })
      this.addresses.push(formatAddress(await server.start({ host: '127.0.0.1', port: 0 })))
      this.#servers.push(server)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
  }
}

function newClient(): Client {
  return new Client({
    nameservers: ['127.0.0.1:1'],
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger,
    requestTimeoutMs: 10_000,
  })
}

test('R37: a thousand brokers are probed 32 at a time, in a time that is printed', async () => {
  const brokers = new Brokers()
  await brokers.start(BROKER_COUNT)
  const client = newClient()
  const startedMs = performance.now()
  const startedCpu = process.cpuUsage()
  const results = await probeBrokers(client, brokers.addresses)
  const elapsedMs = performance.now() - startedMs
  const cpu = process.cpuUsage(startedCpu)
  expect(results.size).toBe(BROKER_COUNT)
  expect([...results.values()].every(({ isReachable }) => isReachable)).toBe(true)
  expect(brokers.atOnceMax).toBeWithin(2, PROBES_AT_ONCE_MAX + 1)
  process.stdout.write(
    `    ${BROKER_COUNT} brokers probed in ${Math.round(elapsedMs)} ms (each takes ${ANSWER_DELAY_MS} ms to answer), ${Math.round((cpu.user + cpu.system) / 1_000)} ms of CPU for both sides\n`,
  )
  await client.close()
  await brokers.stop()
})

test('R37: those that do not answer are results like the others', async () => {
  const brokers = new Brokers()
  await brokers.start(2)
  const client = newClient()
  const results = await probeBrokers(client, [...brokers.addresses, '127.0.0.1:1'], 1)
  expect([...results.values()].map(({ isReachable }) => isReachable)).toEqual([true, true, false])
  expect(results.get('127.0.0.1:1')?.error?.code).toBe('UNREACHABLE')
  expect(brokers.atOnceMax).toBe(1)
  await client.close()
  await brokers.stop()
})
