// Single questions to single nameservers, typed. Which one to ask is decided by the callers.

import type { Channels } from '../remoting/channels.ts'
import { LANGUAGES, REQUEST, RESPONSE } from '../remoting/codes.ts'
import {
  type ClusterInfo,
  decodeClusterInfo,
  decodeRoute,
  decodeTopicList,
  type TopicRoute,
} from '../remoting/route.ts'
import { NO_ROUTE, routeVersion } from '../remoting/route-watch.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'

/** The means to ask: connections, and how long to wait for an answer. */
export interface Caller {
  channels: Channels
  timeoutMs: number
}

export interface RouteAnswer {
  /** Null if the nameserver does not know the topic. */
  route: TopicRoute | null
  /** What 61,001 calls this route. */
  version: string
  /** Apache's nameservers answer as JAVA, and those before 5.x pass over requests they do not know. */
  isApache: boolean
}

export async function askRoute(
  caller: Caller,
  nameserver: string,
  topic: string,
): Promise<RouteAnswer> {
  const answer = await caller.channels.invoke(nameserver, REQUEST.getRoute, {
    fields: { topic },
    timeoutMs: caller.timeoutMs,
  })
  const isApache = LANGUAGES[answer.language] === 'JAVA'
  if (answer.code === RESPONSE.topicNotExist) return { route: null, version: NO_ROUTE, isApache }
  if (answer.code !== RESPONSE.success) throw errorFromResponse(answer, nameserver)
  return { route: decodeRoute(answer.body), version: routeVersion(answer.body), isApache }
}

/** Null if the nameserver does not know the topic. */
export async function fetchRoute(
  caller: Caller,
  nameserver: string,
  topic: string,
): Promise<TopicRoute | null> {
  return (await askRoute(caller, nameserver, topic)).route
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
