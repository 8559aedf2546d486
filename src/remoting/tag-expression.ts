// The subscription language of tags: "*" or nothing for all messages, else tags joined by "||".

import { tagsHash } from './properties.ts'

export const ALL_TAGS = '*'

/** Null: all messages. */
export function parseTags(expression: string): string[] | null {
  const text = expression.trim()
  if (text === '' || text === ALL_TAGS) return null
  const tags = text
    .split('||')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '')
  return [...new Set(tags)]
}

/** What a broker compares: it never looks at the text, so a consumer does once more. */
export function tagHashes(expression: string): ReadonlySet<number> | null {
  const tags = parseTags(expression)
  return tags === null ? null : new Set(tags.map(tagsHash))
}
