// Goal: unmodified clients of three languages move messages through our nameserver and broker, and
// understand each other's messages. Method: real processes of the compiled binary; each client sends
// in each of its ways into a topic of its own, then each client reads all topics as a group of its
// own, and every body, key and tag is compared with what was sent.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Cluster, startCluster } from './peers/cluster.ts'
import {
  consumeWith,
  FOREIGN_CLIENTS,
  type ForeignClient,
  produceWith,
  receivedBy,
  startConsumer,
  type Target,
} from './peers/foreign-client.ts'
import {
  checkDelivery,
  checkOrder,
  type Received,
  smallMessages,
  type TestMessage,
  variedMessages,
} from './peers/messages.ts'
import { consumeWithOurs, produceWithOurs } from './peers/own-client.ts'
import { waitFor } from './peers/process.ts'

const QUEUE_COUNT = 4
const BATCH_COUNT = 48
const ORDERED_COUNT = 70
const ROUND_COUNT = 40
const ROUND_TIMEOUT_MS = 40_000
const SHARE_TIMEOUT_MS = 90_000

let cluster: Cluster
/** What each client has sent into its topic, for the consumers that follow. */
const sentTo = new Map<string, TestMessage[]>()

beforeAll(async () => {
  cluster = await startCluster()
})

afterAll(async () => {
  await cluster?.stop()
})

function targetOf(topic: string): Target {
  return { nameserver: cluster.nameserver, topic, dir: cluster.dir }
}

function say(line: string): void {
  process.stdout.write(`    ${line}\n`)
}

function available(clients: readonly ForeignClient[]): ForeignClient[] {
  return clients.filter((client) => client.missing === null)
}

for (const client of FOREIGN_CLIENTS) {
  if (client.missing !== null) say(`${client.name} is skipped: ${client.missing}`)
}

describe('producers', () => {
  for (const client of FOREIGN_CLIENTS) {
    const topic = `from-${client.name}`
    for (const mode of client.modes) {
      test.skipIf(client.missing !== null)(`${client.name} sends ${mode}`, async () => {
        if (!sentTo.has(topic)) await cluster.createTopic(topic, QUEUE_COUNT)
        const prefix = `${client.name}-${mode}`
        const messages =
          mode === 'batch'
            ? smallMessages(prefix, BATCH_COUNT)
            : variedMessages(prefix, client.bodyBytesMax)
        const sentCount = await produceWith(client, targetOf(topic), { mode, messages })
        expect(sentCount).toBe(messages.length)
        sentTo.set(topic, [...(sentTo.get(topic) ?? []), ...messages])
      })
    }
  }
})

describe('push consumers', () => {
  for (const client of FOREIGN_CLIENTS) {
    for (const producer of FOREIGN_CLIENTS) {
      const isMissing = client.missing !== null || producer.missing !== null
      test.skipIf(isMissing)(`${client.name} reads what ${producer.name} sent`, async () => {
        const topic = `from-${producer.name}`
        const sent = sentTo.get(topic) ?? []
        const received = await consumeWith(client, targetOf(topic), {
          group: `${client.name}-reads-${producer.name}`,
          count: sent.length,
        })
        const { sentCount, receivedCount, duplicateCount } = checkDelivery(sent, received)
        say(`${sentCount} sent, ${receivedCount} received, ${duplicateCount} duplicates`)
      })
    }
  }
})

