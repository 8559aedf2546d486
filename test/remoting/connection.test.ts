// Goal: requests meet their answers, in time or not at all, and a peer cannot hold what it does not
// use. Method: our side against a bare peer on a simulated network; minutes pass in milliseconds.

import { describe, expect, test } from 'bun:test'
import { FRAME_BYTES_MAX, IN_FLIGHT_COUNT_MAX, OUTPUT_BYTES_MAX } from '../../src/core/limits.ts'
import { FLAG_ONEWAY, FLAG_RESPONSE, REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { Command } from '../../src/remoting/command.ts'
import type { Connection } from '../../src/remoting/connection.ts'
import type { Handlers } from '../../src/remoting/dispatch.ts'
import { encodeFrame } from '../../src/remoting/frame.ts'
import { type BarePeer, commandOf, SERVER_ADDRESS, Wire } from '../support/wire.ts'

const ECHO: Handlers = new Map([
  [1, (request) => ({ code: RESPONSE.success, fields: { ...request.fields }, body: request.body })],
])

function answerTo(request: Command, parts: Parameters<typeof commandOf>[0] = {}): Command {
  return commandOf({ ...parts, opaque: request.opaque, flag: FLAG_RESPONSE })
}

/** One of our client connections to a bare server. */
async function toBareServer(): Promise<{
  wire: Wire
  peer: BarePeer
  invoke: (timeoutMs?: number) => Promise<Command>
}> {
  const wire = new Wire()
  const peers = await wire.listenBare()
  const channels = wire.channels()
  const first = channels.sendOneway(SERVER_ADDRESS, 99, {})
  await wire.clock.runFor(first, 1_000)
  await wire.clock.advance(10)
  const peer = peers[0] as BarePeer
  peer.received.length = 0
  return {
    wire,
    peer,
    invoke: (timeoutMs = 3_000) => channels.invoke(SERVER_ADDRESS, 7, { timeoutMs }),
  }
}

describe('requests of ours', () => {
  test('answers in any order meet their requests', async () => {
    const { wire, peer, invoke } = await toBareServer()
    const [a, b] = [invoke(), invoke()]
    await wire.clock.advance(10)
    expect(peer.received.map((request) => request.code)).toEqual([7, 7])
    const [first, second] = peer.received as [Command, Command]
    peer.send(answerTo(second, { remark: 'second' }), answerTo(first, { remark: 'first' }))
    const answers = await wire.clock.runFor(Promise.all([a, b]), 1_000)
    expect(answers.map((answer) => answer.remark)).toEqual(['first', 'second'])
  })

  test('one without an answer times out near its deadline, and a late answer is dropped', async () => {
    const { wire, peer, invoke } = await toBareServer()
    const slow = invoke(1_000)
    const other = invoke(5_000)
    await wire.clock.advance(500)
    const [first, second] = peer.received as [Command, Command]
    peer.send(answerTo(second))
    const startedMs = wire.clock.monoMs() - 500
    expect(await wire.rejection(slow)).toBe(
      'TIMED_OUT: no answer from 10.0.0.1:9876 within 1000 ms',
    )
    expect(wire.clock.monoMs() - startedMs).toBeWithin(1_000, 1_200)
    peer.send(answerTo(first, { remark: 'late' }))
    await wire.clock.advance(1_000)
    expect((await other).code).toBe(0)
    expect(peer.isClosed).toBe(false)
  })

  test('a peer that answered nothing at all since is taken for gone', async () => {
    const { wire, peer, invoke } = await toBareServer()
    expect(await wire.rejection(invoke(1_000))).toStartWith('TIMED_OUT')
    await wire.clock.advance(10)
    expect(peer.isClosed).toBe(true)
    expect(wire.lines.at(-1)).toContain('closing 10.0.0.1:9876: it went silent')
  })

  test('a lost connection fails what was under way', async () => {
    const { wire, peer, invoke } = await toBareServer()
    const under = invoke()
    await wire.clock.advance(10)
    peer.stream.destroy()
    expect(await wire.rejection(under)).toBe(
      'CONNECTION_CLOSED: 10.0.0.1:9876 closed the connection',
    )
  })

  test('answers nobody asked for are dropped', async () => {
    const { wire, peer, invoke } = await toBareServer()
    peer.send(
      ...Array.from({ length: 100 }, (_, i) => commandOf({ flag: FLAG_RESPONSE, opaque: i - 50 })),
    )
    await wire.clock.advance(10)
    const asked = invoke()
    await wire.clock.advance(10)
    peer.send(answerTo(peer.received[0] as Command, { remark: 'right' }))
    expect((await wire.clock.runFor(asked, 1_000)).remark).toBe('right')
  })

  test('a peer that does not read makes new requests wait, not fail', async () => {
    const wire = new Wire()
    const peers = await wire.listenBare()
    const channels = wire.channels()
    const body = Buffer.alloc(3 * 1024 * 1024)
    const send = (): Promise<Command> =>
      channels.invoke(SERVER_ADDRESS, 8, { body, timeoutMs: 20_000 })
    const first = send()
    await wire.clock.advance(10)
    const peer = peers[0] as BarePeer
    peer.stream.pause()
    const sends = [first, ...Array.from({ length: 9 }, send)]
    await wire.clock.advance(5_000)
    expect(peer.received.length).toBeLessThan(2)
    peer.stream.resume()
    await wire.clock.advance(1_000)
    expect(peer.received.length).toBe(10)
    peer.send(...peer.received.map((request) => answerTo(request)))
    const answers = await wire.clock.runFor(Promise.all(sends), 1_000)
    expect(answers.map((answer) => answer.code)).toEqual(Array(10).fill(0))
  })

  test('more requests than the bound are refused at once', async () => {
    const { wire, invoke } = await toBareServer()
    const all = Array.from({ length: IN_FLIGHT_COUNT_MAX }, () => invoke().catch(() => null))
    expect(await wire.rejection(invoke())).toStartWith('BROKER_BUSY: 65536 requests')
    await wire.clock.runFor(Promise.all(all), 10_000)
  })
})

describe('requests to us', () => {
  test('are answered in their own encoding, with our version and their number', async () => {
    const wire = new Wire()
    await wire.server({ handlers: ECHO })
    const peer = await wire.connectBare()
    for (const encoding of ['json', 'binary'] as const) {
      peer.send(
        commandOf({ code: 1, opaque: -7, fields: { a: 'b' }, body: Buffer.from('x') }, encoding),
      )
      await wire.clock.advance(10)
      const answer = peer.received.pop() as Command
      expect(answer).toMatchObject({
        code: 0,
        opaque: -7,
        flag: FLAG_RESPONSE,
        encoding,
        version: 407,
      })
      expect([answer.fields['a'], answer.body.toString()]).toEqual(['b', 'x'])
    }
  })

  test('one-way ones are never answered, not even with an error', async () => {
    const wire = new Wire()
    await wire.server({ handlers: ECHO })
    const peer = await wire.connectBare()
    peer.send(
      commandOf({ code: 1, flag: FLAG_ONEWAY }),
      commandOf({ code: 12_345, flag: FLAG_ONEWAY }),
    )
    await wire.clock.advance(1_000)
    expect(peer.received).toEqual([])
    expect(peer.isClosed).toBe(false)
  })

  test('both sides may ask at once, with the same numbers', async () => {
    const wire = new Wire()
    let toClient: Connection | undefined
    await wire.server({
      handlers: new Map([
        [
          1,
          (_request, connection) => {
            toClient = connection
            return { code: 0, remark: 'from the server' }
          },
        ],
      ]),
    })
    const channels = wire.channels({
      handlers: new Map([[2, () => ({ code: 0, remark: 'from the client' })]]),
    })
    await wire.clock.runFor(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 }), 1_000)
    const both = Promise.all([
      channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 }),
      (toClient as Connection).invoke(2, {}, 1_000),
    ])
    const answers = await wire.clock.runFor(both, 1_000)
    expect(answers.map((answer) => answer.remark)).toEqual(['from the server', 'from the client'])
  })

  test('answers to one chunk of requests leave in one write', async () => {
    const wire = new Wire()
    await wire.server({ handlers: ECHO })
    const peer = await wire.connectBare()
    let chunks = 0
    const onData = peer.onData.bind(peer)
    peer.onData = (chunk) => {
      chunks++
      onData(chunk)
    }
    peer.send(...Array.from({ length: 50 }, (_, opaque) => commandOf({ code: 1, opaque })))
    await wire.clock.advance(10)
    expect([peer.received.length, chunks]).toEqual([50, 1])
  })

  test('an answer too large for a frame becomes an error the peer can read', async () => {
    const wire = new Wire()
    await wire.server({
      handlers: new Map([[1, () => ({ code: 0, body: Buffer.alloc(FRAME_BYTES_MAX) })]]),
    })
    const peer = await wire.connectBare()
    peer.send(commandOf({ code: 1 }))
    await wire.clock.advance(100)
    expect(peer.received[0]).toMatchObject({ code: RESPONSE.systemError })
    expect(peer.received[0]?.remark).toContain('exceeds 16777216')
  })
})

