// What a draining broker tells of itself (our request 61,011): whether producers still come, and what
// consumer groups have not read yet. Ages, not times: the reader's clock need not agree.

import { parseLenientObject } from './lenient-json.ts'
import { integer, jsonBody, objects, text } from './route.ts'

/** A queue that a consumer group has not read to its end. */
export interface UnreadQueue {
  group: string
  topic: string
  queueId: number
  lag: number
}

export interface DrainView {
  brokerName: string
  isDraining: boolean
  /** Since the order to drain, or the start of a broker that was drained before; 0 if it is not. */
  drainingMs: number
  /** Null: no send has arrived since then. */
  lastSendAgeMs: number | null
  /** Send requests since then, taken or refused. */
  sends: number
  /** Queues that some group has not read to the end, each counted for each such group. */
  unreadQueueCount: number
  unreadMessageCount: number
  /** The first of them; there may be more than are listed. */
  unread: UnreadQueue[]
}

export function encodeDrainView(view: DrainView): Buffer {
  return jsonBody(view)
}

export function decodeDrainView(body: Uint8Array): DrainView {
  const json = parseLenientObject(body)
  return {
    brokerName: text(json, 'brokerName'),
    isDraining: json['isDraining'] === true,
    drainingMs: integer(json, 'drainingMs'),
    lastSendAgeMs: json['lastSendAgeMs'] === null ? null : integer(json, 'lastSendAgeMs'),
    sends: integer(json, 'sends'),
    unreadQueueCount: integer(json, 'unreadQueueCount'),
    unreadMessageCount: integer(json, 'unreadMessageCount'),
    unread: objects(json['unread']).map((queue) => ({
      group: text(queue, 'group'),
      topic: text(queue, 'topic'),
      queueId: integer(queue, 'queueId'),
      lag: integer(queue, 'lag'),
    })),
  }
}