describe('our commands', () => {
  for (const producer of FOREIGN_CLIENTS) {
    test.skipIf(producer.missing !== null)(
      `mq consume reads what ${producer.name} sent`,
      async () => {
        const topic = `from-${producer.name}`
        const sent = sentTo.get(topic) ?? []
        const received = await consumeWithOurs(targetOf(topic), {
          group: `mq-reads-${producer.name}`,
          count: sent.length,
        })
        const { sentCount, receivedCount, duplicateCount } = checkDelivery(sent, received)
        say(`${sentCount} sent, ${receivedCount} received, ${duplicateCount} duplicates`)
      },
    )
  }

  test('mq produce sends', async () => {
    await cluster.createTopic('from-mq', QUEUE_COUNT)
    const messages = variedMessages('mq', 1024 * 1024)
    await produceWithOurs(targetOf('from-mq'), messages)
    sentTo.set('from-mq', messages)
    await cluster.createTopic('from-mq-empty', 1)
    // No foreign producer sends a body of nothing, but consumers must live with one.
    const empty = { keys: 'mq-empty', tags: 'TagA', orderingKey: '', body: Buffer.alloc(0) }
    const mixed = [...smallMessages('mq-before', 2), empty, ...smallMessages('mq-after', 2)]
    await produceWithOurs(targetOf('from-mq-empty'), mixed)
    sentTo.set('from-mq-empty', mixed)
  })

  for (const client of available(FOREIGN_CLIENTS)) {
    test(`${client.name} reads what mq produce sent`, async () => {
      for (const topic of ['from-mq', ...(client.readsEmptyBodies ? ['from-mq-empty'] : [])]) {
        const sent = sentTo.get(topic) ?? []
        const received = await consumeWith(client, targetOf(topic), {
          group: `${client.name}-reads-${topic}`,
          count: sent.length,
        })
        const { sentCount, receivedCount, duplicateCount } = checkDelivery(sent, received)
        say(`${sentCount} sent, ${receivedCount} received, ${duplicateCount} duplicates`)
      }
    })
  }
})

describe('ordered consumers', () => {
  for (const client of available(FOREIGN_CLIENTS).filter((known) => known.isOrderedConsumer)) {
    test(`${client.name} keeps the order of each key`, async () => {
      const topic = `ordered-${client.name}`
      await cluster.createTopic(topic, QUEUE_COUNT)
      const messages = smallMessages(topic, ORDERED_COUNT)
      await produceWith(client, targetOf(topic), { mode: 'ordered', messages })
      const received = await consumeWith(client, targetOf(topic), {
        group: `${client.name}-ordered`,
        count: messages.length,
        isOrdered: true,
      })
      const { duplicateCount } = checkDelivery(messages, received)
      checkOrder(messages, received)
      const queues = new Set(received.map((message) => message.queueId))
      say(`${received.length} in order over ${queues.size} queues, ${duplicateCount} duplicates`)
    })
  }
})

describe('consumer groups', () => {
  for (const client of available(FOREIGN_CLIENTS)) {
    test(`two members of ${client.name} share the queues`, async () => {
      const topic = `shared-${client.name}`
      await cluster.createTopic(topic, QUEUE_COUNT)
      const target = targetOf(topic)
      const options = { group: `${client.name}-shared`, count: 1_000_000 }
      const members = [
        await startConsumer(client, target, { ...options, label: '-1' }),
        await startConsumer(client, target, { ...options, label: '-2' }),
      ]
      try {
        const sent: TestMessage[] = []
        // Members find each other when their client pleases (ali-ons: every 10 s), so rounds of
        // messages are sent until one round is shared.
        const shares = await waitFor('round shared by both members', SHARE_TIMEOUT_MS, async () => {
          const round = smallMessages(`${topic}-${sent.length}`, ROUND_COUNT)
          sent.push(...round)
          await produceWith(client, target, { mode: client.modes[0]!, messages: round })
          const prefix = round[0]!.keys.slice(0, -1)
          return waitFor('end of the round', ROUND_TIMEOUT_MS, () => {
            const counts = members.map(
              (member) =>
                new Set(keysOf(receivedBy(member)).filter((key) => key.startsWith(prefix))).size,
            )
            if (counts[0]! + counts[1]! < ROUND_COUNT) return null
            return counts
          }).then((counts) => (Math.min(...counts) > 0 ? counts : null))
        })
        const received = members.flatMap((member) => receivedBy(member))
        const { sentCount, duplicateCount } = checkDelivery(sent, received)
        say(`last round ${shares.join(' + ')}; ${sentCount} in all, ${duplicateCount} duplicates`)
      } finally {
        for (const member of members) await member.stop('SIGKILL')
      }
    })
  }
})

function keysOf(messages: readonly Received[]): string[] {
  return messages.map((message) => message.keys)
}
