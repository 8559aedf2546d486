// Goal: the simulated network keeps TCP's promises and breaks only what it is told to break.
// Method: an echo server and recorders on two hosts; each fault alone, seen from both sides.

import { expect, test } from 'bun:test'
import { MqError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { Stream, StreamHandlers } from '../../src/remoting/network.ts'
import { VirtualClock } from '../../src/simulation/virtual-clock.ts'
import { VirtualNetwork } from '../../src/simulation/virtual-network.ts'
import { VirtualProcess } from '../../src/simulation/virtual-process.ts'

class Recorder implements StreamHandlers {
  stream: Stream
  received: Buffer[] = []
  drains = 0
  closes = 0
  constructor(stream: Stream) {
    this.stream = stream
  }
  onData(chunk: Buffer): void {
    this.received.push(chunk)
  }
  onDrain(): void {
    this.drains++
  }
  onClose(): void {
    this.closes++
  }
  get text(): string {
    return Buffer.concat(this.received).toString()
  }
}

interface Pair {
  clock: VirtualClock
  network: VirtualNetwork
  client: Recorder
  server: Recorder
}

const SERVER = { host: '10.0.0.2', port: 9876 }
const PATH = { from: '10.0.0.1', to: '10.0.0.2' }
const BACK = { from: '10.0.0.2', to: '10.0.0.1' }

async function connected(
  options: { windowBytes?: number; chunkBytesMax?: number } = {},
): Promise<Pair> {
  const clock = new VirtualClock()
  const network = new VirtualNetwork({ clock, seed: 7, ...options })
  let server: Recorder | undefined
  await network.host(SERVER.host).listen(SERVER, (stream) => {
    server = new Recorder(stream)
    return server
  })
  let client: Recorder | undefined
  const connecting = network.host('10.0.0.1').connect(SERVER, { timeoutMs: 1_000 }, (stream) => {
    client = new Recorder(stream)
    return client
  })
  await clock.runFor(connecting, 1_000)
  if (client === undefined || server === undefined) throw new Error('not connected')
  return { clock, network, client, server }
}

async function failure(promise: Promise<unknown>, clock: VirtualClock): Promise<string> {
  try {
    await clock.runFor(promise, 60_000)
  } catch (error) {
    if (error instanceof MqError) return error.code
    throw error
  }
  return 'none'
}

test('bytes arrive in order, both ways, with real-looking addresses', async () => {
  const { clock, client, server } = await connected()
  expect(server.stream.remote).toEqual(client.stream.local)
  expect(client.stream.local.host).toBe('10.0.0.1')
  expect(server.stream.local).toEqual(SERVER)
  expect(client.stream.write(Buffer.from('hello '))).toBe(6)
  expect(client.stream.write(Buffer.from('world'))).toBe(5)
  server.stream.write(Buffer.from('answer'))
  await clock.advance(10)
  expect(server.text).toBe('hello world')
  expect(client.text).toBe('answer')
})

test('what was written may be overwritten by its owner at once', async () => {
  const { clock, client, server } = await connected()
  const buffer = Buffer.from('first')
  client.stream.write(buffer)
  buffer.write('XXXXX')
  await clock.advance(10)
  expect(server.text).toBe('first')
})

test('chunks are cut at random places and nothing is lost', async () => {
  const { clock, client, server } = await connected({ chunkBytesMax: 7 })
  const random = seededRandom(3)
  const sent = Buffer.from(Array.from({ length: 5_000 }, () => random.below(256)))
  client.stream.write(sent)
  await clock.advance(10_000)
  expect(Buffer.concat(server.received)).toEqual(sent)
  expect(server.received.length).toBeGreaterThan(700)
})

test('a full window takes part of a write, and drains once the peer has read', async () => {
  const { clock, client, server } = await connected({ windowBytes: 1_000 })
  server.stream.pause()
  expect(client.stream.write(Buffer.alloc(800))).toBe(800)
  expect(client.stream.write(Buffer.alloc(800))).toBe(200)
  expect(client.stream.write(Buffer.alloc(1))).toBe(0)
  await clock.advance(60_000)
  expect([server.received.length, client.drains]).toEqual([0, 0])
  server.stream.resume()
  await clock.advance(10)
  expect(Buffer.concat(server.received).length).toBe(1_000)
  expect(client.drains).toBe(1)
  expect(client.stream.write(Buffer.alloc(1_000))).toBe(1_000)
})

test('end delivers what was taken, then closes the peer; each side hears of it once', async () => {
  const { clock, client, server } = await connected()
  client.stream.write(Buffer.from('last words'))
  client.stream.end()
  client.stream.destroy()
  expect(client.closes).toBe(1)
  expect(client.stream.write(Buffer.from('x'))).toBe(0)
  await clock.advance(10)
  expect([server.text, server.closes, client.closes]).toEqual(['last words', 1, 1])
})

test('destroy closes both sides and may lose what was under way', async () => {
  const { clock, client, server } = await connected()
  client.stream.write(Buffer.from('perhaps'))
  client.stream.destroy()
  await clock.advance(10)
  expect([server.closes, client.closes]).toEqual([1, 1])
  expect(['', 'perhaps']).toContain(server.text)
})

test('a port where nothing listens refuses, an unknown host does not exist', async () => {
  const { clock, network } = await connected()
  const from = network.host('10.0.0.1')
  const connect = (host: string, port: number): Promise<Stream> =>
    from.connect({ host, port }, { timeoutMs: 500 }, (stream) => new Recorder(stream))
  expect(await failure(connect('10.0.0.2', 1), clock)).toBe('UNREACHABLE')
  expect(await failure(connect('10.0.0.9', 1), clock)).toBe('UNREACHABLE')
  network.addName('ns.example', '10.0.0.2')
  expect(await failure(connect('ns.example', 9876), clock)).toBe('none')
})

test('a port in use is refused to a second listener until the first closes', async () => {
  const network = new VirtualNetwork({ clock: new VirtualClock(), seed: 1 })
  const accept = (stream: Stream): StreamHandlers => new Recorder(stream)
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, accept)
  expect(listener.address.port).toBeGreaterThan(0)
  await expect(network.listen(listener.address, accept)).rejects.toThrow('the port is in use')
  listener.close()
  await network.listen(listener.address, accept)
})

