// What clients say of themselves (heartbeat 34, goodbye 35, filter check 46) and what is asked about
// them (members 38, connections 203 and 204).

import { MqError } from '../core/errors.ts'
import { HEARTBEAT_GROUPS_MAX, SUBSCRIPTIONS_MAX } from '../core/limits.ts'
import { checkGroupName, isGroupName } from '../core/names.ts'
import {
  type ClientConnection,
  encodeConsumerConnections,
  encodeConsumerList,
  encodeProducerConnections,
} from '../remoting/client-connections.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Fields, Response } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { textField } from '../remoting/field-reader.ts'
import { decodeHeartbeat, type Heartbeat, subscriptionFromJson } from '../remoting/heartbeat.ts'
import { isJsonObject, parseLenientObject } from '../remoting/lenient-json.ts'
import type { Connected, ConsumerGroups } from './consumer-groups.ts'
import type { BrokerContext } from './context.ts'
import type { GroupNotices } from './group-notices.ts'
import type { Groups } from './groups.ts'
import type { ProducerGroups } from './producer-groups.ts'
import { checkExpressionType } from './pull-filter.ts'
import type { SubscriptionWatch } from './subscription-watch.ts'

export interface ClientParts {
  context: BrokerContext
  groups: Groups
  consumers: ConsumerGroups<Connection>
  producers: ProducerGroups<Connection>
  notices: GroupNotices
  watch: SubscriptionWatch<Connection>
}

export function clientHandlers(parts: ClientParts): [number, RequestHandler][] {
  return [
    [REQUEST.heartbeat, (request, connection) => heartbeat(parts, request, connection)],
    [REQUEST.unregisterClient, ({ fields }, connection) => leave(parts, fields, connection)],
    [REQUEST.checkClientConfig, checkFilter],
    [REQUEST.getConsumerList, ({ fields }) => consumerList(parts, fields)],
    [REQUEST.getConsumerConnections, ({ fields }) => consumerConnections(parts, fields)],
    [REQUEST.getProducerConnections, ({ fields }) => producerConnections(parts, fields)],
  ]
}

/**
 * Members count at once; the answer waits only while a new group and its retry topic become durable.
 * The two fields that would invite 5.x clients to leave subscriptions out of later beats are not sent.
 */
function heartbeat(
  parts: ClientParts,
  request: Command,
  connection: Connection,
): Response | Promise<Response> {
  const beat = decodeHeartbeat(request.body)
  checkHeartbeat(beat)
  const nowMs = parts.context.clock.monoMs()
  const { language, version } = request
  const client = { clientId: beat.clientId, language, version, owner: connection }
  for (const group of beat.producerGroups) {
    // Tracing clients make up names longer than a group's may be; nobody looks for those.
    if (isGroupName(group)) parts.producers.heartbeat(client, group, nowMs)
  }
  for (const data of beat.consumers) {
    if (parts.consumers.heartbeat(client, data, nowMs)) parts.notices.changed(data.group)
    parts.watch.look(data.group)
  }
  const missing = beat.consumers.filter(({ group }) => !parts.groups.isReady(group))
  if (missing.length === 0) return SUCCESS
  return Promise.all(missing.map(({ group }) => parts.groups.ensure(group))).then(() => SUCCESS)
}

function checkHeartbeat(beat: Heartbeat): void {
  const groupCount = beat.producerGroups.length + beat.consumers.length
  if (groupCount > HEARTBEAT_GROUPS_MAX) {
    throw new MqError('PROTOCOL', `${groupCount} groups in one heartbeat are too many`, {
      hint: `${HEARTBEAT_GROUPS_MAX} are allowed`,
    })
  }
  for (const { group, subscriptions } of beat.consumers) {
    checkGroupName(group)
    if (subscriptions.length <= SUBSCRIPTIONS_MAX) continue
    throw new MqError('PROTOCOL', `group ${group} subscribes to ${subscriptions.length} topics`, {
      hint: `${SUBSCRIPTIONS_MAX} are allowed`,
    })
  }
}

function leave(parts: ClientParts, fields: Fields, connection: Connection): Response {
  const { producerGroup, consumerGroup } = fields as Record<string, string | undefined>
  if (producerGroup !== undefined) parts.producers.leave(producerGroup, connection)
  if (consumerGroup !== undefined && parts.consumers.leave(consumerGroup, connection)) {
    parts.notices.changed(consumerGroup)
    parts.watch.look(consumerGroup)
  }
  return SUCCESS
}

function checkFilter({ body }: Command): Response {
  const subscription = parseLenientObject(body)['subscriptionData']
  if (isJsonObject(subscription)) {
    checkExpressionType(subscriptionFromJson(subscription).expressionType)
  }
  return SUCCESS
}

function consumerList(parts: ClientParts, fields: Fields): Response {
  const group = textField(fields, 'consumerGroup')
  const clientIds = parts.consumers.clientIds(group)
  if (clientIds.length > 0) return { code: RESPONSE.success, body: encodeConsumerList(clientIds) }
  return { code: RESPONSE.systemError, remark: `no consumer for this group, ${group}` }
}

function consumerConnections(parts: ClientParts, fields: Fields): Response {
  const name = textField(fields, 'consumerGroup')
  const group = parts.consumers.get(name)
  if (group === null) {
    return { code: RESPONSE.consumerNotOnline, remark: `no member of group ${name} is connected` }
  }
  const body = encodeConsumerConnections({
    connections: [...group.members.values()].map(connectionOf),
    consumeType: group.consumeType,
    messageModel: group.messageModel,
    consumeFromWhere: group.consumeFromWhere,
    subscriptions: [...group.subscriptions.values()],
  })
  return { code: RESPONSE.success, body }
}

function producerConnections(parts: ClientParts, fields: Fields): Response {
  const group = textField(fields, 'producerGroup')
  const members = parts.producers.members(group)
  if (members.length === 0) {
    return { code: RESPONSE.systemError, remark: `no producer of group ${group} is connected` }
  }
  const body = encodeProducerConnections(members.map(connectionOf))
  return { code: RESPONSE.success, body }
}

function connectionOf(member: Connected<Connection>): ClientConnection {
  const { clientId, language, version, owner } = member
  return { clientId, language, version, address: owner.peer }
}
