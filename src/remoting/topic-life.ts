// What our own peers say of the birth and the end of topics, as extensions that RocketMQ's peers pass
// over. A topic has a birth id, the same on all its brokers, so that a topic made later under the same
// name is another one. A deleted topic's id stays buried: brokers register what they have buried, and
// a nameserver answers a registration with what that broker does not know yet.

import { REGISTRATION_NEWS_MAX } from '../core/limits.ts'
import { isTopicName } from '../core/names.ts'
import { type JsonObject, type JsonValue, parseLenientObject } from './lenient-json.ts'
import { integer, jsonBody, objects, text } from './route.ts'
import {
  birthIdsFromText,
  isBirthId,
  type TopicConfig,
  topicConfigFromJson,
  topicConfigToJson,
} from './topic-config.ts'

/** Own fields of the requests 17 (create) and 215 (delete). */
export const TOPIC_FIELD = {
  /** 17: the birth id of the topic. */
  birthId: 'mqTopicId',
  /** 17: the queues each broker is to have, as `broker-a:3,broker-b:2`. */
  plan: 'mqTopicPlan',
  /** 215: every birth id that is to be buried, separated by commas. Without it, only what is there goes. */
  birthIds: 'mqTopicIds',
} as const

/** A topic that was deleted: whoever still offers this id does not know it yet. */
export interface BuriedTopic {
  name: string
  birthId: string
  /** When the first broker buried it, by its clock. */
  deletedMs: number
}

/** A topic that was made elsewhere too, by somebody who did not know of this one. */
export interface TwinBirths {
  name: string
  /** What it was born with at the broker that is told. */
  birthId: string
  /** What it was born with elsewhere. */
  twinIds: string[]
}

/** What a nameserver knows and the broker that registers does not. */
export interface RegistrationNews {
  buried: BuriedTopic[]
  /** Topics this broker was to get when they were made, as it is to make them. */
  missing: TopicConfig[]
  twins: TwinBirths[]
}

/** Own fields of the bodies of 103, both ways. */
const BURIED_KEY = 'mqBuried'
const MISSING_KEY = 'mqMissing'
const TWINS_KEY = 'mqTwins'

/** What a registration carries of buried topics. */
export function buriedToJson(buried: readonly BuriedTopic[]): JsonObject {
  return {
    [BURIED_KEY]: buried.map(({ name, birthId, deletedMs }) => ({
      topic: name,
      birthId,
      deletedMs,
    })),
  }
}

/** Null for peers that know nothing of buried topics. What does not parse is left out. */
export function buriedFromJson(body: JsonObject): BuriedTopic[] | null {
  const list: JsonValue | undefined = body[BURIED_KEY]
  if (!Array.isArray(list)) return null
  return objects(list)
    .map((json) => ({
      name: text(json, 'topic', ''),
      birthId: text(json, 'birthId', ''),
      deletedMs: integer(json, 'deletedMs', 0),
    }))
    .filter(({ name, birthId }) => isTopicName(name) && isBirthId(birthId))
}

/** The answer's body: the settings every broker gets, and for ours what is new to it. */
export function encodeRegistrationAnswer(
  ordered: ReadonlyMap<string, string>,
  news: RegistrationNews,
): Buffer {
  return jsonBody({
    table: Object.fromEntries(ordered),
    ...buriedToJson(news.buried),
    [MISSING_KEY]: news.missing.map(topicConfigToJson),
    [TWINS_KEY]: news.twins.map(({ name, birthId, twinIds }) => ({
      topic: name,
      birthId,
      twinIds: twinIds.join(','),
    })),
  })
}

/** Also of nameservers that tell nothing: Apache's, and ours that have no news. Bounded, whoever answers. */
export function decodeRegistrationNews(body: Uint8Array): RegistrationNews {
  if (body.length === 0) return { buried: [], missing: [], twins: [] }
  const json = parseLenientObject(body)
  const missing = json[MISSING_KEY]
  return {
    buried: (buriedFromJson(json) ?? []).slice(0, REGISTRATION_NEWS_MAX),
    missing: objects(missing).slice(0, REGISTRATION_NEWS_MAX).map(topicConfigFromJson),
    twins: twinsFromJson(json[TWINS_KEY]).slice(0, REGISTRATION_NEWS_MAX),
  }
}

function twinsFromJson(list: JsonValue | undefined): TwinBirths[] {
  if (!Array.isArray(list)) return []
  return objects(list)
    .map((json) => ({
      name: text(json, 'topic', ''),
      birthId: text(json, 'birthId', ''),
      twinIds: birthIdsFromText(text(json, 'twinIds', '')),
    }))
    .filter(({ birthId, twinIds }) => isBirthId(birthId) && twinIds.length > 0)
}
