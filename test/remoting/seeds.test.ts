// Goal: a seed reads as what a person meant, or is refused with its text. Method: tables of both.

import { expect, test } from 'bun:test'
import { formatSeed, isDnsSeed, parseSeed, parseSeedList } from '../../src/remoting/seeds.ts'

const GOOD: [string, string][] = [
  ['127.0.0.1:9876', '127.0.0.1:9876'],
  [' db1.example.com:9876 ', 'db1.example.com:9876'],
  ['[::1]:9876', '[::1]:9876'],
  ['dns:mq.test:9876', 'dns:mq.test:9876'],
  ['dns:MQ.Test:9876', 'dns:mq.test:9876'],
]

test.each(GOOD)('R31: "%s" is read', (text, canonical) => {
  const seed = parseSeed(text)
  expect(formatSeed(seed)).toBe(canonical)
  expect(formatSeed(parseSeed(canonical))).toBe(canonical)
  expect(isDnsSeed(canonical)).toBe(seed.kind === 'dns')
})

test.each(['', 'nowhere', 'a:b', 'dns:', 'dns:mq.test', 'dns::9876', '127.0.0.1:0', 'dns:a:70000'])(
  'R31: "%s" is refused by its text',
  (text) => {
    expect(() => parseSeed(text)).toThrow(`"${text.trim()}"`)
  },
)

test('R31: a list takes commas and semicolons', () => {
  expect(parseSeedList('a:1, dns:b:2;[::1]:3,')).toEqual(['a:1', 'dns:b:2', '[::1]:3'])
  expect(parseSeedList(' ')).toEqual([])
})
