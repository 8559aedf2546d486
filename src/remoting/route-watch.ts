// Watching routes (our requests 61,001 and 61,002): a client names topics and what it knows of each,
// and from then on is told of every change. What is known of a route is a version: a checksum of the
// bytes a nameserver answers, so that it means the same at every nameserver of this product and after
// a restart of any. Two routes of one version (1 in 4 billion) cost a pull interval, not the truth.

import { MqError } from '../core/errors.ts'
import { isJsonObject, parseLenientObject } from './lenient-json.ts'
import { entries, jsonBody } from './route.ts'

/** The version of a topic that no registered broker has. */
export const NO_ROUTE = 'none'
/** What a watcher knows of a topic before it was told anything. */
export const NOTHING_KNOWN = ''

const VERSION_LENGTH_MAX = 16

/** The version of a route, from its encoded form. */
export function routeVersion(body: Uint8Array): string {
  return Number(Bun.hash.crc32(body)).toString(16)
}

/** Topic → the version that is known. The body of 61,001 both ways. */
export function encodeRouteVersions(versions: ReadonlyMap<string, string>): Buffer {
  const topics: Record<string, string> = Object.create(null)
  for (const [topic, version] of versions) topics[topic] = version
  return jsonBody({ topics })
}

export function decodeRouteVersions(body: Uint8Array): Map<string, string> {
  const { topics } = parseLenientObject(body)
  if (!isJsonObject(topics)) throw new MqError('PROTOCOL', 'the body lacks the map "topics"')
  const versions = new Map<string, string>()
  for (const [topic, version] of entries(topics)) {
    if (typeof version !== 'string' || version.length > VERSION_LENGTH_MAX) {
      throw new MqError('PROTOCOL', `the version of a watched route is not text or is too long`)
    }
    versions.set(topic, version)
  }
  return versions
}
