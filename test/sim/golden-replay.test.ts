// Goal: our own nodes answer what real clients sent. Method: every recorded request (test/golden) goes
// byte for byte to a real nameserver or broker of ours under virtual time: first what makes topics and
// members, then what asks for them. The answers are compared with those Apache gave in the recording.

import { expect, test } from 'bun:test'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import { type Command, isOneway } from '../../src/remoting/command.ts'
import { decodeFrame } from '../../src/remoting/frame.ts'
import { FakeCluster, realBrokerHost } from '../support/fake-cluster.ts'
import { type GoldenFrame, goldenFrames } from '../support/golden-frames.ts'
import { BarePeer } from '../support/wire.ts'

const NAMESERVER_CODES = new Set<number>([
  REQUEST.putKvConfig,
  REQUEST.deleteKvConfig,
  REQUEST.registerBroker,
  REQUEST.unregisterBroker,
  REQUEST.getRoute,
  REQUEST.getClusterInfo,
  REQUEST.wipeWritePermission,
  REQUEST.getTopicList,
  REQUEST.deleteTopicInNameserver,
  REQUEST.queryDataVersion,
  REQUEST.addWritePermission,
  REQUEST.brokerHeartbeat,
])

/** What depends on nothing but the request and what was replayed before it. */
const SAME_RESULT = new Set<number>([
  REQUEST.sendMessage,
  REQUEST.sendMessageCompact,
  REQUEST.sendBatch,
  REQUEST.createTopic,
  REQUEST.heartbeat,
  REQUEST.unregisterClient,
  REQUEST.getMaxOffset,
  REQUEST.getMinOffset,
  REQUEST.searchOffset,
  REQUEST.getBrokerRuntimeInfo,
  REQUEST.getTopicStats,
  REQUEST.getTopicConfig,
  REQUEST.putKvConfig,
  REQUEST.deleteKvConfig,
  REQUEST.unregisterBroker,
  REQUEST.getClusterInfo,
  REQUEST.getTopicList,
  REQUEST.queryDataVersion,
  REQUEST.wipeWritePermission,
  REQUEST.addWritePermission,
])

const ORDER = ['register-broker', 'create-topic', 'send', 'send-batch', 'heartbeat']
const LAST = ['unregister-client', 'delete-topic', 'unregister-broker', 'write-permission']

function rank(frame: GoldenFrame): number {
  const name = frame.file.replace('.jsonl', '')
  if (ORDER.includes(name)) return ORDER.indexOf(name)
  return LAST.includes(name) ? 100 + LAST.indexOf(name) : 50
}

interface Exchange {
  frame: GoldenFrame
  request: Command
  theirs: number | null
}

function exchanges(): Exchange[] {
  const frames = goldenFrames()
  return frames
    .map((frame, index): Exchange => {
      const next = frames[index + 1]
      const isAnswered =
        next !== undefined && next.resultCode !== null && next.requestCode === frame.requestCode
      return {
        frame,
        request: decodeFrame(frame.bytes, 4),
        theirs: isAnswered ? next.resultCode : null,
      }
    })
    .filter(({ frame }) => frame.from === 'client' && frame.resultCode === null)
    .sort((a, b) => rank(a.frame) - rank(b.frame))
}

class Replay {
  readonly cluster = new FakeCluster()
  readonly #peers = new Map<string, BarePeer>()

  async start(): Promise<void> {
    await this.cluster.addNameserver('ns1')
    await this.cluster.addRealBroker('broker-a', { config: { autoCreateTopics: true } })
  }

  /** The answer, or null if none came in the time that the longest poll takes. */
  async send({ frame, request }: Exchange): Promise<Command | null> {
    const peer = await this.#peer(frame)
    peer.received.length = 0
    peer.stream.write(frame.bytes)
    const find = (): Command | undefined =>
      peer.received.find((answer) => (answer.flag & 1) === 1 && answer.opaque === request.opaque)
    // Little at a time: members that are silent for two minutes are forgotten.
    const { clock } = this.cluster
    const deadlineMs = clock.monoMs() + (isOneway(request) ? 20 : 32_000)
    while (find() === undefined && clock.monoMs() < deadlineMs) await clock.advance(10)
    expect(peer.isClosed, `${frame.file}:${frame.line}`).toBe(false)
    return find() ?? null
  }

  async #peer(frame: GoldenFrame): Promise<BarePeer> {
    const isNameserver = NAMESERVER_CODES.has(frame.requestCode)
    // Members of a group are told apart by their connections, so each program keeps its own.
    const key = `${frame.peer} ${frame.note.split(':')[0]} ${isNameserver}`
    const known = this.#peers.get(key)
    if (known !== undefined && !known.isClosed) return known
    const remote = isNameserver
      ? { host: 'ns1', port: 9876 }
      : { host: realBrokerHost('broker-a'), port: 10_911 }
    let peer: BarePeer | undefined
    const connecting = this.cluster.network
      .host('10.0.9.9')
      .connect(remote, { timeoutMs: 1_000 }, (stream) => {
        peer = new BarePeer(stream)
        return peer
      })
    await this.cluster.settle(connecting)
    this.#peers.set(key, peer as unknown as BarePeer)
    return peer as unknown as BarePeer
  }
}

test('recorded requests get the answers that Apache gave', async () => {
  const replay = new Replay()
  await replay.start()
  const results = new Map<number, number>()
  for (const exchange of exchanges()) {
    const { frame, request, theirs } = exchange
    const where = `${frame.file}:${frame.line} (${frame.peer}, ${frame.note})`
    const answer = await replay.send(exchange)
    if (isOneway(request)) {
      expect(answer, where).toBeNull()
      continue
    }
    expect(answer, where).not.toBeNull()
    if (answer === null) continue
    results.set(answer.code, (results.get(answer.code) ?? 0) + 1)
    expect(answer.encoding, where).toBe(request.encoding)
    expect(answer.code, `${where}: ${answer.remark}`).not.toBe(RESPONSE.notSupported)
    // Not every member's heartbeat is among the recordings, and a group without any is code 1.
    if (theirs !== RESPONSE.systemError && frame.requestCode !== REQUEST.getConsumerList) {
      expect(answer.code, `${where}: ${answer.remark}`).not.toBe(RESPONSE.systemError)
    }
    if (theirs !== null && SAME_RESULT.has(frame.requestCode)) {
      expect(answer.code, `${where}: ${answer.remark}`).toBe(theirs)
    }
  }
  expect(results.get(RESPONSE.success)).toBeGreaterThan(120)
  const failures = replay.cluster.log.filter((line) => line.includes(' error '))
  expect(failures).toEqual([])
})