test('a one-way cut is silent, holds what is sent, and delivers it after healing', async () => {
  const { clock, network, client, server } = await connected()
  network.cut(PATH)
  client.stream.write(Buffer.from('held'))
  server.stream.write(Buffer.from('other direction'))
  await clock.advance(300_000)
  expect([server.text, client.text]).toEqual(['', 'other direction'])
  expect([server.closes, client.closes]).toEqual([0, 0])
  network.heal(PATH)
  await clock.advance(1_000)
  expect(server.text).toBe('held')
})

test('data gets through a path whose way back is cut, but only one window of it', async () => {
  const { clock, network, client, server } = await connected({ windowBytes: 100 })
  network.cut(BACK)
  expect(client.stream.write(Buffer.alloc(150))).toBe(100)
  await clock.advance(1_000)
  expect(Buffer.concat(server.received).length).toBe(100)
  expect([client.stream.write(Buffer.alloc(50)), client.drains]).toEqual([0, 0])
  network.heal(BACK)
  await clock.advance(1_000)
  expect([client.drains, client.stream.write(Buffer.alloc(50))]).toEqual([1, 50])
})

test('connecting over a cut times out, and succeeds if it heals in time', async () => {
  const { clock, network } = await connected()
  const connect = (): Promise<Stream> =>
    network.host('10.0.0.1').connect(SERVER, { timeoutMs: 3_000 }, (stream) => new Recorder(stream))
  network.cut(PATH)
  expect(await failure(connect(), clock)).toBe('TIMED_OUT')
  network.heal(PATH)
  network.cut(BACK)
  expect(await failure(connect(), clock)).toBe('TIMED_OUT')
  clock.after(1_000, () => network.heal(BACK))
  expect(await failure(connect(), clock)).toBe('none')
  await clock.advance(10_000)
  // The attempt that timed out left nothing open on the server: one end there per live one here.
  expect(network.host('10.0.0.2').ends.length).toBe(network.host('10.0.0.1').ends.length)
})

