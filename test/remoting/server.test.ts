// Goal: a server serves many, refuses who is too many, and stops without dropping what it was asked.
// Method: a real RemotingServer on a simulated network with small bounds.

import { expect, test } from 'bun:test'
import { endOfTurn } from '../../src/core/clock.ts'
import { MqError } from '../../src/core/errors.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Connection } from '../../src/remoting/connection.ts'
import type { Handlers, RequestHandler } from '../../src/remoting/dispatch.ts'
import { encodeFrame } from '../../src/remoting/frame.ts'
import { VirtualProcess } from '../../src/simulation/virtual-process.ts'
import { type BarePeer, commandOf, SERVER, Wire } from '../support/wire.ts'

const OK: Handlers = new Map([
  [1, () => ({ code: 0 })],
  [REQUEST.sendMessageCompact, () => ({ code: 0 })],
])

async function answerOf(wire: Wire, peer: BarePeer, code: number): Promise<number | undefined> {
  peer.received.length = 0
  peer.send(commandOf({ code }))
  await wire.clock.advance(10)
  return peer.received[0]?.code
}

test('connections above the bound are refused, and accepted again when others have gone', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: OK, connectionCountMax: 2 })
  const first = await wire.connectBare()
  await wire.connectBare()
  const third = await wire.connectBare()
  await wire.clock.advance(10)
  expect([server.connectionCount, third.isClosed]).toEqual([2, true])
  expect(wire.lines.at(-1)).toContain('refusing 10.0.0.2:32770: 2 connections are open')
  first.stream.end()
  await wire.clock.advance(10)
  expect(await answerOf(wire, await wire.connectBare(), 1)).toBe(0)
})

test('one address cannot take all connections', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: OK, connectionsPerAddressMax: 3 })
  for (let i = 0; i < 5; i++) await wire.connectBare()
  await wire.clock.advance(10)
  expect(server.connectionCount).toBe(3)
  expect(wire.lines.at(-1)).toContain('3 connections from 10.0.0.2 are open')
  const elsewhere = wire.network.host('10.0.0.3')
  let isClosed = false
  await wire.clock.runFor(
    elsewhere.connect(SERVER, { timeoutMs: 1_000 }, () => ({
      onData: () => {},
      onDrain: () => {},
      onClose: () => {
        isClosed = true
      },
    })),
    1_000,
  )
  await wire.clock.advance(10)
  expect([server.connectionCount, isClosed]).toEqual([4, false])
})

test('the bytes held for all peers are bounded: sends busy, newcomers out, the holder closed', async () => {
  const wire = new Wire({ windowBytes: 8 * 1024 * 1024 })
  await wire.server({ handlers: OK, inFlightBytesMax: 1_000_000 })
  const sender = await wire.connectBare()
  const holder = await wire.connectBare()
  const half = encodeFrame(commandOf({ code: 1, body: Buffer.alloc(2_000_000) }))
  expect(await answerOf(wire, sender, REQUEST.sendMessageCompact)).toBe(0)

  holder.stream.write(half.subarray(0, 700_000))
  await wire.clock.advance(10)
  expect(await answerOf(wire, sender, REQUEST.sendMessageCompact)).toBe(RESPONSE.systemBusy)
  expect(await answerOf(wire, sender, 1)).toBe(0)

  holder.stream.write(half.subarray(700_000, 900_000))
  await wire.clock.advance(10)
  const newcomer = await wire.connectBare()
  await wire.clock.advance(10)
  expect(newcomer.isClosed).toBe(true)

  holder.stream.write(half.subarray(900_000, 1_100_000))
  await wire.clock.advance(10)
  expect([holder.isClosed, sender.isClosed]).toEqual([true, false])
  expect(wire.lines.at(-1)).toContain('bytes are held for all peers')
  expect(await answerOf(wire, sender, REQUEST.sendMessageCompact)).toBe(0)
})

