// Goal: our ordered consumer and those of RocketMQ's clients in one group respect each other's queue
// locks: the queues are shared, and while they change hands no message is handled twice. Method: real
// processes; rounds of messages until both members had some.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Cluster, startCluster } from './peers/cluster.ts'
import { FOREIGN_CLIENTS, produceWith, receivedBy, startConsumer } from './peers/foreign-client.ts'
import { checkDelivery, type Received, smallMessages, type TestMessage } from './peers/messages.ts'
import { MQ_COMMAND } from './peers/mq.ts'
import { receivedLines } from './peers/own-client.ts'
import { Process, waitFor } from './peers/process.ts'

const QUEUE_COUNT = 4
const ROUND_COUNT = 40
const SHARE_TIMEOUT_MS = 90_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(async () => {
  await cluster?.stop()
})

for (const client of FOREIGN_CLIENTS.filter(({ isOrderedConsumer }) => isOrderedConsumer)) {
  if (client.missing !== null) {
    process.stdout.write(`    ${client.name} is skipped: ${client.missing}\n`)
  }
  test.skipIf(client.missing !== null)(
    `R17: ours and ${client.name} in one ordered group`,
    async () => {
      const topic = `both-${client.name}`
      const group = `${topic}-group`
      const target = { nameserver: cluster.nameserver, topic, dir: cluster.dir }
      await cluster.createTopic(topic, QUEUE_COUNT)
      const ours = Process.start({
        name: 'mq consume',
        command: [
          ...[...MQ_COMMAND, 'consume', topic, '--nameservers', cluster.nameserver, '--json'],
          ...['--group', group, '--from', 'start', '--ordered', '--follow'],
        ],
        logPath: join(cluster.dir, `${topic}.jsonl`),
      })
      const sent: TestMessage[] = []
      const sendRound = async (): Promise<void> => {
        const round = smallMessages(`${topic}-${sent.length}`, ROUND_COUNT)
        sent.push(...round)
        await produceWith(client, target, { mode: 'sync', messages: round })
      }
      let theirs: Process | null = null
      const members = (): Received[][] => [
        receivedLines(ours.output),
        theirs === null ? [] : receivedBy(theirs),
      ]
      try {
        await sendRound()
        await waitFor('first round at ours', 30_000, () =>
          members()[0]!.length >= sent.length ? true : null,
        )
        theirs = await startConsumer(client, target, { group, count: 1_000_000, isOrdered: true })
        // Queues change hands while messages flow.
        const shares = await waitFor('both members at work', SHARE_TIMEOUT_MS, async () => {
          await sendRound()
          const counts = members().map((received) => received.length)
          return counts[1]! > 0 ? counts : null
        })
        await sendRound()
        await waitFor('all messages', 60_000, () =>
          new Set(
            members()
              .flat()
              .map(({ keys }) => keys),
          ).size >= sent.length
            ? true
            : null,
        )
        const { duplicateCount } = checkDelivery(sent, members().flat())
        expect(duplicateCount).toBe(0)
        process.stdout.write(
          `    ${sent.length} sent, shares ${shares.join(' + ')}, no duplicate\n`,
        )
      } finally {
        await theirs?.stop('SIGKILL')
        await ours.stop()
      }
    },
  )
}
