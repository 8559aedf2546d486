// What brokers ask of a nameserver: register, leave, show a sign of life; and what administrators ask
// of it about one broker.

import { MqError } from '../../core/errors.ts'
import { BROKER_EXPIRY_MS_MAX } from '../../core/limits.ts'
import { REQUEST, RESPONSE } from '../../remoting/codes.ts'
import type { Command, Fields, Response } from '../../remoting/command.ts'
import type { Connection } from '../../remoting/connection.ts'
import { type RequestHandler, SUCCESS } from '../../remoting/dispatch.ts'
import { intField, optionalFlag, optionalInt, textField } from '../../remoting/field-reader.ts'
import { encodeKvTable } from '../../remoting/kv-table.ts'
import { parseLenientObject } from '../../remoting/lenient-json.ts'
import { encodeMemberGroup } from '../../remoting/member-group.ts'
import {
  decodeRegistration,
  type RegistrationBody,
  registrationDigest,
} from '../../remoting/registration.ts'
import { jsonBody } from '../../remoting/route.ts'
import { bodyCrc } from '../../remoting/stored-message.ts'
import {
  dataVersionFromJson,
  dataVersionToJson,
  isSameVersion,
} from '../../remoting/topic-config.ts'
import { encodeRegistrationAnswer, type RegistrationNews } from '../../remoting/topic-life.ts'
import { COUNTER } from '../counters.ts'
import { ORDER_NAMESPACE } from '../kv-config.ts'
import type { Registration } from '../registration-rules.ts'
import { newsCount } from '../route-table.ts'
import type { NameserverParts } from './dependencies.ts'

export function registrationHandlers(parts: NameserverParts): Map<number, RequestHandler> {
  const { table } = parts
  return new Map<number, RequestHandler>([
    [REQUEST.registerBroker, (request, connection) => register(parts, request, connection)],
    [REQUEST.unregisterBroker, ({ fields }) => unregister(parts, fields)],
    [REQUEST.queryDataVersion, (request) => queryDataVersion(parts, request)],
    [REQUEST.brokerHeartbeat, ({ fields }) => heartbeat(parts, fields)],
    [REQUEST.getBrokerMemberGroup, ({ fields }) => memberGroup(parts, fields)],
    [
      REQUEST.wipeWritePermission,
      ({ fields }) => {
        const count = table.wipeWritePermission(textField(fields, 'brokerName'))
        return { code: RESPONSE.success, fields: { wipeTopicCount: count } }
      },
    ],
    [
      REQUEST.addWritePermission,
      ({ fields }) => {
        const count = table.addWritePermission(textField(fields, 'brokerName'))
        return { code: RESPONSE.success, fields: { addTopicCount: count } }
      },
    ],
  ])
}

function register(parts: NameserverParts, request: Command, connection: Connection): Response {
  const { table, metrics, logger, settings, nowMs } = parts
  const ordered = settings.table(ORDER_NAMESPACE)
  const head = readHead(parts, request)
  metrics.counter(COUNTER.registrations).add()
  // What an unchanged broker sends every 30 s need not even be decoded.
  if (table.repeats(head, connection, nowMs())) {
    return { code: RESPONSE.success, ...answerBody(ordered, null) }
  }
  const registration = { ...head, ...readBody(request) }
  const { brokerName, brokerId, address } = registration
  const isKnown = table.dataVersionOf(registration) !== null
  const result = table.register(registration, connection, nowMs())
  if (!isKnown) logger.info(`${brokerName} (id ${brokerId}) registered at ${address}`)
  const refused = result.refusedTopics
  if (refused.length > 0) {
    metrics.counter(COUNTER.refusedTopics).add(refused.length)
    logger.warn(
      `${brokerName}: ${refused.length} topics refused, such as "${refused[0]?.slice(0, 60)}"`,
    )
  }
  if (result.buriedTopics.length > 0) {
    logger.warn(
      `${brokerName} offers ${result.buriedTopics.length} deleted topics, such as "${result.buriedTopics[0]}": they stay hidden`,
    )
  }
  return {
    code: RESPONSE.success,
    fields: {
      masterAddr: result.master?.address,
      haServerAddr: result.master?.haServerAddress,
    },
    ...answerBody(ordered, result.news),
  }
}

