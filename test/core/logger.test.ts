// Goal: what peers wrote cannot drive a terminal, and what we wrote around it stays. Method: the escapes
// themselves.

import { expect, test } from 'bun:test'
import { printable, printableText } from '../../src/core/logger.ts'

const TITLE = '\x1b]0;owned\x07'

test('control characters are shown', () => {
  expect(printable(`a${TITLE}\n\x1b[31mü\x9b`)).toBe('a\\x1b]0;owned\\x07\\x0a\\x1b[31mü\\x9b')
})

test('of our own text lines and colours stay, and nothing else', () => {
  expect(printableText(`\x1b[1mone\x1b[22m\ntwo${TITLE}\x1b[2J\r`)).toBe(
    '\x1b[1mone\x1b[22m\ntwo\\x1b]0;owned\\x07\\x1b[2J\\x0d',
  )
})
