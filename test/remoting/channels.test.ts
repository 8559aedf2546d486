// Goal: one connection per address, opened when needed, opened again after a loss, and not in a hurry
// where it fails. Method: channels on a simulated network that refuses, cuts and severs.

import { expect, test } from 'bun:test'
import type { Handlers } from '../../src/remoting/dispatch.ts'
import { SERVER, SERVER_ADDRESS, Wire } from '../support/wire.ts'

const OK: Handlers = new Map([
  [1, () => ({ code: 0 })],
  [2, () => ({ code: 17, remark: 'no such topic' })],
])

test('requests that come together share one connection', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: OK })
  const channels = wire.channels()
  const all = Array.from({ length: 100 }, () =>
    channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 }),
  )
  expect(channels.isOpen(SERVER_ADDRESS)).toBe(false)
  await wire.clock.runFor(Promise.all(all), 1_000)
  expect([channels.isOpen(SERVER_ADDRESS), server.connectionCount]).toEqual([true, 1])
})

test('call turns an answer that says no into the error it stands for, invoke does not', async () => {
  const wire = new Wire()
  await wire.server({ handlers: OK })
  const channels = wire.channels()
  const answer = await wire.clock.runFor(
    channels.invoke(SERVER_ADDRESS, 2, { timeoutMs: 1_000 }),
    1_000,
  )
  expect(answer.code).toBe(17)
  expect(await wire.rejection(channels.call(SERVER_ADDRESS, 2, { timeoutMs: 1_000 }))).toBe(
    'TOPIC_NOT_FOUND: 10.0.0.1:9876 answered: no such topic',
  )
})

test('after a loss the next request connects again', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: OK })
  const lost: string[] = []
  const channels = wire.channels({ onClosed: (address) => void lost.push(address) })
  const ask = (): Promise<unknown> => channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 })
  await wire.clock.runFor(ask(), 1_000)
  wire.network.sever({ a: '10.0.0.1', b: '10.0.0.2' })
  expect([lost, channels.isOpen(SERVER_ADDRESS)]).toEqual([[SERVER_ADDRESS], false])
  await wire.clock.runFor(ask(), 1_000)
  channels.drop(SERVER_ADDRESS)
  expect(lost.length).toBe(2)
  await wire.clock.runFor(ask(), 1_000)
  expect(server.connectionCount).toBe(1)
})

test('refusals: each wait is up to twice the last, at most 3 s, and requests meanwhile fail at once', async () => {
  const wire = new Wire()
  let attempts = 0
  const host = wire.network.host('10.0.0.2')
  const network = {
    listen: host.listen.bind(host),
    connect: ((...args) => {
      attempts++
      return host.connect(...args)
    }) as typeof host.connect,
  }
  wire.network.host('10.0.0.1')
  const channels = wire.channels({ network })
  const attemptTimes: number[] = []
  for (let ms = 0; ms < 30_000; ms += 5) {
    const before = attempts
    const startedMs = wire.clock.monoMs()
    expect(
      await wire.rejection(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 })),
    ).toStartWith('UNREACHABLE')
    if (attempts > before) attemptTimes.push(startedMs)
    await wire.clock.advance(5)
  }
  const waits = attemptTimes.slice(1).map((timeMs, i) => timeMs - (attemptTimes[i] as number))
  waits.forEach((waitMs, i) => {
    const boundMs = Math.min(3_000, 50 * 2 ** i)
    expect(waitMs).toBeWithin(boundMs / 2 - 1, boundMs + 20)
  })
  expect(attempts).toBeLessThan(25)
  // Random within the bound: clients that lost the same server do not come back in step.
  expect(new Set(waits.slice(-5).map(Math.round)).size).toBeGreaterThan(1)

  await wire.server({ handlers: OK })
  await wire.clock.advance(3_000)
  await wire.clock.runFor(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 }), 1_000)
})

test('a server that accepts and closes without a word counts as a refusal', async () => {
  const wire = new Wire()
  let accepted = 0
  await wire.network.host('10.0.0.1').listen(SERVER, (stream) => {
    accepted++
    stream.destroy()
    return { onData: () => {}, onDrain: () => {}, onClose: () => {} }
  })
  const channels = wire.channels()
  for (let ms = 0; ms < 10_000; ms += 10) {
    const failure = await wire.rejection(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 }))
    expect(failure).toStartWith('CONNECTION_CLOSED')
    await wire.clock.advance(10)
  }
  expect(accepted).toBeLessThan(20)
})

test('an address nobody answers at times out, within the time of the request', async () => {
  const wire = new Wire()
  wire.network.host('10.0.0.1')
  wire.network.cut({ from: '10.0.0.2', to: '10.0.0.1' })
  const channels = wire.channels()
  const startedMs = wire.clock.monoMs()
  const failure = await wire.rejection(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 500 }))
  expect(failure).toBe('TIMED_OUT: 10.0.0.1:9876 did not accept a connection within 500 ms')
  expect(wire.clock.monoMs() - startedMs).toBe(500)
})

test('an address that is none is refused by name', async () => {
  const wire = new Wire()
  expect(await wire.rejection(wire.channels().invoke('nowhere', 1, { timeoutMs: 500 }))).toBe(
    'ADDRESS_INVALID: "nowhere" is not an address',
  )
})

test('a half-open connection is found out by a request that times out, and replaced', async () => {
  const wire = new Wire()
  await wire.server({ handlers: OK })
  const channels = wire.channels()
  const ask = (): Promise<unknown> => channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 })
  await wire.clock.runFor(ask(), 1_000)
  wire.network.vanish('10.0.0.1')
  expect(await wire.rejection(ask())).toStartWith('TIMED_OUT')
  wire.network.reboot('10.0.0.1')
  await wire.server({ handlers: OK })
  await wire.clock.advance(3_000)
  await wire.clock.runFor(ask(), 1_000)
})

test('stop closes what is open, refuses what comes, and leaves no timer behind', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: OK })
  const channels = wire.channels()
  await wire.clock.runFor(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 }), 1_000)
  const opening = channels.invoke('10.0.0.1:1', 1, { timeoutMs: 1_000 })
  const last = channels.sendOneway(SERVER_ADDRESS, 1, {})
  await wire.clock.runFor(channels.stop(), 1_000)
  await last
  expect(await wire.rejection(opening)).toMatch(/^(UNREACHABLE|CONNECTION_CLOSED)/)
  expect(await wire.rejection(channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 500 }))).toBe(
    'CONNECTION_CLOSED: this client was stopped',
  )
  await wire.clock.advance(1_000)
  expect(server.connectionCount).toBe(0)
  await wire.clock.runFor(server.stop(), 1_000)
  const { eventCount } = wire.clock
  await wire.clock.advance(60_000)
  expect(wire.clock.eventCount).toBe(eventCount)
})

test('stop while a connection is being opened closes it when it comes', async () => {
  const wire = new Wire()
  const server = await wire.server({ handlers: OK })
  const channels = wire.channels()
  const asked = channels.invoke(SERVER_ADDRESS, 1, { timeoutMs: 1_000 })
  await channels.stop()
  expect(await wire.rejection(asked)).toStartWith('CONNECTION_CLOSED')
  await wire.clock.advance(1_000)
  expect(server.connectionCount).toBe(0)
})
