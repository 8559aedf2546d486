// Single questions to single nameservers, typed. Which one to ask is decided by the callers.

import type { Channels } from '../remoting/channels.ts'
import { REQUEST, RESPONSE } from '../remoting/codes.ts'
import {
  type ClusterInfo,
  decodeClusterInfo,
  decodeRoute,
  decodeTopicList,
  type TopicRoute,
} from '../remoting/route.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'

/** The means to ask: connections, and how long to wait for an answer. */
export interface Caller {
  channels: Channels
  timeoutMs: number
}

/** Null if the nameserver does not know the topic. */
export async function fetchRoute(
  caller: Caller,
  nameserver: string,
  topic: string,
): Promise<TopicRoute | null> {
  const answer = await caller.channels.invoke(nameserver, REQUEST.getRoute, {
    fields: { topic },
    timeoutMs: caller.timeoutMs,
  })
  if (answer.code === RESPONSE.topicNotExist) return null
  if (answer.code !== RESPONSE.success) throw errorFromResponse(answer, nameserver)
  return decodeRoute(answer.body)
}

export async function fetchClusterInfo(caller: Caller, nameserver: string): Promise<ClusterInfo> {
  const answer = await caller.channels.call(nameserver, REQUEST.getClusterInfo, {
    timeoutMs: caller.timeoutMs,
  })
  return decodeClusterInfo(answer.body)
}

export async function fetchTopicList(caller: Caller, nameserver: string): Promise<string[]> {
  const answer = await caller.channels.call(nameserver, REQUEST.getTopicList, {
    timeoutMs: caller.timeoutMs,
  })
  return decodeTopicList(answer.body)
}

export async function deleteTopicInNameserver(
  caller: Caller,
  nameserver: string,
  topic: string,
): Promise<void> {
  await caller.channels.call(nameserver, REQUEST.deleteTopicInNameserver, {
    fields: { topic },
    timeoutMs: caller.timeoutMs,
  })
}
