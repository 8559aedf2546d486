// Deleting a topic on several brokers. First every broker is asked what it has under that name, then
// each is told to bury all of it. A broker that has buried the topic registers that, and from then on
// the nameservers hide it whoever offers it, and tell every other broker to bury it too: one that this
// request did not reach, and one that was away. So it may end between any two requests.

import { MqError } from '../core/errors.ts'
import { REQUEST } from '../remoting/codes.ts'
import { TOPIC_FIELD } from '../remoting/topic-life.ts'
import { askAll, findTopicViews, mergeFailures } from './admin-peers.ts'
import type { Gathered, PeerFailure } from './admin-results.ts'
import type { Client } from './client.ts'
import { deleteTopicInNameserver } from './nameserver-calls.ts'
import { noRouteError } from './route-errors.ts'
import { brokersAway, fetchTopicBirths } from './topic-births.ts'
import { CHANGE_TIMEOUT_MS, waitVisible } from './topic-setup.ts'

/** Resolves with the brokers it was deleted on. Rejects with TOPIC_NOT_FOUND if nobody has it. */
export async function deleteTopic(client: Client, topic: string): Promise<Gathered<string[]>> {
  const { caller } = client
  const views = await findTopicViews(client, topic)
  const route = views.routes[0]?.value ?? null
  const births = await fetchTopicBirths(client, topic, route)
  const routed = new Set(route?.brokers.map(({ brokerName }) => brokerName))
  const holders = births.brokers.filter(
    ({ config, brokerName }) => config !== null || routed.has(brokerName),
  )
  // Hidden, but still somewhere: a deletion that was interrupted is carried on.
  if (route === null && holders.length === 0) throw notFound(topic, views)
  const ids = births.birthIds.join(',')
  const done = await askAll(
    births.brokers.map(({ address }) => address),
    `deleting topic ${topic}`,
    (address) =>
      caller.channels.call(address, REQUEST.deleteTopicInBroker, {
        // Without ids nobody knows how to bury it, and each broker drops what it has.
        fields: { topic, [TOPIC_FIELD.birthIds]: ids === '' ? undefined : ids },
        timeoutMs: CHANGE_TIMEOUT_MS,
      }),
  )
  const forgotten = await askAll(client.nameservers, `forgetting topic ${topic}`, (nameserver) =>
    deleteTopicInNameserver(caller, nameserver, topic),
  )
  const unseen = await waitVisible(client, topic, (seen) => seen === undefined)
  const named = done.failures.map((failure) => {
    const broker = births.brokers.find(({ address }) => address === failure.peer)
    return { ...failure, peer: broker?.brokerName ?? failure.peer }
  })
  const deletedOn = new Set(done.value.map(({ peer }) => peer))
  return {
    value: holders
      .filter(({ address }) => deletedOn.has(address))
      .map((holder) => holder.brokerName),
    failures: mergeFailures(
      views.failures,
      births.failures,
      named,
      forgotten.failures,
      unseen,
      brokersAway(births).map((brokerName) => awayFailure(topic, brokerName)),
    ),
  }
}

function awayFailure(topic: string, brokerName: string): PeerFailure {
  return {
    peer: brokerName,
    purpose: `deleting topic ${topic}`,
    error: new MqError(
      'UNREACHABLE',
      `it is registered nowhere, and buries the topic on its return`,
    ),
  }
}

function notFound(
  topic: string,
  views: { answered: string[]; failures: readonly PeerFailure[] },
): MqError {
  return noRouteError(topic, [
    ...views.answered.map((nameserver) => ({ nameserver, error: null, brokerCount: null })),
    ...views.failures.map(({ peer, error }) => ({ nameserver: peer, error, brokerCount: null })),
  ])
}
