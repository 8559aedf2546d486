// Bodies of locking and unlocking queues for ordered consumption (codes 41 and 42). 4.9 clients and Go
// leave out "onlyThisBroker", which means nothing to a broker without replicas.

import { parseLenientObject } from './lenient-json.ts'
import type { QueueName } from './message-queue.ts'
import { integer, jsonBody, objects, text } from './route.ts'

export interface LockRequest {
  group: string
  clientId: string
  queues: QueueName[]
}

export function encodeLockRequest(request: LockRequest): Buffer {
  return jsonBody({
    clientId: request.clientId,
    consumerGroup: request.group,
    mqSet: request.queues.map(queueToJson),
  })
}

export function decodeLockRequest(body: Uint8Array): LockRequest {
  const json = parseLenientObject(body)
  return {
    group: text(json, 'consumerGroup'),
    clientId: text(json, 'clientId'),
    queues: queuesFromJson(json['mqSet']),
  }
}

/** The queues the client holds now. */
export function encodeLockAnswer(queues: readonly QueueName[]): Buffer {
  return jsonBody({ lockOKMQSet: queues.map(queueToJson) })
}

export function decodeLockAnswer(body: Uint8Array): QueueName[] {
  return queuesFromJson(parseLenientObject(body)['lockOKMQSet'])
}

function queueToJson({ brokerName, queueId, topic }: QueueName): Record<string, unknown> {
  return { brokerName, queueId, topic }
}

function queuesFromJson(value: Parameters<typeof objects>[0]): QueueName[] {
  return objects(value).map((json) => ({
    brokerName: text(json, 'brokerName'),
    topic: text(json, 'topic'),
    queueId: integer(json, 'queueId'),
  }))
}
