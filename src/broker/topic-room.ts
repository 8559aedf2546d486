// How many topics a broker takes. Pure, and asked by everything that makes one.

import { MqError } from '../core/errors.ts'
import { TOPIC_COUNT_MAX } from '../core/limits.ts'

/** Throws USAGE if `name` would be one topic too many; one that is there already is not. */
export function checkTopicRoom(topics: ReadonlyMap<string, unknown>, name: string): void {
  if (topics.size < TOPIC_COUNT_MAX || topics.has(name)) return
  throw new MqError('USAGE', `cannot make topic ${name}: the broker has ${topics.size} topics`, {
    hint: 'delete topics that are not used any more, or add a broker',
  })
}
