// From a topic's route to the queues a client may use. Pure.

import { MASTER_ID, PERMISSION } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { compareText, type MessageQueue } from './message.ts'

/** A route that claims more queues on one broker is broken; it must not take our memory. */
const QUEUES_PER_BROKER_MAX = 16_384

/** A topic made from the template gets at most this many queues per broker, as in Java clients. */
export const TEMPLATE_QUEUES_MAX = 4

/**
 * Queues to send to, in the order all RocketMQ producers have them: by broker name, then queue id.
 * Brokers that lost their master, or take no writes, are left out. An order configuration made by
 * an administrator is taken as it is: its whole point is that the list never changes.
 */
export function publishQueues(
  topic: string,
  route: TopicRoute,
  queuesPerBrokerMax = QUEUES_PER_BROKER_MAX,
): MessageQueue[] {
  if (route.orderConfig !== null) {
    return parseOrderConfig(route.orderConfig).flatMap((part) =>
      expand(topic, part.brokerName, Math.min(part.queueCount, queuesPerBrokerMax)),
    )
  }
  return [...route.queues]
    .sort((a, b) => compareText(a.brokerName, b.brokerName))
    .filter((queues) => (queues.permission & PERMISSION.write) !== 0)
    .filter((queues) => masterAddress(route, queues.brokerName) !== null)
    .flatMap((queues) =>
      expand(topic, queues.brokerName, Math.min(queues.writeQueueCount, queuesPerBrokerMax)),
    )
}

/** Queues to read from, in the order groups share them out. */
export function readableQueues(topic: string, route: TopicRoute): MessageQueue[] {
  return [...route.queues]
    .sort((a, b) => compareText(a.brokerName, b.brokerName))
    .filter((queues) => (queues.permission & PERMISSION.read) !== 0)
    .flatMap((queues) =>
      expand(topic, queues.brokerName, Math.min(queues.readQueueCount, QUEUES_PER_BROKER_MAX)),
    )
}

export function masterAddress(route: TopicRoute, brokerName: string): string | null {
  return addressesOf(route, brokerName)?.get(MASTER_ID) ?? null
}

/** The master, or while there is none any replica: they serve reads. */
export function readAddress(route: TopicRoute, brokerName: string): string | null {
  const addresses = addressesOf(route, brokerName)
  if (addresses === null) return null
  return addresses.get(MASTER_ID) ?? [...addresses.values()][0] ?? null
}

function addressesOf(route: TopicRoute, brokerName: string): ReadonlyMap<number, string> | null {
  return route.brokers.find((broker) => broker.brokerName === brokerName)?.addresses ?? null
}

/** "broker-a:4;broker-b:2" */
function parseOrderConfig(text: string): { brokerName: string; queueCount: number }[] {
  return text
    .split(';')
    .map((part) => part.trim().split(':'))
    .map(([brokerName = '', count]) => ({ brokerName, queueCount: Number(count) }))
    .filter((part) => part.brokerName !== '' && Number.isSafeInteger(part.queueCount))
}

function expand(topic: string, brokerName: string, count: number): MessageQueue[] {
  return Array.from({ length: Math.max(0, count) }, (_, queueId) => ({
    topic,
    brokerName,
    queueId,
  }))
}
