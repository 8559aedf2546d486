// Goal: the one pass over a property block finds what the general decoder finds. Method: examples,
// and random blocks under a printed seed compared with properties.ts.

import { expect, test } from 'bun:test'
import {
  inheritedProperties,
  joinProperties,
  SentProperties,
} from '../../src/broker/sent-properties.ts'
import { seededRandom } from '../../src/core/random.ts'
import { decodeProperties, findProperty, tagsHash } from '../../src/remoting/properties.ts'

function scan(text: string): SentProperties {
  const properties = new SentProperties()
  properties.scan(Buffer.from(text))
  return properties
}

test('finds tag, unique key and what is special, wherever they are', () => {
  const found = scan('KEYS\x01a b\x02TAGS\x01TagA\x02UNIQ_KEY\x01U1\x02WAIT\x01true\x02')
  expect(found.tagsHash).toBe(2_598_919)
  expect(found.uniqueKey).toBe('U1')
  expect(found.special).toBeNull()
})

test('forgets the block before', () => {
  const properties = new SentProperties()
  properties.scan(Buffer.from('TAGS\x01a\x02UNIQ_KEY\x01U\x02DELAY\x013\x02'))
  properties.scan(Buffer.from(''))
  expect(properties).toMatchObject({ tagsHash: 0, uniqueKey: null, special: null })
})

test('hashes tags that are not ASCII as Java does', () => {
  expect(scan('TAGS\x01Köln😀\x02').tagsHash).toBe(tagsHash('Köln😀'))
})

const SPECIAL: [string, string | null][] = [
  ['DELAY\x013', 'delayed'],
  ['DELAY\x010\x02', null],
  ['DELAY\x01nonsense\x02', 'delayed'],
  ['TIMER_DELAY_SEC\x0110\x02', 'delayed'],
  ['TIMER_DELAY_MS\x0110\x02', 'delayed'],
  ['TIMER_DELIVER_MS\x011767225600000\x02', 'delayed'],
  ['__STARTDELIVERTIME\x011767225600000\x02', 'delayed'],
  ['TRAN_MSG\x01true\x02', 'transactional'],
  ['TRAN_MSG\x01false\x02', null],
  ['DELAYED\x013\x02', null],
  ['note\x01DELAY\x02', null],
]
for (const [text, special] of SPECIAL) {
  test(`${JSON.stringify(text)} is ${special ?? 'nothing special'}`, () => {
    expect(scan(text).special as string | null).toBe(special)
  })
}

test('any block: tag and key are those of the general decoder', () => {
  const seed = 4_711
  const { below } = seededRandom(seed)
  const pieces = ['TAGS', 'UNIQ_KEY', 'KEYS', 'a', '', '\x01', '\x02', '\x01', '\x02', 'ö', 'xyz']
  for (let run = 0; run < 5_000; run++) {
    let text = ''
    for (let i = below(14); i > 0; i--) text += pieces[below(pieces.length)]
    const found = scan(text)
    const hint = `seed ${seed}, block ${JSON.stringify(text)}`
    if ('UNIQ_KEY' in decodeProperties(text)) {
      expect(found.uniqueKey, hint).not.toBeNull()
    } else {
      expect(found.uniqueKey, hint).toBeNull()
    }
    const tag = findProperty(text, 'TAGS')
    // With an empty tag before it the two may differ in which of several they take.
    if (text.split('TAGS').length === 2) expect(found.tagsHash, hint).toBe(tagsHash(tag))
  }
})

test('a message inherits from its batch what it does not say itself', () => {
  const batch = { UNIQ_KEY: 'B', WAIT: 'true', own: 'x' }
  expect(inheritedProperties(batch, 'UNIQ_KEY\x01A\x02own\x01y\x02')).toBe('WAIT\x01true\x02')
  expect(inheritedProperties(batch, 'not own\x01y\x02')).toContain('own\x01x')
  expect(joinProperties('a\x01b', 'c\x01d\x02')).toBe('a\x01b\x02c\x01d\x02')
  expect(joinProperties('a\x01b\x02', 'c\x01d\x02')).toBe('a\x01b\x02c\x01d\x02')
  expect(joinProperties('', 'c\x01d\x02')).toBe('c\x01d\x02')
})
