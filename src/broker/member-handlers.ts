// What administrators ask about single members of a group: what the broker knows of each (61030), and
// what a member says of itself (307), for which the broker passes question and answer on.

import { describeError } from '../core/errors.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Fields, Response } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { textField } from '../remoting/field-reader.ts'
import { encodeGroupView } from '../remoting/group-view.ts'
import type { ConsumerGroups, Member } from './consumer-groups.ts'
import type { BrokerContext } from './context.ts'
import type { SubscriptionWatch } from './subscription-watch.ts'

/** As Apache's brokers wait for a client. */
const RELAY_TIMEOUT_MS = 10_000

export interface MemberParts {
  context: BrokerContext
  consumers: ConsumerGroups<Connection>
  watch: SubscriptionWatch<Connection>
}

export function memberHandlers(parts: MemberParts): [number, RequestHandler][] {
  return [
    [REQUEST.getConsumerRunningInfo, (request) => runningInfo(parts, request)],
    [REQUEST.describeGroup, ({ fields }) => describeGroup(parts, fields)],
  ]
}

async function runningInfo({ consumers }: MemberParts, request: Command): Promise<Response> {
  const { fields, body } = request
  const group = textField(fields, 'consumerGroup')
  const clientId = textField(fields, 'clientId')
  const member = newestMember(consumers, group, clientId)
  if (member === null) {
    const remark = `the consumer ${clientId} of group ${group} is not online`
    return { code: RESPONSE.systemError, remark }
  }
  try {
    return await member.owner.invoke(request.code, { fields, body }, RELAY_TIMEOUT_MS)
  } catch (error) {
    const remark = `the consumer ${clientId} of group ${group} did not answer: ${describeError(error)}`
    return { code: RESPONSE.systemError, remark }
  }
}

/** Several connections may share an id: the one that spoke last is alive. */
function newestMember(
  consumers: ConsumerGroups<Connection>,
  group: string,
  clientId: string,
): Member<Connection> | null {
  let newest: Member<Connection> | null = null
  for (const member of consumers.get(group)?.members.values() ?? []) {
    if (member.clientId !== clientId) continue
    if (newest === null || member.lastHeartbeatMs >= newest.lastHeartbeatMs) newest = member
  }
  return newest
}

function describeGroup({ context, consumers, watch }: MemberParts, fields: Fields): Response {
  const name = textField(fields, 'consumerGroup')
  const group = consumers.get(name)
  if (group === null) {
    return { code: RESPONSE.consumerNotOnline, remark: `no member of group ${name} is connected` }
  }
  const nowMs = context.clock.monoMs()
  const body = encodeGroupView({
    group: name,
    members: [...group.members.values()].map((member) => ({
      clientId: member.clientId,
      address: member.owner.peer,
      language: member.language,
      version: member.version,
      lastHeartbeatAgeMs: Math.round(nowMs - member.lastHeartbeatMs),
      subscriptions: [...member.subscriptions],
    })),
    unequalForMs: watch.unequalForMs(name),
  })
  return { code: RESPONSE.success, body }
}
