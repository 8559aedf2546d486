// What one broker knows of each member of a consumer group (our request 61,030): the subscriptions of
// each by itself, where RocketMQ tells only those of the newest heartbeat; and where they differ.
// Members of one group must want the same, because a queue has one owner: what its owner filters out
// is committed as done, and no other member ever sees it.

import { LANGUAGE_OTHER, LANGUAGES, RETRY_TOPIC_PREFIX } from './codes.ts'
import type { Subscription } from './heartbeat.ts'
import { type JsonObject, parseLenientObject } from './lenient-json.ts'
import { integer, jsonBody, objects, text } from './route.ts'
import { ALL_TAGS, parseTags } from './tag-expression.ts'

export type Wanted = Pick<Subscription, 'topic' | 'expression' | 'expressionType'>

export interface MemberView {
  clientId: string
  /** "host:port" as the broker sees it. */
  address: string
  /** Index into LANGUAGES. */
  language: number
  version: number
  lastHeartbeatAgeMs: number
  subscriptions: Wanted[]
}

export interface GroupView {
  group: string
  members: MemberView[]
  /** For how long members have subscribed differently; null: they do not. */
  unequalForMs: number | null
}

/** One topic that members of a group want differently. */
export interface SubscriptionDifference {
  topic: string
  wants: {
    /** Null: these members do not subscribe to the topic at all. */
    expression: string | null
    clientIds: string[]
  }[]
}

export function encodeGroupView(view: GroupView): Buffer {
  return jsonBody({
    group: view.group,
    members: view.members.map((member) => ({
      ...member,
      language: LANGUAGES[member.language] ?? 'OTHER',
      subscriptions: member.subscriptions.map(({ topic, expression, expressionType }) => ({
        topic,
        expression,
        expressionType,
      })),
    })),
    ...(view.unequalForMs === null ? {} : { unequalForMs: view.unequalForMs }),
  })
}

export function decodeGroupView(body: Uint8Array): GroupView {
  const json = parseLenientObject(body)
  return {
    group: text(json, 'group'),
    members: objects(json['members']).map(memberFromJson),
    unequalForMs: json['unequalForMs'] === undefined ? null : integer(json, 'unequalForMs'),
  }
}

function memberFromJson(json: JsonObject): MemberView {
  const language = (LANGUAGES as readonly string[]).indexOf(text(json, 'language', ''))
  return {
    clientId: text(json, 'clientId'),
    address: text(json, 'address', ''),
    language: language < 0 ? LANGUAGE_OTHER : language,
    version: integer(json, 'version', 0),
    lastHeartbeatAgeMs: integer(json, 'lastHeartbeatAgeMs', 0),
    subscriptions: objects(json['subscriptions']).map((subscription) => ({
      topic: text(subscription, 'topic'),
      expression: text(subscription, 'expression', ALL_TAGS),
      expressionType: text(subscription, 'expressionType', 'TAG'),
    })),
  }
}

/** The topics on which members differ, sorted; a group's own retry topic is nobody's choice. */
export function differingSubscriptions(
  members: readonly { clientId: string; subscriptions: readonly Wanted[] }[],
): SubscriptionDifference[] {
  const wantedBy = members.map(({ clientId, subscriptions }) => ({
    clientId,
    wanted: new Map(subscriptions.map((item) => [item.topic, normalized(item)])),
  }))
  const topics = new Set(wantedBy.flatMap(({ wanted }) => [...wanted.keys()]))
  const differences: SubscriptionDifference[] = []
  for (const topic of [...topics].sort()) {
    if (topic.startsWith(RETRY_TOPIC_PREFIX)) continue
    const wants = new Map<string | null, string[]>()
    for (const { clientId, wanted } of wantedBy) {
      const expression = wanted.get(topic) ?? null
      const clientIds = wants.get(expression)
      if (clientIds === undefined) wants.set(expression, [clientId])
      else clientIds.push(clientId)
    }
    if (wants.size < 2) continue
    differences.push({
      topic,
      wants: [...wants].map(([expression, clientIds]) => ({
        expression,
        clientIds: clientIds.sort(),
      })),
    })
  }
  return differences
}

/** What a member wants in all: equal text for equal subscriptions, in whatever order they were made. */
export function subscriptionsKey(subscriptions: readonly Wanted[]): string {
  return subscriptions
    .map((item) => `${item.topic} ${normalized(item)}`)
    .sort()
    .join('\n')
}

/** One line for a person: `orders: "a" (c1), nothing (c2)`. */
export function describeDifference({ topic, wants }: SubscriptionDifference): string {
  const sides = wants.map(({ expression, clientIds }) => {
    const more = clientIds.length > SHOWN_CLIENTS_MAX ? ', …' : ''
    const clients = clientIds.slice(0, SHOWN_CLIENTS_MAX).join(', ')
    return `${expression === null ? 'nothing' : `"${expression}"`} (${clients}${more})`
  })
  return `${topic}: ${sides.join(', ')}`
}

const SHOWN_CLIENTS_MAX = 5

function normalized({ expression, expressionType }: Wanted): string {
  if (expressionType !== 'TAG') return `${expressionType} ${expression}`
  const tags = parseTags(expression)
  return tags === null ? ALL_TAGS : [...new Set(tags)].sort().join(' || ')
}
