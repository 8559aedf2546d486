// Goal: --format prints what the template says and bodies as they are. Method: templates.

import { describe, expect, test } from 'bun:test'
import { bodyFormat, compileFormat } from '../../src/cli/message-format.ts'
import { receivedMessage } from '../support/received-message.ts'

const message = receivedMessage({
  flag: 5,
  properties: { KEYS: 'k1', TAGS: 'red', colour: 'blue' },
})

describe('templates', () => {
  const cases: [string, string][] = [
    ['{key} {body}', 'k1 hello'],
    ['{topic}/{broker}:{queue}@{offset}', 'orders/broker-a:3@41'],
    ['{tag}\\t{property.colour}\\t{property.absent}', 'red\tblue\t'],
    ['{{{id}}}', '{ID1}'],
    ['\\n\\\\\\q', '\n\\\\q'],
    ['{size} {flag} {stored}', '5 5 2023-11-14T22:13:20.001Z'],
    ['a { b', 'a { b'],
    ['', ''],
  ]
  for (const [template, expected] of cases) {
    test(JSON.stringify(template), () => {
      expect(compileFormat(template)(message).toString()).toBe(`${expected}\n`)
    })
  }
})

test('bodies come out byte for byte', () => {
  const body = Buffer.from([0xff, 0x00, 0x0a, 0xc3])
  expect(compileFormat('{body}')(receivedMessage({ body }))).toEqual(
    Buffer.concat([body, Buffer.from('\n')]),
  )
  expect(bodyFormat(receivedMessage({ body }))).toEqual(Buffer.concat([body, Buffer.from('\n')]))
})

test('an unknown placeholder is refused with the nearest one', () => {
  expect(() => compileFormat('{boddy}')).toThrow(
    'unknown placeholder {boddy}, did you mean {body}?',
  )
  expect(() => compileFormat('{__proto__}')).toThrow('unknown placeholder')
})
