// Settings: the key-value table for clients, the nameserver's own configuration (readable in part,
// never writable over the wire), and our view of the registrations with their ages.

import { MqError } from '../../core/errors.ts'
import { VERSION } from '../../core/product.ts'
import { REQUEST, RESPONSE } from '../../remoting/codes.ts'
import type { Fields, Response } from '../../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../../remoting/dispatch.ts'
import { textField } from '../../remoting/field-reader.ts'
import { encodeKvTable } from '../../remoting/kv-table.ts'
import { encodeRegistrationsView } from '../../remoting/registrations-view.ts'
import { COUNTER } from '../counters.ts'
import type { NameserverParts } from './dependencies.ts'

export function settingHandlers(parts: NameserverParts): Map<number, RequestHandler> {
  const { settings } = parts
  return new Map<number, RequestHandler>([
    [
      REQUEST.putKvConfig,
      ({ fields }) => {
        settings.put({ ...entryFields(fields), value: textField(fields, 'value') })
        return SUCCESS
      },
    ],
    [REQUEST.getKvConfig, ({ fields }) => getSetting(parts, fields)],
    [
      REQUEST.deleteKvConfig,
      ({ fields }) => {
        const { namespace, key } = entryFields(fields)
        settings.delete(namespace, key)
        return SUCCESS
      },
    ],
    [REQUEST.getKvList, ({ fields }) => listSettings(parts, textField(fields, 'namespace'))],
    [REQUEST.updateNameserverConfig, refuseConfigChange],
    [REQUEST.getNameserverConfig, () => nameserverConfig(parts)],
    [REQUEST.describeRegistrations, () => describeRegistrations(parts)],
  ])
}

function entryFields(fields: Fields): { namespace: string; key: string } {
  return { namespace: textField(fields, 'namespace'), key: textField(fields, 'key') }
}

function getSetting(parts: NameserverParts, fields: Fields): Response {
  const { namespace, key } = entryFields(fields)
  const value = parts.settings.get(namespace, key)
  if (value !== null) return { code: RESPONSE.success, fields: { value } }
  return { code: RESPONSE.queryNotFound, remark: `no setting "${key}" in "${namespace}"` }
}

function listSettings(parts: NameserverParts, namespace: string): Response {
  const table = parts.settings.table(namespace)
  if (table.size > 0) return { code: RESPONSE.success, body: encodeKvTable(table) }
  return { code: RESPONSE.queryNotFound, remark: `no settings in the namespace "${namespace}"` }
}

/** Writing a nameserver's configuration over the wire has been a way to write any file of its host. */
function refuseConfigChange(): never {
  throw new MqError('NO_PERMISSION', 'a nameserver is configured where it is started, not remotely')
}

/** The names are Apache's. What is not listed here is not shown: no paths, no secrets to come. */
function nameserverConfig({ config }: NameserverParts): Response {
  const lines = [
    `listenPort=${config.listen.port}`,
    `scanNotActiveBrokerInterval=${config.scanIntervalMs}`,
    `brokerChannelExpiredTime=${config.brokerExpiryMs}`,
  ]
  return { code: RESPONSE.success, body: Buffer.from(`${lines.join('\n')}\n`) }
}

function describeRegistrations(parts: NameserverParts): Response {
  const nowMs = parts.nowMs()
  const topicCounts = parts.table.topics.countsByBroker()
  const brokers = parts.table.brokers.all().map((broker) => ({
    brokerName: broker.brokerName,
    cluster: broker.cluster,
    brokerId: broker.brokerId,
    address: broker.address,
    lastHeartbeatAgeMs: Math.round(nowMs - broker.lastHeartbeatMs),
    expiryMs: broker.expiryMs,
    dataVersion: broker.dataVersion,
    isDraining: broker.isDraining,
    topicCount: topicCounts.get(broker.brokerName) ?? 0,
  }))
  const body = encodeRegistrationsView({
    nameserver: parts.address(),
    version: VERSION,
    timeMs: parts.wallMs(),
    scans: parts.metrics.counter(COUNTER.scans).value,
    brokers,
    counters: new Map(Object.entries(parts.metrics.snapshot())),
  })
  return { code: RESPONSE.success, body }
}
