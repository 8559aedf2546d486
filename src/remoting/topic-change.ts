// The bodies of our requests 61020 and 61021: changing the number of a topic's queues step by step, and
// asking how far a broker is with it. docs/TOPICS.md tells why there are these steps.

import { MqError } from '../core/errors.ts'
import { CHANGE_HOLD_MS_MAX, QUEUE_COUNT_MAX, REGISTRATION_COUNT_MAX } from '../core/limits.ts'
import { isBrokerName } from '../core/names.ts'
import { type JsonObject, parseLenientObject } from './lenient-json.ts'
import { integer, jsonBody, objects, text } from './route.ts'
import { isBirthId } from './topic-config.ts'

/** Ours have a dozen characters; it travels with every send of a keyed producer. */
const TAG_LENGTH_MAX = 64

/**
 * In this order; each may be repeated. prepare: readers get the new queues. fence: writers get the new
 * list, and what they store from now on is held back from readers. release: readers get it. close: no
 * queue that goes takes writes any more. retire: they vanish. finish: the change is over.
 */
const CHANGE_STEPS = ['prepare', 'fence', 'release', 'close', 'retire', 'finish'] as const
export type ChangeStep = (typeof CHANGE_STEPS)[number]

/** A topic's queues for writers, as keyed producers compute with them. */
export interface QueueLayout {
  /** "broker-a:4;broker-b:4", by broker name. */
  queues: string
  /** A short name for it: producers send it along. */
  tag: string
}

export interface ChangePlan {
  /** 'none': keyed producers go over whenever they hear of it, and nothing is held back. */
  order: 'drain' | 'none'
  before: QueueLayout
  after: QueueLayout
  /** How long a broker stays in the change, and holds messages back, if nobody leads it. */
  holdMs: number
  /** Tells the topic from others of its name, for brokers that get it now; null: nobody knows. */
  birthId: string | null
  /** Higher than of every change that its leader saw; of two changes a broker takes the higher one. */
  attempt: number
}

const PHASES = ['prepared', 'fenced', 'finished', 'abandoned'] as const

export interface TopicChange extends ChangePlan {
  /** 'abandoned': the broker gave it up, since nobody had led it for `holdMs`. */
  phase: (typeof PHASES)[number]
  /** Wall time at which the phase began. */
  sinceMs: number
  /** By queue id: where the messages begin that are held back. Empty before the fence. */
  cuts: number[]
  /** Wall time at which hold and change end by themselves. */
  untilMs: number
  /** Groups that may read on while the others are still held. */
  releasedGroups: string[]
  isReleased: boolean
  /** Whether queues that go refuse every write. */
  isClosed: boolean
}

/** One group at one broker. */
export interface GroupProgress {
  group: string
  memberCount: number
  isReleased: boolean
  /** Messages before the cuts that it has not consumed. */
  behindCount: number
  /** Messages in queues that go that it has not consumed. */
  leftCount: number
  /** Queues it never committed in: nobody owned them so far. */
  untakenQueueIds: number[]
}

export interface ChangeView {
  birthId: string | null
  readQueueCount: number
  writeQueueCount: number
  permission: number
  change: TopicChange | null
  groups: GroupProgress[]
}

export interface QueuePause {
  queueId: number
  pauseMs: number
}

export function encodeChangePlan(plan: ChangePlan): Buffer {
  return jsonBody(plan)
}

export function decodeChangePlan(body: Uint8Array): ChangePlan {
  return planFromJson(parseLenientObject(body))
}

export function encodeChangeView(view: ChangeView): Buffer {
  return jsonBody(view)
}

export function decodeChangeView(body: Uint8Array): ChangeView {
  const json = parseLenientObject(body)
  const change = json['change']
  return {
    birthId: textOrNull(json['birthId']),
    readQueueCount: integer(json, 'readQueueCount'),
    writeQueueCount: integer(json, 'writeQueueCount'),
    permission: integer(json, 'permission'),
    change: isObject(change) ? changeFromJson(change) : null,
    groups: objects(json['groups']).map((group) => ({
      group: text(group, 'group'),
      memberCount: integer(group, 'memberCount'),
      isReleased: group['isReleased'] === true,
      behindCount: integer(group, 'behindCount'),
      leftCount: integer(group, 'leftCount'),
      untakenQueueIds: numbers(group['untakenQueueIds']),
    })),
  }
}

