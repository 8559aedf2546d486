// Who is in a group, as one broker of a topic knows it. Members ask the first broker by name that
// answers: those with the same route ask the same one, and so share the queues out by the same list.

import { MqError } from '../core/errors.ts'
import { decodeConsumerList } from '../remoting/client-connections.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { TopicRoute } from '../remoting/route.ts'
import { compareText } from './message.ts'
import type { Caller } from './nameserver-calls.ts'
import { readAddress } from './publish-queues.ts'

/** Empty if the broker knows no member. */
export async function fetchGroupMembers(
  caller: Caller,
  address: string,
  group: string,
): Promise<string[]> {
  const answer = await caller.channels.invoke(address, REQUEST.getConsumerList, {
    fields: { consumerGroup: group },
    timeoutMs: caller.timeoutMs,
  })
  // A group nobody is in is answered with a general error.
  if (answer.code !== 0) return []
  return decodeConsumerList(answer.body)
}

export interface MemberQuery {
  caller: Caller
  route: TopicRoute
  group: string
  self: string
  /** Makes `self` known to a broker that does not list it. */
  greet: (address: string) => Promise<void>
}

/** The members including `self`; null if no broker answers. */
export async function findMembers(query: MemberQuery): Promise<string[] | null> {
  const { caller, route, group, self, greet } = query
  for (const name of route.brokers.map(({ brokerName }) => brokerName).sort(compareText)) {
    const address = readAddress(route, name)
    if (address === null) continue
    try {
      const members = await fetchGroupMembers(caller, address, group)
      if (members.includes(self)) return members
      await greet(address)
      return await fetchGroupMembers(caller, address, group)
    } catch (error) {
      if (!(error instanceof MqError)) throw error
    }
  }
  return null
}
