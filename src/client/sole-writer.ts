// The topics that only one broker takes messages of: without it sends have nowhere to go. Nameservers
// may differ, and a producer believes the one it asks, so a topic counts as soon as one of those that
// know it names no other broker.

import { PERMISSION, REQUEST } from '../remoting/codes.ts'
import { isJsonObject, parseLenientObject } from '../remoting/lenient-json.ts'
import { entries } from '../remoting/route.ts'
import { type TopicConfig, topicConfigFromJson } from '../remoting/topic-config.ts'
import { askAll } from './admin-peers.ts'
import type { BrokerSummary } from './admin-results.ts'
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
  const found: string[] = []
  for (let at = 0; at < topics.length; at += TOPICS_AT_ONCE) {
    const asked = topics.slice(at, at + TOPICS_AT_ONCE)
    const isSole = await Promise.all(
      asked.map((topic) => isSoleWriter(client, topic, broker.brokerName)),
    )
    found.push(...asked.filter((_, position) => isSole[position]))
  }
  return found
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

function decodeTopicConfigs(body: Uint8Array): TopicConfig[] {
  return entries(parseLenientObject(body)['topicConfigTable']).flatMap(([, topic]) =>
    isJsonObject(topic) ? topicConfigFromJson(topic) : [],
  )
}
