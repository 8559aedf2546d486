// Which messages a subscription wants, by tag: "*" for all, or "a || b". Brokers compare hashes of
// tags and may let a stranger through; clients compare the text. Pure.

import type { Subscription } from '../remoting/heartbeat.ts'
import { PROPERTY, type Properties, tagsHash } from '../remoting/properties.ts'

export class TagFilter {
  /** As it travels: "*", or the tags joined. */
  readonly expression: string
  readonly #tags: ReadonlySet<string>

  constructor(text = '*') {
    const tags = text
      .split('||')
      .map((tag) => tag.trim())
      .filter((tag) => tag !== '' && tag !== '*')
    const isAll = text.trim() === '' || text.split('||').some((tag) => tag.trim() === '*')
    this.#tags = new Set(isAll ? [] : tags)
    this.expression = this.#tags.size === 0 ? '*' : [...this.#tags].join(' || ')
  }

  matches(message: { properties: Properties }): boolean {
    if (this.#tags.size === 0) return true
    const tag = message.properties[PROPERTY.tags]
    return tag !== undefined && this.#tags.has(tag)
  }

  subscription(topic: string, version: bigint): Subscription {
    const tags = [...this.#tags]
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
