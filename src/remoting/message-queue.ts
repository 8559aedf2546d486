// One queue as the protocol names it in bodies: {"brokerName":"b","queueId":0,"topic":"T"}. fastjson
// writes such objects as keys of maps; we write the same object as the text of a key, which it reads
// as well and which is JSON.

import { isJsonObject, type JsonValue, parseLenientJson } from './lenient-json.ts'
import { entries, integer, text } from './route.ts'

export interface QueueName {
  brokerName: string
  topic: string
  queueId: number
}

export function queueNameKey(queue: QueueName): string {
  const { brokerName, queueId, topic } = queue
  return JSON.stringify({ brokerName, queueId, topic })
}

/** The entries of a map with queues as keys; what is not a queue is left out. */
export function queueEntries(value: JsonValue | undefined): [QueueName, JsonValue][] {
  const queues: [QueueName, JsonValue][] = []
  for (const [key, entry] of entries(value)) {
    const queue = parseLenientJson(key)
    if (!isJsonObject(queue)) continue
    const name = {
      brokerName: text(queue, 'brokerName'),
      topic: text(queue, 'topic'),
      queueId: integer(queue, 'queueId'),
    }
    queues.push([name, entry])
  }
  return queues
}
