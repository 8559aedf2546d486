// What clients ask that want to be told of route changes instead of asking again and again.

import { MqError } from '../../core/errors.ts'
import { isTopicName } from '../../core/names.ts'
import { REQUEST, RESPONSE } from '../../remoting/codes.ts'
import type { Command, Response } from '../../remoting/command.ts'
import type { Connection } from '../../remoting/connection.ts'
import type { RequestHandler } from '../../remoting/dispatch.ts'
import { textField } from '../../remoting/field-reader.ts'
import { decodeRouteVersions, encodeRouteVersions } from '../../remoting/route-watch.ts'
import type { NameserverParts } from './dependencies.ts'

/** It comes back with every push; ours is 16 characters. */
const WATCH_ID_LENGTH_MAX = 64

export function watchHandlers(parts: NameserverParts): Map<number, RequestHandler> {
  return new Map<number, RequestHandler>([
    [REQUEST.watchRoutes, (request, connection) => watchRoutes(parts, request, connection)],
  ])
}

function watchRoutes(
  parts: NameserverParts,
  { fields, body }: Command,
  connection: Connection,
): Response {
  const id = textField(fields, 'watchId')
  if (id.length > WATCH_ID_LENGTH_MAX) {
    throw new MqError('PROTOCOL', `a watch id has at most ${WATCH_ID_LENGTH_MAX} characters`)
  }
  const known = decodeRouteVersions(body)
  for (const topic of known.keys()) {
    if (isTopicName(topic)) continue
    throw new MqError('PROTOCOL', `"${topic.slice(0, 60)}" is no topic name, nobody can watch it`)
  }
  const versions = parts.pusher.watch(connection, { id, known })
  return { code: RESPONSE.success, body: encodeRouteVersions(versions) }
}
