// What the members of a group say of themselves: which queues each holds, and what it subscribes to.
// Asked through a broker that a member is connected to. Members that cannot be asked (their client does
// not know the question, or does not answer in time) say nothing; that is not held against anybody.

import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import {
  type ConsumerRunningInfo,
  decodeConsumerRunningInfo,
} from '../remoting/consumer-running-info.ts'
import { decodeGroupView, type MemberView, type Wanted } from '../remoting/group-view.ts'
import { mapBounded } from './bounded.ts'
import type { MessageQueue } from './message.ts'
import type { Caller } from './nameserver-calls.ts'

/** Members asked at once: a group of a thousand must not become a thousand frames in one turn. */
const CONCURRENCY_MAX = 64

export interface MemberReport {
  clientId: string
  /** Null: it could not be asked. */
  queues: MessageQueue[] | null
  /** By itself, or by what a broker saw of it; null: nobody knows. */
  subscriptions: Wanted[] | null
}

export async function fetchMemberReports(
  caller: Caller,
  group: string,
  members: readonly { clientId: string; brokers: readonly string[] }[],
): Promise<MemberReport[]> {
  const brokers = [...new Set(members.flatMap((member) => member.brokers))]
  const views = await mapBounded(brokers, CONCURRENCY_MAX, (broker) =>
    fetchGroupView(caller, broker, group),
  )
  const seen = new Map(views.flat().map((view) => [view.clientId, view.subscriptions]))
  return mapBounded(members, CONCURRENCY_MAX, async ({ clientId, brokers: via }) => {
    const info = await fetchRunningInfo(caller, { group, clientId, via })
    return {
      clientId,
      queues: info?.queues ?? null,
      subscriptions: info?.subscriptions ?? seen.get(clientId) ?? null,
    }
  })
}

/** Null if no broker gets an answer. */
async function fetchRunningInfo(
  { channels, timeoutMs }: Caller,
  member: { group: string; clientId: string; via: readonly string[] },
): Promise<ConsumerRunningInfo | null> {
  const fields = {
    consumerGroup: member.group,
    clientId: member.clientId,
    jstackEnable: false,
  }
  for (const broker of member.via) {
    try {
      const answer = await channels.invoke(broker, REQUEST.getConsumerRunningInfo, {
        fields,
        timeoutMs,
      })
      if (answer.code === RESPONSE.success) return decodeConsumerRunningInfo(answer.body)
    } catch {
      // Another broker may reach it; that it says nothing is an answer, too.
    }
  }
  return null
}

/** Empty for brokers that do not know the question: Apache's. */
async function fetchGroupView(
  { channels, timeoutMs }: Caller,
  broker: string,
  group: string,
): Promise<MemberView[]> {
  try {
    const answer = await channels.invoke(broker, REQUEST.describeGroup, {
      fields: { consumerGroup: group },
      timeoutMs,
    })
    return answer.code === RESPONSE.success ? decodeGroupView(answer.body).members : []
  } catch {
    return []
  }
}