describe('limits on a peer', () => {
  const closedAfter = async (wire: Wire, peer: BarePeer, withinMs: number): Promise<number> => {
    const tookMs = await wire.clock.runUntil(() => peer.isClosed, withinMs, 'closed')
    return Math.round(tookMs / 1_000)
  }
  const served = async (): Promise<{ wire: Wire; peer: BarePeer }> => {
    const wire = new Wire()
    await wire.server({ handlers: ECHO })
    return { wire, peer: await wire.connectBare() }
  }

  test('one that never speaks is closed after 5 s', async () => {
    const { wire, peer } = await served()
    expect(await closedAfter(wire, peer, 60_000)).toBeWithin(5, 8)
    expect(wire.lines.at(-1)).toContain('no request within 5000 ms of connecting')
  })

  test('one that trickles a frame is closed for its rate', async () => {
    const { wire, peer } = await served()
    const frame = encodeFrame(commandOf({ code: 1, body: Buffer.alloc(100_000) }))
    peer.send(commandOf({ code: 1 }))
    let at = 0
    wire.clock.every(1_000, () => {
      peer.stream.write(frame.subarray(at, at + 500))
      at += 500
    })
    expect(await closedAfter(wire, peer, 60_000)).toBeWithin(5, 9)
    expect(wire.lines.at(-1)).toContain('are too slow')
  })

  test('one fast enough must still finish a frame within 15 s', async () => {
    const { wire, peer } = await served()
    const frame = encodeFrame(commandOf({ code: 1, body: Buffer.alloc(100_000) }))
    peer.send(commandOf({ code: 1 }))
    let at = 0
    wire.clock.every(1_000, () => {
      peer.stream.write(frame.subarray(at, at + 3_000))
      at += 3_000
    })
    expect(await closedAfter(wire, peer, 60_000)).toBeWithin(15, 18)
    expect(wire.lines.at(-1)).toContain('a frame is incomplete after 15000 ms')
  })

  test('one that finishes each frame in time may go on', async () => {
    const { wire, peer } = await served()
    const frame = encodeFrame(commandOf({ code: 1, body: Buffer.alloc(20_000) }))
    peer.send(commandOf({ code: 1 }))
    let at = 0
    wire.clock.every(1_000, () => {
      peer.stream.write(frame.subarray(at, at + 3_000))
      at = at + 3_000 >= frame.length ? 0 : at + 3_000
    })
    await wire.clock.advance(100_000)
    expect([peer.isClosed, peer.received.length > 10]).toEqual([false, true])
  })

  test('one idle for 120 s is closed without a warning', async () => {
    const { wire, peer } = await served()
    peer.send(commandOf({ code: 1 }))
    expect(await closedAfter(wire, peer, 300_000)).toBeWithin(120, 123)
    expect(wire.lines).toEqual([])
  })

  test('a heartbeat now and then keeps it open', async () => {
    const { wire, peer } = await served()
    wire.clock.every(30_000, () => peer.send(commandOf({ code: 1 })))
    peer.send(commandOf({ code: 1 }))
    await wire.clock.advance(600_000)
    expect(peer.isClosed).toBe(false)
  })

  test('one that does not read its answers is not read from, and closed after 30 s', async () => {
    const { wire, peer } = await served()
    peer.stream.pause()
    const request = commandOf({ code: 1, body: Buffer.alloc(100_000) })
    let written = 0
    wire.clock.every(10, () => {
      written += peer.stream.write(encodeFrame(request))
    })
    await wire.clock.advance(10_000)
    // What it could send is what fits our output bound and the windows of the network.
    expect(written).toBeLessThan(OUTPUT_BYTES_MAX + 2 * 1024 * 1024)
    expect(await closedAfter(wire, peer, 60_000)).toBeWithin(19, 24)
    expect(wire.lines.at(-1)).toContain('bytes unread for 30000 ms')
  })

  test('one that reads again in time goes on where it was', async () => {
    const { wire, peer } = await served()
    peer.stream.pause()
    const requests = Array.from({ length: 12 }, (_, opaque) =>
      encodeFrame(commandOf({ code: 1, opaque, body: Buffer.alloc(1024 * 1024) })),
    )
    let rest = Buffer.concat(requests)
    wire.clock.every(10, () => {
      rest = rest.subarray(peer.stream.write(rest))
    })
    await wire.clock.advance(20_000)
    expect(rest.length).toBeGreaterThan(0)
    peer.stream.resume()
    await wire.clock.advance(20_000)
    expect(peer.received.map((answer) => answer.opaque)).toEqual([...Array(12).keys()])
  })

  test('one that outruns its handlers is not read from until they catch up', async () => {
    const wire = new Wire({ windowBytes: 64 * 1024 * 1024 })
    const waiting: (() => void)[] = []
    await wire.server({
      handlers: new Map([
        [
          1,
          (request, connection) =>
            void waiting.push(() => connection.respond(request, { code: 0 })),
        ],
      ]),
    })
    const peer = await wire.connectBare()
    const frame = encodeFrame(commandOf({ code: 1 }, 'binary'))
    const batch = Buffer.concat(Array.from({ length: 1_000 }, () => frame))
    for (let i = 0; i < 80; i++) peer.stream.write(batch)
    await wire.clock.advance(1_000)
    expect(waiting.length).toBeWithin(IN_FLIGHT_COUNT_MAX, IN_FLIGHT_COUNT_MAX + 1_001)
    while (waiting.length > 0) waiting.pop()?.()
    await wire.clock.advance(1_000)
    while (waiting.length > 0) waiting.pop()?.()
    await wire.clock.advance(1_000)
    expect(peer.received.length).toBe(80_000)
  })

  test('bytes without sense close the connection with one line in the log', async () => {
    const { wire, peer } = await served()
    peer.stream.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await wire.clock.advance(10)
    expect(peer.isClosed).toBe(true)
    expect(wire.lines.length).toBe(1)
    expect(wire.lines[0]).toContain('a frame claims 1195725856 bytes')
  })

  test('requests behind a malformed frame in the same chunk are not served', async () => {
    const wire = new Wire()
    let served = 0
    await wire.server({
      handlers: new Map([
        [
          1,
          () => {
            served++
            return { code: 0 }
          },
        ],
      ]),
    })
    const peer = await wire.connectBare()
    const good = encodeFrame(commandOf({ code: 1 }))
    const bad = Buffer.from('0000000402000000', 'hex')
    peer.stream.write(Buffer.concat([good, bad, good]))
    await wire.clock.advance(10)
    expect([served, peer.isClosed]).toEqual([1, true])
  })
})

test('an unknown code is answered "not supported" and the connection stays', async () => {
  const wire = new Wire()
  await wire.server({ handlers: ECHO })
  const peer = await wire.connectBare()
  peer.send(commandOf({ code: REQUEST.queryAssignment }), commandOf({ code: 1 }))
  await wire.clock.advance(10)
  expect(peer.received.map((answer) => [answer.code, answer.remark])).toEqual([
    [RESPONSE.notSupported, ' request type 400 not supported'],
    [0, null],
  ])
})
