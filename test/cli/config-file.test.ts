// Goal: a configuration file is read whole or refused whole, with line and key.
// Method: files with one mistake each; the message must name file, line, key and the known key.

import { describe, expect, test } from 'bun:test'
import { parseConfigFile } from '../../src/cli/config-file.ts'
import { MqError } from '../../src/core/errors.ts'

function failure(text: string): MqError {
  try {
    parseConfigFile(text, 'mq.toml')
  } catch (error) {
    if (error instanceof MqError) return error
    throw error
  }
  throw new Error('the file was accepted')
}

test('top-level keys and tables, the table wins for its role', () => {
  const file = parseConfigFile(
    [
      'nameservers = ["127.0.0.1:9876", "localhost:9877"]',
      'listen = "127.0.0.1:1"',
      'flush = "async"',
      'auto-create = true',
      'retention = 1000',
      '[broker]',
      'listen = "127.0.0.1:2"',
      'retention-size = "1GiB"',
      '[nameserver]',
      'scan-interval = "5s"',
    ].join('\n'),
    'mq.toml',
  )
  expect(file.get('client', 'nameservers')).toEqual({
    value: ['127.0.0.1:9876', 'localhost:9877'],
    origin: 'mq.toml:1',
  })
  expect(file.get('broker', 'listen')).toEqual({ value: '127.0.0.1:2', origin: 'mq.toml:7' })
  expect(file.get('nameserver', 'listen')).toEqual({ value: '127.0.0.1:1', origin: 'mq.toml:2' })
  expect(file.get('broker', 'retention')?.value).toBe(1_000)
  expect(file.get('broker', 'retention-size')?.value).toBe(1024 ** 3)
  expect(file.get('broker', 'auto-create')?.value).toBe(true)
  expect(file.get('nameserver', 'scan-interval')?.value).toBe(5_000)
  expect(file.get('broker', 'data')).toBe(undefined)
  expect(file.keyCount).toBe(8)
})

test('an empty file is fine', () => {
  expect(parseConfigFile('# nothing yet\n\n', 'mq.toml').keyCount).toBe(0)
})

describe('mistakes', () => {
  const cases: [string, string, string][] = [
    [
      'unknown key',
      'name = "a"\nlistne = "127.0.0.1:1"',
      'mq.toml:2: unknown key "listne", did you mean "listen"?',
    ],
    [
      'unknown key in a table',
      '[broker]\n\nnmae = "a"',
      'mq.toml:3: unknown key "broker.nmae", did you mean "name"?',
    ],
    [
      'another role’s key in a table',
      '[nameserver]\nflush = "sync"',
      'mq.toml:2: unknown key "nameserver.flush"',
    ],
    [
      'unknown table',
      '[brokr]\nname = "a"',
      'mq.toml:1: unknown key "brokr", did you mean "broker"?',
    ],
    ['wrong type', 'name = 7', 'mq.toml:1: name is 7, expected a name'],
    [
      'wrong value',
      '\nflush = "sometimes"',
      'mq.toml:2: flush is "sometimes", expected "sync" or "async"',
    ],
    ['wrong address', 'nameservers = ["127.0.0.1:9876", "nowhere"]', 'mq.toml:1: nameservers is'],
    ['no address at all', 'nameservers = []', 'mq.toml:1: nameservers is [], expected one or more'],
    [
      'switch with text',
      'auto-create = "yes"',
      'mq.toml:1: auto-create is "yes", expected true or false',
    ],
    ['negative duration', 'retention = -1', 'mq.toml:1: retention is -1, expected a duration'],
    ['a date', 'retention = 2024-01-01', 'mq.toml:1: retention is "2024-01-01"'],
    ['a table for a value', '[name]\nx = 1', 'mq.toml:1: name is {"x":1}'],
    ['a value for a table', 'broker = 1', 'mq.toml:1: [broker] is a table'],
    ['quoted key', '"nmae" = "a"', 'mq.toml:1: unknown key "nmae"'],
    ['__proto__', '"__proto__" = 1', 'unknown key "__proto__"'],
    ['syntax, first line', 'name == "a"', 'mq.toml:1: '],
    ['syntax, later line', 'name = "a"\n\n# comment\nlisten = \n', 'mq.toml:4: '],
    ['unfinished text', 'name = "a"\ncluster = "b\nlisten = "127.0.0.1:1"', 'mq.toml:2: '],
    ['unfinished array', 'name = "a"\nnameservers = [\n "127.0.0.1:1",\n', 'mq.toml:2: '],
    ['repeated key', 'name = "a"\nname = "b"', 'mq.toml:2: '],
  ]
  for (const [title, text, expected] of cases) {
    test(title, () => {
      const error = failure(text)
      expect(error.message).toContain(expected)
      expect(error.code).toBe('CONFIG_INVALID')
      expect(error.exitCode).toBe(2)
      expect(error.hint).toBe('fix that line, then: mq config check mq.toml')
      expect(error.message).not.toContain('\n')
    })
  }
})
