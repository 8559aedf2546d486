// Requests about topics: create or alter (17), delete (215), one (351) and all (21) configurations.

import { MqError } from '../core/errors.ts'
import { BIRTH_IDS_MAX } from '../core/limits.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Fields, Response } from '../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { intField, optionalFlag, optionalInt, textField } from '../remoting/field-reader.ts'
import { jsonBody } from '../remoting/route.ts'
import {
  birthIdsFromText,
  dataVersionToJson,
  isBirthId,
  planFromText,
  type TopicConfig,
  topicConfigToJson,
} from '../remoting/topic-config.ts'
import { TOPIC_FIELD } from '../remoting/topic-life.ts'
import type { BrokerState } from './state.ts'
import type { Topics } from './topics.ts'

export function topicHandlers(options: {
  brokerName: string
  state: BrokerState
  topics: Topics
}): [number, RequestHandler][] {
  const { brokerName, state, topics } = options

  async function putTopic(request: Command): Promise<Response> {
    await topics.put(topicFromFields(request.fields))
    return SUCCESS
  }

  async function deleteTopic(request: Command): Promise<Response> {
    const name = textField(request.fields, 'topic')
    const birthIds = request.fields[TOPIC_FIELD.birthIds]
    if (birthIds === undefined) await topics.deleteHere(name)
    else await topics.deleteEverywhere(name, birthIdsFromText(birthIds).slice(0, BIRTH_IDS_MAX))
    return SUCCESS
  }

  function getTopicConfig(request: Command): Response {
    const name = textField(request.fields, 'topic')
    const topic = state.topics.get(name)
    if (topic !== undefined) {
      return { code: RESPONSE.success, body: jsonBody(topicConfigToJson(topic)) }
    }
    // mqadmin 5.x asks every broker of the cluster and takes exactly this code for "not here".
    throw new MqError('TOPIC_NOT_FOUND', `broker ${brokerName} has no topic ${name}`)
  }

  function getAllTopicConfig(): Response {
    const table: Record<string, unknown> = Object.create(null)
    for (const topic of state.topics.values()) table[topic.name] = topicConfigToJson(topic)
    const body = jsonBody({
      dataVersion: dataVersionToJson(state.dataVersion),
      topicConfigTable: table,
    })
    return { code: RESPONSE.success, body }
  }

  return [
    [REQUEST.createTopic, putTopic],
    [REQUEST.deleteTopicInBroker, deleteTopic],
    [REQUEST.getTopicConfig, getTopicConfig],
    [REQUEST.getAllTopicConfig, getAllTopicConfig],
  ]
}

function topicFromFields(fields: Fields): TopicConfig {
  const birthId = fields[TOPIC_FIELD.birthId]
  const plan = fields[TOPIC_FIELD.plan]
  if (birthId !== undefined && !isBirthId(birthId)) {
    throw new MqError('PROTOCOL', `"${birthId.slice(0, 60)}" is no birth id of a topic`)
  }
  return {
    name: textField(fields, 'topic'),
    readQueueCount: intField(fields, 'readQueueNums'),
    writeQueueCount: intField(fields, 'writeQueueNums'),
    permission: intField(fields, 'perm'),
    systemFlag: optionalInt(fields, 'topicSysFlag', 0),
    isOrdered: optionalFlag(fields, 'order'),
    ...(birthId === undefined ? {} : { birthId }),
    ...(plan === undefined ? {} : { plan: planFromText(plan) }),
  }
}
