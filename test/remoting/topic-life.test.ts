// Goal: births and deletions of topics travel in registrations and their answers, and peers that know
// nothing of them are not disturbed. Method: both directions, damaged bodies, and what RocketMQ's
// nameservers answer.

import { describe, expect, test } from 'bun:test'
import {
  REGISTRATION_COUNT_MAX,
  REGISTRATION_NEWS_MAX,
  TWIN_IDS_MAX,
} from '../../src/core/limits.ts'
import { decodeKvTable } from '../../src/remoting/kv-table.ts'
import { parseLenientObject } from '../../src/remoting/lenient-json.ts'
import { decodeRegistration, encodeRegistration } from '../../src/remoting/registration.ts'
import {
  birthIdsFromText,
  isBirthId,
  planFromText,
  planToText,
  type TopicConfig,
  topicConfigFromJson,
  topicConfigToJson,
} from '../../src/remoting/topic-config.ts'
import { decodeRegistrationNews, encodeRegistrationAnswer } from '../../src/remoting/topic-life.ts'

const BURIED = [{ name: 't', birthId: '00ff', deletedMs: 5 }]
const TOPIC: TopicConfig = {
  name: 't',
  readQueueCount: 3,
  writeQueueCount: 3,
  permission: 6,
  systemFlag: 0,
  isOrdered: false,
  birthId: '00ff00ff00ff00ff',
  plan: [
    { brokerName: 'broker-a', queueCount: 3 },
    { brokerName: 'broker-b', queueCount: 2 },
  ],
}
const VERSION = { stateVersion: 0, timestampMs: 1, counter: 2 }

describe('registrations', () => {
  test('carry birth ids, plans and what is buried; an empty list is not none', () => {
    for (const buried of [BURIED, []]) {
      const body = { dataVersion: VERSION, topics: [TOPIC], buried }
      expect(decodeRegistration(encodeRegistration(body))).toEqual(body)
    }
    const silent = { dataVersion: VERSION, topics: [TOPIC] }
    expect(decodeRegistration(encodeRegistration(silent))).toEqual(silent)
  })

  test('keep the id where 5.x keeps attributes, as text', () => {
    const json = JSON.parse(JSON.stringify(topicConfigToJson(TOPIC)))
    expect(json.attributes).toEqual({
      'mq.id': '00ff00ff00ff00ff',
      'mq.plan': 'broker-a:3,broker-b:2',
    })
    const { birthId: _, plan: __, ...plain } = TOPIC
    expect(JSON.parse(JSON.stringify(topicConfigToJson(plain))).attributes).toEqual({})
    for (const attributes of [{}, null, 'x', { 'mq.id': 7 }]) {
      expect(topicConfigFromJson({ ...json, attributes })).toEqual(plain)
    }
  })

  test('what is damaged in a list is left out alone', () => {
    const list = [
      { topic: 't', birthId: '00ff', deletedMs: 5 },
      { topic: '../etc', birthId: '00ff', deletedMs: 5 },
      { topic: 't', birthId: 'a b', deletedMs: 5 },
      { topic: 't' },
      7,
    ]
    const body = Buffer.from(JSON.stringify({ topicConfigTable: {}, mqBuried: list }))
    expect(decodeRegistration(body).buried).toEqual(BURIED)
  })
})

describe('answers', () => {
  test('tell the settings every broker reads, and the news only ours reads', () => {
    const twins = [{ name: 't', birthId: '00ff', twinIds: ['11ff', '22ff'] }]
    const news = { buried: BURIED, missing: [{ ...TOPIC, twinIds: ['11ff'] }], twins }
    const body = encodeRegistrationAnswer(new Map([['t', 'broker-a:4']]), news)
    expect(decodeRegistrationNews(body)).toEqual(news)
    expect(decodeKvTable(body)).toEqual(new Map([['t', 'broker-a:4']]))
  })

  test('of nameservers that tell nothing are no news', () => {
    const none = { buried: [], missing: [], twins: [] }
    expect(decodeRegistrationNews(Buffer.alloc(0))).toEqual(none)
    expect(decodeRegistrationNews(Buffer.from('{"table":{"t":"a:4"}}'))).toEqual(none)
    expect(parseLenientObject(Buffer.from('{"table":{}}'))['mqBuried']).toBeUndefined()
  })
})

describe('whoever says it', () => {
  const attributesOf = (attributes: Record<string, string>) =>
    topicConfigFromJson({ topicName: 't', attributes })

  test('an id that is none, too many twins and brokers are not taken over', () => {
    expect(attributesOf({ 'mq.id': 'a b' }).birthId).toBeUndefined()
    expect(attributesOf({ 'mq.id': 'x'.repeat(1_000_000) }).birthId).toBeUndefined()
    const many = Array.from({ length: 20_000 }, (_, i) => `x${i}`)
    expect(attributesOf({ 'mq.twins': many.join(',') }).twinIds).toHaveLength(TWIN_IDS_MAX)
    const plan = many.map((name) => `${name}:1`).join(',')
    expect(attributesOf({ 'mq.plan': plan }).plan).toHaveLength(REGISTRATION_COUNT_MAX)
  })

  test('an answer has so much news and no more', () => {
    const count = REGISTRATION_NEWS_MAX + 5
    const list = Array.from({ length: count }, (_, i) => ({ ...BURIED[0]!, birthId: `b${i}` }))
    const missing = list.map(({ birthId }) => ({ ...TOPIC, birthId }))
    const twins = list.map(({ name, birthId }) => ({ name, birthId, twinIds: ['x'] }))
    const body = encodeRegistrationAnswer(new Map(), { buried: list, missing, twins })
    const news = decodeRegistrationNews(body)
    for (const part of [news.buried, news.missing, news.twins]) {
      expect(part).toHaveLength(REGISTRATION_NEWS_MAX)
    }
  })
})

describe('texts', () => {
  test('plans', () => {
    expect(planFromText(planToText(TOPIC.plan ?? []))).toEqual(TOPIC.plan ?? [])
    for (const text of ['', 'a', 'a:', 'a:0', 'a:1.5', 'a:99999', 'a b:3', ':3']) {
      expect(planFromText(text), text).toEqual([])
    }
    expect(planFromText('a:x,b:2')).toEqual([{ brokerName: 'b', queueCount: 2 }])
  })

  test('birth ids', () => {
    expect(birthIdsFromText('00ff,,a b,00ff,x-Y_1')).toEqual(['00ff', 'x-Y_1'])
    expect(['', 'a b', 'ü', 'x'.repeat(41)].some(isBirthId)).toBe(false)
  })
})
