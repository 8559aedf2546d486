// Goal: an error means the same on both ends of the wire. Method: every error through its wire code
// and back; what was decided by a peer keeps the peer's code.

import { expect, test } from 'bun:test'
import { ERRORS, type ErrorCode, MqError } from '../../src/core/errors.ts'
import { RESPONSE } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { NO_BODY } from '../../src/remoting/command.ts'
import { errorFromResponse, wireCode } from '../../src/remoting/wire-errors.ts'

function answer(code: number, remark: string | null): Command {
  return {
    code,
    remark,
    language: 7,
    version: 407,
    opaque: 1,
    flag: 1,
    fields: {},
    body: NO_BODY,
    encoding: 'json',
  }
}

test('every error has a code that says no', () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    expect(wireCode(new MqError(code, 'x')), code).toBeGreaterThan(0)
  }
})

test('codes that clients act on come back as the error they were', () => {
  const codes: ErrorCode[] = [
    'NOT_SUPPORTED',
    'TOPIC_NOT_FOUND',
    'GROUP_NOT_FOUND',
    'OFFSET_NOT_FOUND',
    'MESSAGE_INVALID',
    'NO_PERMISSION',
    'BROKER_BUSY',
    'BROKER_READ_ONLY',
  ]
  for (const code of codes) {
    const error = errorFromResponse(answer(wireCode(new MqError(code, 'x')), 'why'), 'h:1')
    expect([error.code, error.message]).toEqual([code, 'h:1 answered: why'])
  }
})

test('a peer without a reason is quoted by number, and its code is passed on as it is', () => {
  const error = errorFromResponse(answer(4711, null), 'h:1')
  expect(error).toMatchObject({
    code: 'INTERNAL',
    message: 'h:1 answered: result code 4711',
    wireCode: 4711,
  })
  expect(wireCode(error)).toBe(4711)
  expect(wireCode(new MqError('INTERNAL', 'x'))).toBe(RESPONSE.systemError)
})