export function encodePauses(pauses: readonly QueuePause[]): Buffer {
  return jsonBody({ pauses })
}

export function decodePauses(body: Uint8Array): QueuePause[] {
  if (body.length === 0) return []
  return objects(parseLenientObject(body)['pauses']).map((pause) => ({
    queueId: integer(pause, 'queueId'),
    pauseMs: integer(pause, 'pauseMs'),
  }))
}

export function changeStep(name: string): ChangeStep {
  const step = CHANGE_STEPS.find((each) => each === name)
  if (step !== undefined) return step
  throw new MqError('USAGE', `a change of queues has no step "${name.slice(0, 40)}"`, {
    hint: `the steps are ${CHANGE_STEPS.join(', ')}`,
  })
}

/** The same two lists are the same change: going back and forth makes other pairs. */
export function isSameChange(
  a: Pick<ChangePlan, 'before' | 'after'>,
  b: Pick<ChangePlan, 'before' | 'after'>,
): boolean {
  return a.before.tag === b.before.tag && a.after.tag === b.after.tag
}

/** Queues a layout has on one broker. */
export function queueCountOn(layout: QueueLayout, brokerName: string): number {
  return partsOf(layout).find((part) => part.brokerName === brokerName)?.queueCount ?? 0
}

export function partsOf(layout: QueueLayout): { brokerName: string; queueCount: number }[] {
  if (layout.queues === '') return []
  const parts = layout.queues.split(';')
  if (parts.length > REGISTRATION_COUNT_MAX) {
    throw new MqError('PROTOCOL', `no topic has queues on ${parts.length} brokers`)
  }
  return parts.map((part) => {
    const at = part.lastIndexOf(':')
    const queueCount = Number(part.slice(at + 1))
    const brokerName = part.slice(0, at)
    const isCount = Number.isInteger(queueCount) && queueCount >= 0
    if (isBrokerName(brokerName) && isCount && queueCount <= QUEUE_COUNT_MAX) {
      return { brokerName, queueCount }
    }
    throw new MqError('PROTOCOL', `"${part.slice(0, 60)}" is not a broker and a number of queues`)
  })
}

/** Throws PROTOCOL: brokers keep what they are told here, and tell it to others. */
function planFromJson(json: JsonObject): ChangePlan {
  const holdMs = integer(json, 'holdMs')
  if (holdMs < 0 || holdMs > CHANGE_HOLD_MS_MAX) {
    throw new MqError('PROTOCOL', `messages cannot be held back for ${holdMs} ms`, {
      hint: `${CHANGE_HOLD_MS_MAX} ms are the most`,
    })
  }
  const birthId = textOrNull(json['birthId'])
  if (birthId !== null && !isBirthId(birthId)) {
    throw new MqError('PROTOCOL', `"${birthId.slice(0, 60)}" is no birth id of a topic`)
  }
  return {
    order: json['order'] === 'none' ? 'none' : 'drain',
    before: layoutFromJson(json, 'before'),
    after: layoutFromJson(json, 'after'),
    holdMs,
    birthId,
    attempt: integer(json, 'attempt', 0),
  }
}

function changeFromJson(json: JsonObject): TopicChange {
  const phase = text(json, 'phase')
  const known = PHASES.find((each) => each === phase)
  return {
    ...planFromJson(json),
    phase: known ?? 'finished',
    sinceMs: integer(json, 'sinceMs'),
    cuts: numbers(json['cuts']),
    untilMs: integer(json, 'untilMs'),
    releasedGroups: Array.isArray(json['releasedGroups']) ? json['releasedGroups'].map(String) : [],
    isReleased: json['isReleased'] === true,
    isClosed: json['isClosed'] === true,
  }
}

function layoutFromJson(json: JsonObject, name: string): QueueLayout {
  const layout = json[name]
  if (!isObject(layout)) throw new MqError('PROTOCOL', `the body lacks the queues "${name}"`)
  const parsed = { queues: text(layout, 'queues'), tag: text(layout, 'tag') }
  if (parsed.tag.length > TAG_LENGTH_MAX) {
    throw new MqError('PROTOCOL', `"${parsed.tag.slice(0, 60)}…" is no tag of a list of queues`)
  }
  partsOf(parsed)
  return parsed
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : []
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
