// Goal: what was typed arrives as typed, and what cannot be meant is refused with a suggestion.
// Method: command lines with the values that cac turns into something else.

import { describe, expect, test } from 'bun:test'
import { type Declaration, parseCommandLine } from '../../src/cli/flags.ts'
import { MqError } from '../../src/core/errors.ts'

const DECLARED: Declaration = {
  name: 'topic create',
  usage: '<topic> [more]',
  options: [
    { flag: '--key <key>', help: '' },
    { flag: '--from <position>', help: '' },
    { flag: '--count <n>', help: '' },
    { flag: '--in-flight <n>', help: '' },
    { flag: '--timeout <duration>', help: '' },
    { flag: '--size <size>', help: '' },
    { flag: '--property <name=value>', help: '', isRepeatable: true },
    { flag: '--nameservers <list>', help: '' },
    { flag: '--json', help: '' },
  ],
}

function parse(...words: string[]) {
  return parseCommandLine(DECLARED, words)
}

function failure(...words: string[]): MqError {
  try {
    parse(...words)
  } catch (error) {
    if (error instanceof MqError) return error
    throw error
  }
  throw new Error(`${words.join(' ')} was accepted`)
}

describe('values stay as typed', () => {
  for (const value of [
    '007',
    '9223372036854775807',
    '1e3',
    '0x10',
    '',
    ' ',
    'true',
    'a.b=c',
    'ü',
  ]) {
    test(JSON.stringify(value), () => {
      expect(parse('t', '--key', value).flags.text('key')).toBe(value)
      expect(parse('t', `--key=${value}`).flags.text('key')).toBe(value)
      expect(parse(value || 't', '--key', 'x').args[0]).toBe(value || 't')
    })
  }

  test('a value that begins with a dash', () => {
    expect(parse('t', '--from', '-100').flags.text('from')).toBe('-100')
    expect(failure('t', '--from', '--').message).toContain('--from needs a value')
  })
})

test('a value that is another option is refused, unless joined with =', () => {
  expect(failure('t', '--key', '--json').message).toContain('--key needs a value')
  expect(parse('t', '--key=--json').flags.text('key')).toBe('--json')
  expect(parse('t', '--key=--json').flags.isSet('json')).toBe(false)
})

test('after -- everything is an argument', () => {
  const { args, flags } = parse('--json', '--', '--key', '-h')
  expect(args).toEqual(['--key', '-h'])
  expect(flags.isSet('json')).toBe(true)
  expect(flags.isSet('key')).toBe(false)
})

test('an option of two words is read', () => {
  expect(parse('t', '--in-flight', '7').flags.integer('in-flight', { min: 1, max: 9 })).toBe(7)
})

test('repeatable options collect, others are refused twice', () => {
  expect(parse('t', '--property', 'a=1', '--property', 'b=2').flags.texts('property')).toEqual([
    'a=1',
    'b=2',
  ])
  expect(failure('t', '--key', 'a', '--key', 'b').message).toContain('2 times')
})

test('unknown options name the nearest one', () => {
  const error = failure('t', '--nameserver', 'x')
  expect(error.message).toContain('did you mean --nameservers?')
  expect(error.exitCode).toBe(2)
  expect(error.hint).toBe('mq topic create --help')
  expect(failure('t', '-k').message).toContain('no option -k')
  expect(failure('t', '--__proto__', 'x').message).toContain('no option --__proto__')
})

test('switches take no value', () => {
  expect(failure('t', '--json=false').message).toContain('takes no value')
  expect(parse('--json', 't').args).toEqual(['t'])
})

test('arguments are counted', () => {
  expect(failure().message).toContain('TOPIC is missing')
  expect(failure('a', 'b', 'c').message).toContain('"c" is one argument too many')
  expect(parse('--help').isHelpWanted).toBe(true)
})

describe('typed readings name the value and what was expected', () => {
  const cases: [string[], (line: ReturnType<typeof parse>) => unknown, string][] = [
    [['--count', '1.5'], ({ flags }) => flags.integer('count', { min: 1, max: 9 }), '"1.5"'],
    [['--count', '10'], ({ flags }) => flags.integer('count', { min: 1, max: 9 }), 'from 1 to 9'],
    [['--timeout', '10'], ({ flags }) => flags.durationMs('timeout'), 'a duration'],
    [['--size', '1 furlong'], ({ flags }) => flags.bytes('size'), 'a size'],
    [['--key', 'blue'], ({ flags }) => flags.choice('key', ['red', 'green']), 'red, green'],
  ]
  for (const [words, read, expected] of cases) {
    test(words.join(' '), () => {
      expect(() => read(parse('t', ...words))).toThrow(expected)
    })
  }
})
