// Which messages a subscription wants, by tag: "*" for all, or "a || b". Brokers compare hashes of
// tags and may let a stranger through; clients compare the text. Pure.

import type { Subscription } from '../remoting/heartbeat.ts'
import { PROPERTY, type Properties, tagsHash } from '../remoting/properties.ts'
import { ALL_TAGS, parseTags } from '../remoting/tag-expression.ts'

export class TagFilter {
  /** As it travels: "*", or the tags joined. */
  readonly expression: string
  readonly #tags: ReadonlySet<string> | null

  constructor(text: string = ALL_TAGS) {
    const tags = parseTags(text)
    this.#tags = tags === null ? null : new Set(tags)
    this.expression = tags === null ? ALL_TAGS : tags.join(' || ')
  }

  matches(message: { properties: Properties }): boolean {
    if (this.#tags === null) return true
    const tag = message.properties[PROPERTY.tags]
    return tag !== undefined && this.#tags.has(tag)
  }

  subscription(topic: string, version: bigint): Subscription {
    const tags = [...(this.#tags ?? [])]
    return {
      topic,
      expression: this.expression,
      expressionType: 'TAG',
      tags,
      tagHashes: tags.map(tagsHash),
      version,
    }
  }
}