test('a reset that is lost leaves the peer half open until it sends again', async () => {
  const { clock, network, client, server } = await connected()
  network.cut(PATH)
  client.stream.destroy()
  network.heal(PATH)
  await clock.advance(300_000)
  expect([client.closes, server.closes]).toEqual([1, 0])
  server.stream.write(Buffer.from('anybody?'))
  await clock.advance(1_000)
  expect(server.closes).toBe(1)
})

test('sever closes both sides at once', async () => {
  const { clock, network, client, server } = await connected()
  client.stream.write(Buffer.from('lost'))
  network.sever({ a: '10.0.0.2', b: '10.0.0.1' })
  expect([client.closes, server.closes]).toEqual([1, 1])
  await clock.advance(1_000)
  expect(server.text).toBe('')
})

test('a frozen process keeps its sockets open, accepts, and answers nothing until thawed', async () => {
  const { clock, network, client, server } = await connected()
  network.freeze('10.0.0.2')
  client.stream.write(Buffer.from('are you there'))
  const second = network
    .host('10.0.0.1')
    .connect(SERVER, { timeoutMs: 1_000 }, (stream) => new Recorder(stream))
  expect(await failure(second, clock)).toBe('none')
  await clock.advance(300_000)
  expect([server.text, server.closes, client.closes]).toEqual(['', 0, 0])
  network.thaw('10.0.0.2')
  await clock.advance(10)
  expect(server.text).toBe('are you there')
})

test('a process: frozen timers run late, once; killed ones never; a successor starts afresh', async () => {
  const clock = new VirtualClock()
  const network = new VirtualNetwork({ clock, seed: 2 })
  const first = new VirtualProcess({ network, clock, hostName: '10.0.0.2' })
  const accepted: Recorder[] = []
  const accept = (stream: Stream): StreamHandlers => {
    const recorder = new Recorder(stream)
    accepted.push(recorder)
    return recorder
  }
  await first.network.listen(SERVER, accept)
  let beats = 0
  first.clock.every(1_000, () => beats++)
  await clock.advance(2_500)
  first.freeze()
  await clock.advance(10_000)
  expect(beats).toBe(2)
  first.thaw()
  await clock.advance(1)
  expect(beats).toBe(3)

  let client: Recorder | undefined
  const peer = network.host('10.0.0.1')
  await clock.runFor(
    peer.connect(SERVER, { timeoutMs: 100 }, (stream) => {
      client = new Recorder(stream)
      return client
    }),
    100,
  )
  first.kill()
  await clock.advance(10_000)
  expect([beats, client?.closes]).toEqual([3, 1])
  // Its own handlers are silent: a killed process runs nothing.
  expect(accepted[0]?.closes).toBe(0)
  const again = (): Promise<Stream> =>
    peer.connect(SERVER, { timeoutMs: 100 }, (stream) => new Recorder(stream))
  expect(await failure(again(), clock)).toBe('UNREACHABLE')

  const second = new VirtualProcess({ network, clock, hostName: '10.0.0.2' })
  await second.network.listen(SERVER, accept)
  expect(await failure(again(), clock)).toBe('none')
  second.vanish()
  await clock.advance(300_000)
  expect(await failure(again(), clock)).toBe('TIMED_OUT')
})

test('same seed, same run; another seed, another run', async () => {
  const run = async (seed: number): Promise<string> => {
    const clock = new VirtualClock()
    const network = new VirtualNetwork({ clock, seed, chunkBytesMax: 50 })
    await network.listen({ host: '127.0.0.1', port: 1 }, (stream) => ({
      onData: (chunk) => void stream.write(chunk),
      onDrain: () => {},
      onClose: () => {},
    }))
    for (let i = 0; i < 20; i++) {
      await clock.runFor(
        network.connect({ host: 'localhost', port: 1 }, { timeoutMs: 100 }, (stream) => {
          stream.write(Buffer.alloc(500, i))
          return new Recorder(stream)
        }),
        100,
      )
    }
    await clock.advance(1_000)
    return network.traceHash
  }
  expect(await run(5)).toBe(await run(5))
  expect(await run(5)).not.toBe(await run(6))
})