/** RocketMQ's brokers read the settings only; where there are none they expect no body. */
function answerBody(
  ordered: ReadonlyMap<string, string>,
  news: RegistrationNews | null,
): { body?: Buffer } {
  if (news !== null && newsCount(news) > 0) return { body: encodeRegistrationAnswer(ordered, news) }
  return ordered.size === 0 ? {} : { body: encodeKvTable(ordered) }
}

/** Everything but the body. */
function readHead(
  parts: NameserverParts,
  { fields, body }: Command,
): Omit<Registration, keyof RegistrationBody> & { digest: string } {
  const expiryMs = optionalInt(fields, 'heartbeatTimeoutMillis', parts.config.brokerExpiryMs)
  const actsAsMaster = fields['enableActingMaster']
  const head = {
    ...brokerFields(fields),
    brokerId: intField(fields, 'brokerId'),
    cluster: textField(fields, 'clusterName'),
    haServerAddress: fields['haServerAddr'] ?? '',
    expiryMs: expiryMs > 0 ? Math.min(expiryMs, BROKER_EXPIRY_MS_MAX) : parts.config.brokerExpiryMs,
    isDraining: optionalFlag(fields, 'draining'),
    actsAsMaster: actsAsMaster === undefined ? null : actsAsMaster === 'true',
  }
  const crc = fields['bodyCrc32'] ?? ''
  return { ...head, digest: `${JSON.stringify(head)} ${crc} ${registrationDigest(body)}` }
}

function readBody({ fields, body }: Command): RegistrationBody {
  const crc = optionalInt(fields, 'bodyCrc32', 0)
  if (crc !== 0 && crc !== bodyCrc(body)) {
    throw new MqError('PROTOCOL', `crc32 not match: ${crc} announced, ${bodyCrc(body)} received`)
  }
  if (body.length > 0) return decodeRegistration(body)
  return { dataVersion: { stateVersion: 0, timestampMs: 0, counter: 0 }, topics: [] }
}

function unregister(parts: NameserverParts, fields: Fields): Response {
  const broker = { ...brokerFields(fields), brokerId: intField(fields, 'brokerId') }
  if (parts.table.unregister(broker)) {
    parts.logger.info(`${broker.brokerName} (id ${broker.brokerId}) left ${broker.address}`)
  }
  return SUCCESS
}

/** Brokers that register only on a change ask this instead, so it counts as a heartbeat too. */
function queryDataVersion(parts: NameserverParts, { fields, body }: Command): Response {
  const broker = brokerFields(fields)
  parts.table.heartbeat(broker, parts.nowMs())
  const known = parts.table.dataVersionOf(broker)
  if (known === null) return { code: RESPONSE.success, fields: { changed: true } }
  const asked = dataVersionFromJson(parseLenientObject(body))
  return {
    code: RESPONSE.success,
    fields: { changed: !isSameVersion(known, asked) },
    body: jsonBody(dataVersionToJson(known)),
  }
}

function heartbeat(parts: NameserverParts, fields: Fields): Response {
  parts.table.heartbeat(brokerFields(fields), parts.nowMs())
  return SUCCESS
}

function memberGroup(parts: NameserverParts, fields: Fields): Response {
  const group = parts.table.memberGroup(textField(fields, 'brokerName'))
  const cluster = group.cluster === '' ? textField(fields, 'clusterName') : group.cluster
  return { code: RESPONSE.success, body: encodeMemberGroup({ ...group, cluster }) }
}

function brokerFields(fields: Fields): { brokerName: string; address: string } {
  return { brokerName: textField(fields, 'brokerName'), address: textField(fields, 'brokerAddr') }
}
