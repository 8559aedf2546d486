// Goal: what fastjson writes is read, what it would not write is refused, and no body costs much more
// than its size. Method: each form of the dialect by itself; random strict JSON against JSON.parse;
// the shapes that blow up a careless parser.

import { describe, expect, test } from 'bun:test'
import { systemClock } from '../../src/core/clock.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'
import {
  type JsonValue,
  parseLenientJson,
  parseLenientObject,
} from '../../src/remoting/lenient-json.ts'
import { encodeRegistration } from '../../src/remoting/registration.ts'
import { pick, randomText } from '../support/frames.ts'

/** Objects from the parser have no prototype; toEqual would see a difference that is meant. */
function parsed(text: string): unknown {
  return withPrototypes(parseLenientJson(text))
}

function withPrototypes(value: JsonValue | undefined): unknown {
  if (Array.isArray(value)) return value.map(withPrototypes)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withPrototypes(item)]))
}

describe('the dialect', () => {
  test('bare numbers as keys', () => {
    expect(parsed('{0:"1.2.3.4:10911",1:"b",-3:"c"}')).toEqual({
      0: '1.2.3.4:10911',
      1: 'b',
      '-3': 'c',
    })
  })

  test('objects as keys are kept as their JSON text, so they can be read again', () => {
    const table = parsed(
      '{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"maxOffset":5},{"brokerName":"b","queueId":1,"topic":"T"}:{"maxOffset":6}}}',
    ) as { offsetTable: Record<string, unknown> }
    const keys = Object.keys(table.offsetTable).map((key) => JSON.parse(key) as unknown)
    expect(keys).toEqual([
      { brokerName: 'b', queueId: 0, topic: 'T' },
      { brokerName: 'b', queueId: 1, topic: 'T' },
    ])
    expect(Object.values(table.offsetTable)).toEqual([{ maxOffset: 5 }, { maxOffset: 6 }])
  })

  test('single quotes, bare words as keys, a comma at the end', () => {
    expect(parsed(`{'a':'it"s',b:["x",],$c.d:'\\'',}`)).toEqual({
      a: 'it"s',
      b: ['x'],
      '$c.d': "'",
    })
  })

  test('white space of every kind', () => {
    expect(parsed(' \t\r\n{ "a" : [ 1 , 2 ] \f} \v')).toEqual({ a: [1, 2] })
  })

  test('escapes', () => {
    expect(parsed(String.raw`"\"\\\/\b\f\n\r\t\v\0\u00e9\x41\q"`)).toBe('"\\/\b\f\n\r\t\v\0éAq')
  })

  test('numbers: small, huge, fractions, and with the letter fastjson may add', () => {
    expect(parsed('[0,-7,1.5,.5,2.,1e3,-2E-2,5.0F,3D]')).toEqual([
      0, -7, 1.5, 0.5, 2, 1000, -0.02, 5, 3,
    ])
    expect(parsed('[9007199254740991,9007199254740992,-9223372036854775808]')).toEqual([
      9007199254740991,
      9007199254740992n,
      -9223372036854775808n,
    ])
  })

  test('a reference is the value it points to, wherever that comes', () => {
    const text = `{"a":{"$ref":"$.b.c"},"b":{"c":{"x":1}},"l":[{"y":2},{"$ref":"$.l[0]"}],"r":{"$ref":"$.nowhere"}}`
    expect(parsed(text)).toEqual({
      a: { x: 1 },
      b: { c: { x: 1 } },
      l: [{ y: 2 }, { y: 2 }],
      r: null,
    })
  })

  test('a reference through a key with escaped letters, as a topic table has it', () => {
    const text = String.raw`{"offsetTable":{"MessageQueue [topic=T, queueId=0]":{"maxOffset":4},"k":{"$ref":"$.offsetTable.MessageQueue\\ \\[topic\\=T\\,\\ queueId\\=0\\]"}}}`
    expect(parsed(text)).toMatchObject({ offsetTable: { k: { maxOffset: 4 } } })
  })

  test('keys that are special to JavaScript are keys like any other', () => {
    const object = parseLenientObject(
      Buffer.from('{"__proto__":{"x":1},"constructor":2,"toString":3}'),
    )
    expect(Object.keys(object)).toEqual(['__proto__', 'constructor', 'toString'])
    expect(Object.getPrototypeOf(object)).toBeNull()
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })
})

