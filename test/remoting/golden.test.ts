// Goal: we read what real programs said, and say it back the same. Method: every recorded frame
// (test/golden) is decoded, encoded again and compared: in bytes where the encoding leaves no choice,
// in meaning always. Its body goes through the codec that our nodes use for that code; what they mean
// is checked on the frames whose content is known.

import { describe, expect, test } from 'bun:test'
import { decodeConsumerList } from '../../src/remoting/client-connections.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import { asFields, type Command, isResponse } from '../../src/remoting/command.ts'
import { decodeFrame, encodeFrame } from '../../src/remoting/frame.ts'
import { decodeHeartbeat, encodeHeartbeat } from '../../src/remoting/heartbeat.ts'
import { decodeKvTable } from '../../src/remoting/kv-table.ts'
import { parseLenientJson, parseLenientObject } from '../../src/remoting/lenient-json.ts'
import { decodeBatch, encodeBatch } from '../../src/remoting/message-batch.ts'
import {
  decodeConsumeStats,
  decodeQueuePositions,
  decodeTopicStats,
} from '../../src/remoting/offset-tables.ts'
import {
  decodePullAnswer,
  decodePullHeader,
  encodePullHeader,
} from '../../src/remoting/pull-header.ts'
import { decodeRegistration, encodeRegistration } from '../../src/remoting/registration.ts'
import {
  decodeClusterInfo,
  decodeRoute,
  decodeTopicList,
  encodeClusterInfo,
  encodeRoute,
} from '../../src/remoting/route.ts'
import {
  decodeSendFields,
  decodeSendHeader,
  decodeSendResult,
  encodeSendHeader,
} from '../../src/remoting/send-header.ts'
import { decodeMessages } from '../../src/remoting/stored-message.ts'
import { plainCommand } from '../support/frames.ts'
import { type GoldenFrame, goldenFrames } from '../support/golden-frames.ts'

const frames = goldenFrames()
const commands = new Map<GoldenFrame, Command>(
  frames.map((frame) => [frame, decodeFrame(frame.bytes, 4)]),
)

function where(frame: GoldenFrame): string {
  return `${frame.file}:${frame.line} (${frame.peer}, ${frame.note})`
}

/** Decoded frames of requests with this code, or of successful answers to it. */
function recorded(code: number, kind: 'request' | 'answer'): [Command, string][] {
  return [...commands]
    .filter(([frame]) => frame.requestCode === code)
    .filter(([frame]) => (kind === 'request' ? frame.resultCode === null : frame.resultCode === 0))
    .map(([frame, command]) => [command, where(frame)])
}

/** Which means the same as no field, to Apache as to us. */
function hasEmptyValue(command: Command): boolean {
  return command.readFields?.((bytes, start, end) => {
    let isFound = false
    for (let at = start; at < end; ) {
      const lengthAt = at + 2 + bytes.readUInt16BE(at)
      const length = bytes.readInt32BE(lengthAt)
      isFound ||= length === 0
      at = lengthAt + 4 + length
    }
    return isFound
  }) as boolean
}

test('there are recordings of each peer, in both header encodings', () => {
  expect(frames.length).toBeGreaterThan(300)
  for (const peer of [
    'java-5',
    'java-4',
    'go',
    'ali-ons',
    'apache-broker-5',
    'apache-broker-4',
    'apache-nameserver-5',
    'apache-nameserver-4',
    'mqadmin',
  ]) {
    expect(
      frames.some((frame) => frame.peer.startsWith(peer)),
      peer,
    ).toBe(true)
  }
  const encodings = [...commands.values()].map((command) => command.encoding)
  expect(new Set(encodings)).toEqual(new Set(['json', 'binary']))
})