test('a flood of misbehaving peers does not flood the log', async () => {
  const wire = new Wire()
  await wire.server({ handlers: OK })
  for (let i = 0; i < 500; i++) {
    const peer = await wire.connectBare()
    peer.stream.write(Buffer.from('ffffffff', 'hex'))
    await wire.clock.advance(1)
  }
  expect(wire.lines.length).toBeLessThan(25)
  await wire.clock.advance(60_000)
  const peer = await wire.connectBare()
  peer.stream.write(Buffer.from('ffffffff', 'hex'))
  await wire.clock.advance(10)
  expect(wire.lines.at(-1)).toMatch(/\(and 4[789]\d more like this, not shown\)$/)
})

test('stop: what was asked before is answered, what comes later is not, then all are closed', async () => {
  const wire = new Wire()
  const asked: (() => void)[] = []
  const closed: Connection[] = []
  const server = await wire.server({
    handlers: new Map<number, RequestHandler>([
      [1, (request, connection) => void asked.push(() => connection.respond(request, { code: 0 }))],
    ]),
    onConnectionClosed: (connection) => void closed.push(connection),
  })
  const peer = await wire.connectBare()
  const idle = await wire.connectBare()
  peer.send(commandOf({ code: 1, opaque: 5 }))
  await wire.clock.advance(10)
  const stopping = server.stop()
  await wire.clock.advance(10)
  expect([idle.isClosed, peer.isClosed]).toEqual([true, false])
  peer.send(commandOf({ code: 1, opaque: 6 }))
  await wire.clock.advance(10)
  for (const answer of asked) answer()
  await wire.clock.runFor(stopping, 1_000)
  await wire.clock.advance(10)
  expect(peer.received.map((answer) => answer.opaque)).toEqual([5])
  expect([peer.isClosed, closed.length, server.connectionCount]).toEqual([true, 2, 0])
  await expect(wire.connectBare()).rejects.toThrow('connection refused')
})

test('stop does not wait for an answer that never comes', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: new Map([[1, () => {}]]) })
  const peer = await wire.connectBare()
  peer.send(commandOf({ code: 1 }))
  await wire.clock.advance(10)
  const startedMs = wire.clock.monoMs()
  await wire.clock.runFor(server.stop(), 10_000)
  expect(wire.clock.monoMs() - startedMs).toBeWithin(400, 1_000)
})

test('a process that was stopped for minutes does not blame its peers for that', async () => {
  const wire = new Wire()
  const { network, clock } = wire
  const node = new VirtualProcess({ network, clock, hostName: SERVER.host })
  await wire.server({ handlers: OK, network: node.network, clock: node.clock })
  const peer = await wire.connectBare()
  expect(await answerOf(wire, peer, 1)).toBe(0)
  wire.clock.every(30_000, () => peer.send(commandOf({ code: 1 })))
  node.freeze()
  await wire.clock.advance(200_000)
  node.thaw()
  await wire.clock.advance(5_000)
  expect(await answerOf(wire, peer, 1)).toBe(0)
})

test('a handler may answer at once, later, by promise, or fail in each way', async () => {
  const wire = new Wire()
  const busy = new MqError('BROKER_BUSY', 'too busy')
  const handlers: Handlers = new Map<number, RequestHandler>([
    [1, () => ({ code: 100 })],
    [2, async () => ({ code: 200 })],
    [3, (request, connection) => endOfTurn(() => connection.respond(request, { code: 300 }))],
    [
      4,
      () => {
        throw busy
      },
    ],
    [5, async () => Promise.reject(busy)],
    [
      6,
      () => {
        throw new TypeError('a bug')
      },
    ],
  ])
  await wire.server({ handlers })
  const peer = await wire.connectBare()
  peer.send(...[1, 2, 3, 4, 5, 6].map((code) => commandOf({ code, opaque: code })))
  await wire.clock.advance(10)
  const answers = peer.received.sort((a, b) => a.opaque - b.opaque)
  expect(answers.map((answer) => [answer.code, answer.remark])).toEqual([
    [100, null],
    [200, null],
    [300, null],
    [RESPONSE.systemBusy, 'too busy'],
    [RESPONSE.systemBusy, 'too busy'],
    [RESPONSE.systemError, 'a bug'],
  ])
  // Our own mistakes are in the log with their stack, refusals are not.
  expect(wire.lines.length).toBe(1)
  expect(wire.lines[0]).toContain('request 6 failed: TypeError: a bug')
})
