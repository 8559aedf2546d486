// What administrators ask about single members of a group: what the broker knows of each (61030), and
// what a member says of itself (307), for which the broker passes question and answer on.

import { describeError, MqError } from '../core/errors.ts'
import { RELAYS_PER_MEMBER_MAX } from '../core/limits.ts'
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
  const relays = new Relays()
  return [
    [REQUEST.getConsumerRunningInfo, (request) => runningInfo({ ...parts, relays }, request)],
    [REQUEST.describeGroup, ({ fields }) => describeGroup(parts, fields)],
  ]
}

/** Questions on their way to members, each a while: what is held for one that does not read is bounded. */
class Relays {
  readonly #counts = new Map<Connection, number>()

  async ask(member: Connection, code: number, fields: Fields): Promise<Command> {
    const count = this.#counts.get(member) ?? 0
    if (count >= RELAYS_PER_MEMBER_MAX) {
      throw new MqError('BROKER_BUSY', `${count} questions to ${member.peer} are under way`)
    }
    this.#counts.set(member, count + 1)
    try {
      // The question has no body, so none is passed on.
      return await member.invoke(code, { fields }, RELAY_TIMEOUT_MS)
    } finally {
      const left = (this.#counts.get(member) ?? 1) - 1
      if (left === 0) this.#counts.delete(member)
      else this.#counts.set(member, left)
    }
  }
}

async function runningInfo(
  { consumers, relays }: MemberParts & { relays: Relays },
  request: Command,
): Promise<Response> {
  const { fields } = request
  const group = textField(fields, 'consumerGroup')
  const clientId = textField(fields, 'clientId')
  const member = newestMember(consumers, group, clientId)
  if (member === null) {
    const remark = `the consumer ${clientId} of group ${group} is not online`
    return { code: RESPONSE.systemError, remark }
  }
  try {
    return await relays.ask(member.owner, request.code, fields)
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