test.each([
  ['', 'the end'],
  ['{', 'the end'],
  ['[1,2', 'the end'],
  ['"abc', 'without an end'],
  ['"abc\\', 'without an end'],
  ['{"a" 1}', '"1" at 5'],
  ['{"a":}', '"}" at 5'],
  ['{,}', '"," at 1'],
  ['[,]', '"," at 1'],
  ['{"a":1}x', '"x" at 7'],
  ['nope', '"n" at 0'],
  ['-', '"-" at 0'],
  ['1.2.3', '"1" at 0'],
  ['"\\u12g4"', 'at 1'],
  ['é', 'at 0'],
  ['€', 'at 0'],
  ['{{{"a":1}:1}:1}', 'at 2'],
  [`${'['.repeat(17)}${']'.repeat(17)}`, 'nested deeper than 16'],
  [`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, 'nested deeper than 16'],
  ['9'.repeat(100_000), '100000 digits'],
])('refused: %p', (text, message) => {
  expect(() => parseLenientJson(text)).toThrow(message)
})

test('sixteen levels are allowed, and siblings do not count as depth', () => {
  const deep = `${'['.repeat(15)}[1],[2],{"a":3}${']'.repeat(15)}`
  expect(parseLenientJson(deep)).toBeArray()
})

test('a body that is no object is refused', () => {
  for (const text of ['[]', '1', 'null', '"x"']) {
    expect(() => parseLenientObject(Buffer.from(text))).toThrow('not a JSON object')
  }
})

function randomJson(random: Random, depth: number): unknown {
  const kind = random.below(depth > 5 ? 5 : 7)
  if (kind === 0) return null
  if (kind === 1) return random.below(2) === 0
  if (kind === 2) return random.below(2_000_000) - 1_000_000
  if (kind === 3) return pick(random, [0.1, -2.5e-7, 1e20, 123456.789, 1e-7])
  if (kind === 4) return randomText(random, 30)
  if (kind === 5)
    return Array.from({ length: random.below(5) }, () => randomJson(random, depth + 1))
  return Object.fromEntries(
    Array.from({ length: random.below(5) }, (_, i) => [
      `${i}${randomText(random, 9)}`,
      randomJson(random, depth + 1),
    ]),
  )
}

test('strict JSON means what JSON.parse says', () => {
  const seed = 77
  const random = seededRandom(seed)
  for (let i = 0; i < 2_000; i++) {
    const value = randomJson(random, 0)
    const text = random.below(2) === 0 ? JSON.stringify(value) : JSON.stringify(value, null, 1)
    // 1e20 is an integer in JSON's text and comes out as bigint.
    const expected = JSON.parse(text, (_key, item: unknown) =>
      typeof item === 'number' && Number.isInteger(item) && !Number.isSafeInteger(item)
        ? BigInt(item)
        : item,
    ) as unknown
    expect(parsed(text), `seed ${seed}, value ${i}: ${text}`).toEqual(expected)
  }
})

test('bytes cut or changed at random give a value or a protocol error, nothing else', () => {
  const seed = 78
  const random = seededRandom(seed)
  for (let i = 0; i < 5_000; i++) {
    const text = Buffer.from(JSON.stringify(randomJson(random, 0)))
    for (let k = random.below(3); k >= 0 && text.length > 0; k--) {
      text[random.below(text.length)] = pick(random, [...Buffer.from('{}[]",:\\0 e$\'')])
    }
    try {
      parseLenientJson(text.subarray(0, random.below(text.length + 1)).toString())
    } catch (error) {
      expect(String(error), `seed ${seed}, value ${i}`).toStartWith('MqError: JSON')
    }
  }
})

test('a registration of one megabyte takes tens of milliseconds', () => {
  const topics = Array.from({ length: 5_200 }, (_, i) => ({
    name: `a_topic_with_quite_a_long_name_${i}`,
    readQueueCount: 8,
    writeQueueCount: 8,
    permission: 6,
    systemFlag: 0,
    isOrdered: false,
  }))
  const body = encodeRegistration({
    dataVersion: { stateVersion: 0, timestampMs: 1, counter: 1 },
    topics,
  })
  expect(body.length).toBeGreaterThan(1_000_000)
  const tookMs = [0, 1, 2].map(() => {
    const startedMs = systemClock.monoMs()
    parseLenientObject(body)
    return systemClock.monoMs() - startedMs
  })
  expect(Math.min(...tookMs)).toBeLessThan(150)
})