describe('headers', () => {
  test('say what the notes say', () => {
    for (const [frame, command] of commands) {
      expect(isResponse(command), where(frame)).toBe(frame.resultCode !== null)
      expect(command.code, where(frame)).toBe(frame.resultCode ?? frame.requestCode)
    }
  })

  test('mean the same after we encoded them again', () => {
    for (const [frame, command] of commands) {
      const again = decodeFrame(encodeFrame(command), 4)
      expect(plainCommand(again), where(frame)).toEqual(plainCommand(command))
    }
  })

  test('binary ones are the same bytes again, but for fields without a value', () => {
    let count = 0
    for (const [frame, command] of commands) {
      if (command.encoding !== 'binary' || hasEmptyValue(command)) continue
      count++
      expect(encodeFrame(command).toString('hex'), where(frame)).toBe(frame.bytes.toString('hex'))
    }
    expect(count).toBeGreaterThan(100)
  })

  test('JSON ones of Java are the same bytes again, wherever it sent fields', () => {
    let count = 0
    for (const [frame, command] of commands) {
      const isJava = /^(java|apache|mqadmin)/.test(frame.peer)
      if (command.encoding !== 'json' || !isJava || !frame.bytes.includes('"extFields"')) continue
      count++
      expect(encodeFrame(command).toString(), where(frame)).toBe(frame.bytes.toString())
    }
    expect(count).toBeGreaterThan(50)
  })
})

describe('sends', () => {
  test('the fast decoder and the general one agree on every recorded header', () => {
    const sends = [REQUEST.sendMessage, REQUEST.sendMessageCompact, REQUEST.sendBatch].flatMap(
      (code) => recorded(code, 'request'),
    )
    expect(sends.length).toBeGreaterThan(40)
    for (const [request, label] of sends) {
      const fast = decodeSendHeader(request)
      const general = decodeSendFields(request)
      for (const key of Object.keys(general) as (keyof typeof general)[]) {
        expect(fast[key], `${label}: ${key}`).toEqual(general[key] as never)
      }
    }
  })

  test('our encoding of what was decoded names every field as the peer did', () => {
    for (const [request, label] of recorded(REQUEST.sendMessageCompact, 'request')) {
      const ours = asFields(encodeSendHeader(decodeSendHeader(request)))
      for (const [name, value] of Object.entries(ours)) {
        if (request.fields[name] !== undefined)
          expect(value, `${label}: ${name}`).toBe(request.fields[name] as string)
      }
    }
  })

  test('batches are the same bytes again', () => {
    const batches = recorded(REQUEST.sendBatch, 'request')
    expect(batches.length).toBeGreaterThan(3)
    for (const [request, label] of batches) {
      expect(encodeBatch(decodeBatch(request.body)).equals(request.body), label).toBe(true)
    }
  })

  test('results are read', () => {
    for (const code of [REQUEST.sendMessage, REQUEST.sendMessageCompact, REQUEST.sendBatch]) {
      for (const [answer, label] of recorded(code, 'answer')) {
        expect(decodeSendResult(answer.fields).offsetMessageId, label).toMatch(
          /^[0-9A-F]{32}(,[0-9A-F]{32})*$/,
        )
      }
    }
  })
})

describe('pulls', () => {
  test('requests survive our codec', () => {
    for (const [request, label] of recorded(REQUEST.pullMessage, 'request')) {
      const header = decodePullHeader(request.fields)
      expect(decodePullHeader(asFields(encodePullHeader(header))), label).toEqual(header)
    }
  })

  test('messages are read: bodies match their checksums, offsets follow each other', () => {
    const answers = recorded(REQUEST.pullMessage, 'answer')
    expect(answers.length).toBeGreaterThan(5)
    for (const [answer, label] of answers) {
      const messages = decodeMessages(answer.body)
      expect(messages.length, label).toBeGreaterThan(0)
      const { nextOffset } = decodePullAnswer(answer.fields)
      expect(messages.at(-1)?.queueOffset, label).toBe(nextOffset - 1)
      for (const message of messages) {
        expect(message.bodyCrc, label).toBe(Bun.hash.crc32(message.body) & 0x7fff_ffff)
      }
    }
  })

  test('answers without messages still carry their offsets', () => {
    for (const [frame, command] of commands) {
      if (
        frame.requestCode !== REQUEST.pullMessage ||
        ![19, 20, 21].includes(frame.resultCode ?? 0)
      )
        continue
      expect(decodePullAnswer(command.fields).nextOffset, where(frame)).toBeGreaterThanOrEqual(0)
    }
  })
})

