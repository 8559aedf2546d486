// Telling brokers to have a topic, and waiting until the nameservers show it. Used to make topics and
// to alter them: a broker makes what it does not have and alters what it has.

import { sleep } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { AUTO_CREATE_TOPIC, PERMISSION, REQUEST } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { planToText } from '../remoting/topic-config.ts'
import { TOPIC_FIELD } from '../remoting/topic-life.ts'
import { askAll, findTopicViews, mergeFailures } from './admin-peers.ts'
import type { Gathered, PeerFailure, TopicPlacement } from './admin-results.ts'
import type { Client } from './client.ts'
import type { TopicBirth } from './topic-births.ts'

/** A broker answers once a change is on its disk and told to the nameservers it can reach. */
export const CHANGE_TIMEOUT_MS = 10_000
/** Brokers tell the nameservers at once; one that takes longer is named instead of waited for. */
const VISIBLE_TIMEOUT_MS = 3_000
const VISIBLE_POLL_MS = 100

export interface TopicSetup {
  topic: string
  placements: readonly TopicPlacement[]
  isOrdered: boolean
  /** Left out, brokers that do not have the topic make one of their own. */
  birth?: TopicBirth
}

/** Resolves with what was set up. Rejects if nothing was. */
export async function setUpTopic(
  client: Client,
  setup: TopicSetup,
): Promise<Gathered<TopicPlacement[]>> {
  const { topic, placements } = setup
  const done = await askAll(
    placements.map(({ address }) => address),
    `setting up topic ${topic}`,
    async (address) => {
      const placement = placements.find((other) => other.address === address) as TopicPlacement
      await setUpOn(client, placement, setup)
      return placement
    },
  )
  const value = done.value.map((answer) => answer.value)
  if (value.length === 0 && done.failures[0] !== undefined) throw done.failures[0].error
  const unseen = await waitVisible(client, topic, (route) =>
    value.every((placement) => shows(route, placement)),
  )
  return { value, failures: mergeFailures(done.failures, unseen) }
}

async function setUpOn(
  client: Client,
  placement: TopicPlacement,
  setup: TopicSetup,
): Promise<void> {
  const { topic, isOrdered, birth } = setup
  await client.caller.channels.call(placement.address, REQUEST.createTopic, {
    fields: {
      topic,
      defaultTopic: AUTO_CREATE_TOPIC,
      readQueueNums: placement.readQueueCount,
      writeQueueNums: placement.writeQueueCount,
      perm: placement.permission,
      topicFilterType: 'SINGLE_TAG',
      topicSysFlag: 0,
      order: isOrdered,
      // RocketMQ's brokers pass over fields they do not know.
      [TOPIC_FIELD.birthId]: birth?.birthId,
      [TOPIC_FIELD.plan]: birth?.plan === undefined ? undefined : planToText(birth.plan),
    },
    timeoutMs: CHANGE_TIMEOUT_MS,
  })
}

/** Until every nameserver that answers shows it as wanted. Names those that do not in time. */
export async function waitVisible(
  client: Client,
  topic: string,
  isAsWanted: (route: TopicRoute | undefined) => boolean,
): Promise<PeerFailure[]> {
  const { clock } = client.options
  const deadlineMs = clock.monoMs() + VISIBLE_TIMEOUT_MS
  for (;;) {
    const { routes, answered } = await findTopicViews(client, topic)
    const blind = answered.filter(
      (nameserver) => !isAsWanted(routes.find(({ peer }) => peer === nameserver)?.value),
    )
    if (blind.length === 0) return []
    if (clock.monoMs() >= deadlineMs) {
      return blind.map((peer) => ({
        peer,
        purpose: `the new route of ${topic}`,
        error: new MqError('PARTIAL', `${peer} does not show the change yet`, {
          hint: `look again with: mq route ${topic}`,
        }),
      }))
    }
    await sleep(clock, VISIBLE_POLL_MS)
  }
}

function shows(route: TopicRoute | undefined, placement: TopicPlacement): boolean {
  const queues = route?.queues.find(({ brokerName }) => brokerName === placement.brokerName)
  return (
    queues !== undefined &&
    queues.readQueueCount === placement.readQueueCount &&
    queues.writeQueueCount === placement.writeQueueCount &&
    // A draining broker registers its topics as not writable, whatever they are.
    (queues.permission | PERMISSION.write) === (placement.permission | PERMISSION.write)
  )
}
