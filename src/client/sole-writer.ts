// The topics that only one broker takes messages of: without it sends have nowhere to go. Nameservers
// may differ, and a producer believes the one it asks, so a topic counts as soon as one of those that
// know it names no other broker.

import { PERMISSION, REQUEST } from '../remoting/codes.ts'
import { decodeTopicConfigs } from '../remoting/topic-config.ts'
import { askAll } from './admin-peers.ts'
import type { BrokerSummary } from './admin-results.ts'
import { mapBounded } from './bounded.ts'
import type { Client } from './client.ts'
import { compareText } from './message.ts'
import { fetchRoute } from './nameserver-calls.ts'
import { publishQueues } from './publish-queues.ts'
import { isSystemTopicName } from './system-names.ts'

/** Routes asked for at a time: a broker may have ten thousand topics. */
const TOPICS_AT_ONCE = 32

export async function soleWriterTopics(client: Client, broker: BrokerSummary): Promise<string[]> {
  const { channels, timeoutMs } = client.caller
  const answer = await channels.call(broker.address, REQUEST.getAllTopicConfig, { timeoutMs })
  const owners = new Set([broker.cluster, broker.brokerName])
  const topics = decodeTopicConfigs(answer.body)
    .filter(({ permission }) => (permission & PERMISSION.write) !== 0)
    .filter(({ name, writeQueueCount }) => writeQueueCount > 0 && !isSystemTopicName(name, owners))
    .map(({ name }) => name)
    .sort(compareText)
  const isSole = await mapBounded(topics, TOPICS_AT_ONCE, (topic) =>
    isSoleWriter(client, topic, broker.brokerName),
  )
  return topics.filter((_, at) => isSole[at])
}

async function isSoleWriter(client: Client, topic: string, brokerName: string): Promise<boolean> {
  const { value } = await askAll(client.nameservers, `the route of ${topic}`, (nameserver) =>
    fetchRoute(client.caller, nameserver, topic),
  )
  return value.some(
    ({ value: route }) =>
      route !== null &&
      !publishQueues(topic, route).some((queue) => queue.brokerName !== brokerName),
  )
}
