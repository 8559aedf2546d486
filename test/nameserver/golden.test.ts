// Goal: asked what real brokers, clients and tools asked an Apache nameserver, ours answers what that one
// did. Method: the recorded registrations of each session (test/golden) are replayed to a nameserver, then
// the questions; result codes, routes and cluster views are compared in meaning.

import { describe, expect, test } from 'bun:test'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import { decodeFrame } from '../../src/remoting/frame.ts'
import { decodeClusterInfo, decodeRoute, type TopicRoute } from '../../src/remoting/route.ts'
import { type GoldenFrame, goldenFrames } from '../support/golden-frames.ts'
import { NameserverWorld } from '../support/nameserver-fixture.ts'
import type { WirePeer } from '../support/wire-peer.ts'

interface Exchange {
  request: Command
  /** Null for a one-way request. */
  answer: Command | null
  session: string
}

/** Apache 5.3 compresses without saying so and then fails on it (a null pointer): ours must not. */
const BROKEN_AT_APACHE = 'apache-broker-5.3.3, compressed registration'

const FILES = new Set([
  'broker-heartbeat.jsonl',
  'cluster-info.jsonl',
  'kv-config.jsonl',
  'register-broker.jsonl',
  'route.jsonl',
  'unregister-broker.jsonl',
  'write-permission.jsonl',
])

function exchanges(): Exchange[] {
  const found: Exchange[] = []
  const frames = goldenFrames().filter((frame) => FILES.has(frame.file))
  frames.forEach((frame, i) => {
    if (frame.resultCode !== null) return
    const next = frames[i + 1]
    const isAnswered = next?.file === frame.file && next.resultCode !== null
    found.push({
      request: decodeFrame(frame.bytes, 4),
      answer: isAnswered ? decodeFrame(next.bytes, 4) : null,
      session: sessionOf(frame),
    })
  })
  return found
}

/** One run of the recorder: every run had a broker of its own. */
function sessionOf(frame: GoldenFrame): string {
  const setting = frame.note.split(':')[0] ?? ''
  const server = /4\.9/.test(frame.peer) && !/java/.test(frame.peer) ? '4.9.7' : '5.3.3'
  return `apache-broker-${server}, ${setting}`
}

const sessions = Map.groupBy(exchanges(), (exchange) => exchange.session)

function withCode(session: string, code: number): Exchange[] {
  return (sessions.get(session) ?? []).filter(({ request }) => request.code === code)
}

async function registered(session: string): Promise<WirePeer> {
  const world = new NameserverWorld()
  await world.start('ns')
  const peer = world.peer('broker', 'ns')
  for (const { request } of withCode(session, REQUEST.registerBroker)) {
    const answer = await peer.ask(request.code, request.fields, request.body)
    expect(answer.remark).toBeNull()
    expect(answer.code).toBe(RESPONSE.success)
  }
  return peer
}

function meaning(route: TopicRoute): unknown {
  return {
    brokers: route.brokers.map((broker) => ({ ...broker, addresses: [...broker.addresses] })),
    queues: route.queues,
  }
}

describe.each([...sessions.keys()].sort())('%s', (session) => {
  test('registrations are taken, checksums and all', async () => {
    expect(withCode(session, REQUEST.registerBroker).length).toBeGreaterThan(0)
    await registered(session)
  })

  test('routes are those of the Apache nameserver', async () => {
    const peer = await registered(session)
    let comparedCount = 0
    for (const { request, answer } of withCode(session, REQUEST.getRoute)) {
      const ours = await peer.ask(request.code, request.fields)
      // Not every registration was kept: of a topic that is missing here nothing can be said.
      if (answer?.code !== RESPONSE.success || ours.code !== RESPONSE.success) continue
      expect(meaning(decodeRoute(ours.body))).toEqual(meaning(decodeRoute(answer.body)))
      comparedCount++
    }
    if (session !== BROKEN_AT_APACHE && !session.includes('acting')) {
      expect(comparedCount).toBeGreaterThan(0)
    }
  })

  test('the cluster view is that of the Apache nameserver', async () => {
    if (session === BROKEN_AT_APACHE) return
    const peer = await registered(session)
    for (const { request, answer } of withCode(session, REQUEST.getClusterInfo)) {
      const ours = await peer.ask(request.code, request.fields)
      expect(decodeClusterInfo(ours.body)).toEqual(decodeClusterInfo(answer!.body))
    }
  })

  test('everything else is answered with the same code, and the broker can leave', async () => {
    const peer = await registered(session)
    const codes = [322, 904, 205, 327, 100, 102, 104]
    for (const { request, answer } of codes.flatMap((code) => withCode(session, code))) {
      if (answer === null) {
        await peer.tell(request.code, request.fields, request.body)
        continue
      }
      const ours = await peer.ask(request.code, request.fields, request.body)
      expect(ours.code, `request ${request.code}`).toBe(answer.code)
      expect(Object.keys(ours.fields)).toEqual(Object.keys(answer.fields))
    }
    const view = await peer.ask(REQUEST.getClusterInfo)
    expect(decodeClusterInfo(view.body).brokers).toEqual([])
  })
})
