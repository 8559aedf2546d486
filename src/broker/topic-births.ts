// The birth id of a topic that nobody gave one: made by RocketMQ's tools, by a send, or by an mq from
// before topics had ids. Brokers cannot agree on one, so they work it out, each from the name and from
// what was buried under it: the same on every broker that knows of the same deletions, and another one
// after each deletion. A broker that was away during a deletion offers the old id, which is buried.

import { createHash } from 'node:crypto'
import type { Random } from '../core/random.ts'
import type { KnownTombstones } from './tombstones.ts'

const ID_BYTES = 8

/** For a coordinator: unlike any other. */
export function drawBirthId(random: Random): string {
  return random.hex(ID_BYTES)
}

export function workOutBirthId(name: string, tombstones: KnownTombstones, random: Random): string {
  // What was forgotten here may be buried elsewhere: the worked-out id could be one of those.
  if (tombstones.isForgetful) return drawBirthId(random)
  const past = tombstones.endedIdsOf(name)
  const hash = createHash('sha256').update([name, ...past].join('\n'))
  return hash.digest('hex').slice(0, 2 * ID_BYTES)
}
