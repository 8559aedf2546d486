// The body of a broker's registration. Plain it is JSON (ours with buried topics: topic-life.ts);
// compressed (zlib) it is, after inflating,
//
//   | length 4 | data version JSON | topic count 4 | (length 4 | "name read write perm filter [attrs]")… |
//   | length 4 | filter servers JSON | from version 413 on: mapping count 4 | (length 4 | JSON)… |
//
// Order and system flags of a topic are lost in the compressed form, in Apache as here.

import { inflateSync } from 'node:zlib'
import { MqError } from '../core/errors.ts'
import { FRAME_BYTES_MAX } from '../core/limits.ts'
import { isJsonObject, parseLenientJson, parseLenientObject } from './lenient-json.ts'
import { entries, jsonBody } from './route.ts'
import {
  type DataVersion,
  dataVersionFromJson,
  dataVersionToJson,
  type TopicConfig,
  topicConfigFromJson,
  topicConfigToJson,
} from './topic-config.ts'
import { type BuriedTopic, buriedFromJson, buriedToJson } from './topic-life.ts'

export interface RegistrationBody {
  dataVersion: DataVersion
  topics: TopicConfig[]
  /** Absent for brokers that know nothing of buried topics. */
  buried?: BuriedTopic[]
}

export function encodeRegistration(body: RegistrationBody): Buffer {
  const table: Record<string, unknown> = Object.create(null)
  for (const topic of body.topics) table[topic.name] = topicConfigToJson(topic)
  return jsonBody({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion: dataVersionToJson(body.dataVersion),
      topicConfigTable: table,
    },
    ...(body.buried === undefined ? {} : buriedToJson(body.buried)),
  })
}

/** Reads both forms; brokers 5.3.1 compress without saying so, so the first byte decides. */
export function decodeRegistration(body: Buffer): RegistrationBody {
  return body[0] === 0x78 ? decodeCompressed(body) : decodePlain(body)
}

/** Equal for equal bodies. That of two others meets it, by chance of 1 in 2^64, is not looked for. */
export function registrationDigest(body: Uint8Array): string {
  return `${body.length} ${Bun.hash(body)}`
}

function decodePlain(body: Buffer): RegistrationBody {
  const json = parseLenientObject(body)
  // Brokers before 3.0.11 send the wrapper bare.
  const wrapper = isJsonObject(json['topicConfigSerializeWrapper'])
    ? json['topicConfigSerializeWrapper']
    : json
  const version = wrapper['dataVersion']
  const buried = buriedFromJson(json)
  const topics: TopicConfig[] = []
  for (const [, topic] of entries(wrapper['topicConfigTable'])) {
    if (isJsonObject(topic)) topics.push(topicConfigFromJson(topic))
  }
  return {
    dataVersion: dataVersionFromJson(isJsonObject(version) ? version : Object.create(null)),
    topics,
    ...(buried === null ? {} : { buried }),
  }
}

function decodeCompressed(body: Buffer): RegistrationBody {
  let inflated: Buffer
  try {
    // A few kilobytes could inflate to gigabytes: no registration is larger than a frame may be.
    inflated = inflateSync(body, { maxOutputLength: FRAME_BYTES_MAX })
  } catch (cause) {
    throw new MqError('PROTOCOL', 'the compressed registration does not inflate', { cause })
  }
  let at = 0
  const take = (): string => {
    const length = count()
    if (length < 0 || at + length > inflated.length) {
      throw new MqError('PROTOCOL', 'the compressed registration is cut short')
    }
    at += length
    return inflated.toString('utf8', at - length, at)
  }
  const count = (): number => {
    if (at + 4 > inflated.length) {
      throw new MqError('PROTOCOL', 'the compressed registration is cut short')
    }
    at += 4
    return inflated.readInt32BE(at - 4)
  }
  const version = parseLenientJson(take())
  const topics: TopicConfig[] = []
  for (let left = count(); left > 0; left--) topics.push(topicFromWords(take()))
  return {
    dataVersion: dataVersionFromJson(isJsonObject(version) ? version : Object.create(null)),
    topics,
  }
}

function topicFromWords(line: string): TopicConfig {
  const [name, read, write, permission] = line.split(' ')
  const numbers = [read, write, permission].map(Number)
  if (name === undefined || name === '' || !numbers.every(Number.isSafeInteger)) {
    throw new MqError('PROTOCOL', `a compressed topic does not parse: "${line.slice(0, 60)}"`)
  }
  const [readQueueCount, writeQueueCount, bits] = numbers as [number, number, number]
  return {
    name,
    readQueueCount,
    writeQueueCount,
    permission: bits,
    systemFlag: 0,
    isOrdered: false,
  }
}