describe('bodies', () => {
  test('heartbeats survive our codec', () => {
    const beats = recorded(REQUEST.heartbeat, 'request')
    expect(beats.length).toBeGreaterThan(8)
    for (const [request, label] of beats) {
      const beat = decodeHeartbeat(request.body)
      expect(beat.clientId, label).not.toBe('')
      expect(beat.producerGroups.length + beat.consumers.length, label).toBeGreaterThan(0)
      expect(decodeHeartbeat(encodeHeartbeat(beat)).producerGroups, label).toEqual(
        beat.producerGroups,
      )
    }
  })

  test('registrations, plain and compressed, survive our codec', () => {
    const registrations = recorded(REQUEST.registerBroker, 'request')
    expect(registrations.some(([request]) => request.body[0] === 0x78)).toBe(true)
    for (const [request, label] of registrations) {
      const body = decodeRegistration(request.body)
      expect(body.topics.length, label).toBeGreaterThan(0)
      expect(decodeRegistration(encodeRegistration(body)), label).toEqual(body)
    }
  })

  test('routes, with bare and with quoted ids, survive our codec', () => {
    const routes = recorded(REQUEST.getRoute, 'answer')
    expect(routes.some(([answer]) => answer.body.includes('{0:'))).toBe(true)
    expect(routes.some(([answer]) => answer.body.includes('{"0":'))).toBe(true)
    for (const [answer, label] of routes) {
      const route = decodeRoute(answer.body)
      expect(route.brokers[0]?.addresses.get(0), label).toMatch(/^127\.0\.0\.\d:\d+$/)
      expect(decodeRoute(encodeRoute(route)), label).toEqual(route)
    }
  })

  test('cluster views survive our codec', () => {
    for (const [answer, label] of recorded(REQUEST.getClusterInfo, 'answer')) {
      const info = decodeClusterInfo(answer.body)
      expect(decodeClusterInfo(encodeClusterInfo(info)), label).toEqual(info)
    }
  })

  const readers: [string, number, 'request' | 'answer', (body: Buffer) => unknown][] = [
    ['consumer lists', REQUEST.getConsumerList, 'answer', decodeConsumerList],
    ['topic lists', REQUEST.getTopicList, 'answer', decodeTopicList],
    ['topic statistics', REQUEST.getTopicStats, 'answer', decodeTopicStats],
    ['consumer statistics', REQUEST.getConsumeStats, 'answer', decodeConsumeStats],
    ['offset resets', REQUEST.resetOffset, 'answer', decodeQueuePositions],
    ['broker statistics', REQUEST.getBrokerRuntimeInfo, 'answer', decodeKvTable],
    ['queue locks', REQUEST.lockQueues, 'request', parseLenientObject],
    ['locked queues', REQUEST.lockQueues, 'answer', parseLenientObject],
    ['topic configurations', REQUEST.getTopicConfig, 'answer', parseLenientObject],
    ['data versions', REQUEST.queryDataVersion, 'request', parseLenientObject],
  ]
  test.each(readers)('%s are read', (_name, code, kind, decode) => {
    const bodies = recorded(code, kind).filter(([command]) => command.body.length > 0)
    expect(bodies.length).toBeGreaterThan(0)
    for (const [command, label] of bodies) expect(decode(command.body), label).toBeDefined()
  })

  test('whatever looks like JSON is in the dialect we read', () => {
    for (const [frame, command] of commands) {
      const text = command.body.toString()
      if (/^[{[]/.test(text)) expect(() => parseLenientJson(text), where(frame)).not.toThrow()
    }
  })
})
