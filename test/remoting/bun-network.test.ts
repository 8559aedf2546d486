// Goal: real sockets keep the promises of network.ts. Method: loopback connections between recorders;
// a peer that never reads, one that never accepts (a stopped child with a full backlog), and each way
// to close. Waiting is for conditions, with a deadline.

import { afterEach, expect, test } from 'bun:test'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { MqError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import type { HostPort, Listener, Stream, StreamHandlers } from '../../src/remoting/network.ts'
import { randomBytes } from '../support/frames.ts'

class Recorder implements StreamHandlers {
  readonly stream: Stream
  readonly chunks: Buffer[] = []
  drains = 0
  closes = 0
  constructor(stream: Stream) {
    this.stream = stream
  }
  onData(chunk: Buffer): void {
    this.chunks.push(chunk)
  }
  onDrain(): void {
    this.drains++
  }
  onClose(): void {
    this.closes++
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = systemClock.monoMs() + 5_000
  while (!condition()) {
    if (systemClock.monoMs() > deadlineMs) throw new Error(`${what}: not within 5 s`)
    await sleep(systemClock, 1)
  }
}

async function listening(accepted: Recorder[]): Promise<Listener> {
  const listener = await bunNetwork.listen({ host: '127.0.0.1', port: 0 }, (stream) => {
    const recorder = new Recorder(stream)
    accepted.push(recorder)
    return recorder
  })
  cleanups.push(() => listener.close())
  return listener
}

async function connect(address: HostPort, timeoutMs = 2_000): Promise<Recorder> {
  let recorder: Recorder | undefined
  const stream = await bunNetwork.connect(address, { timeoutMs }, (opened) => {
    recorder = new Recorder(opened)
    return recorder
  })
  cleanups.push(() => stream.destroy())
  return recorder as Recorder
}

async function pair(): Promise<{ client: Recorder; server: Recorder }> {
  const accepted: Recorder[] = []
  const listener = await listening(accepted)
  const client = await connect(listener.address)
  await until(() => accepted.length === 1, 'accepted')
  return { client, server: accepted[0] as Recorder }
}

test('bytes go both ways, and both sides know both addresses', async () => {
  const { client, server } = await pair()
  expect(client.stream.remote).toEqual(server.stream.local)
  expect(server.stream.remote).toEqual(client.stream.local)
  expect(client.stream.remote.host).toBe('127.0.0.1')
  expect(client.stream.write(Buffer.from('question'))).toBe(8)
  await until(() => server.bytes.length === 8, 'question')
  server.stream.write(Buffer.from('answer'))
  await until(() => client.bytes.length === 6, 'answer')
  expect([server.bytes.toString(), client.bytes.toString()]).toEqual(['question', 'answer'])
})

test('a received chunk belongs to the receiver', async () => {
  const { client, server } = await pair()
  for (let i = 1; i <= 20; i++) {
    client.stream.write(Buffer.alloc(1_000, i))
    await until(() => server.bytes.length === i * 1_000, 'chunk')
  }
  const expected = Buffer.concat(Array.from({ length: 20 }, (_, i) => Buffer.alloc(1_000, i + 1)))
  expect(server.bytes.equals(expected)).toBe(true)
})

test('a peer that does not read: writes are cut short, drain when it reads, nothing is lost', async () => {
  const { client, server } = await pair()
  server.stream.pause()
  const sent = randomBytes(seededRandom(1), 1024 * 1024)
  let rest = Buffer.concat(Array.from({ length: 32 }, () => sent))
  const all = rest
  for (;;) {
    const taken = client.stream.write(rest)
    rest = rest.subarray(taken)
    if (taken === 0) break
    expect(rest.length, 'a bound somewhere').toBeGreaterThan(0)
  }
  expect(server.bytes.length).toBe(0)
  server.stream.resume()
  const drained = client.drains
  while (rest.length > 0) {
    const before = rest.length
    await until(() => {
      rest = rest.subarray(client.stream.write(rest))
      return rest.length < before
    }, 'room')
  }
  await until(() => server.bytes.length === all.length, 'everything')
  expect(server.bytes.equals(all)).toBe(true)
  expect(client.drains).toBeGreaterThanOrEqual(drained)
})

test('drain is told after a short write', async () => {
  const { client, server } = await pair()
  server.stream.pause()
  const block = Buffer.alloc(1024 * 1024)
  while (client.stream.write(block) === block.length);
  const before = client.drains
  server.stream.resume()
  await until(() => client.drains > before, 'drain')
})

test('a port where nothing listens is UNREACHABLE, and says why', async () => {
  const listener = await listening([])
  const { address } = listener
  listener.close()
  const failure = connect(address)
  await expect(failure).rejects.toThrow(/cannot reach 127\.0\.0\.1:\d+: connection refused/)
  await expect(failure).rejects.toMatchObject({ code: 'UNREACHABLE' })
})

test('a port in use and an address that is not ours are told apart, with the next step', async () => {
  const { address } = await listening([])
  const again = bunNetwork.listen(address, (stream) => new Recorder(stream))
  await expect(again).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    hint: expect.stringContaining('--listen'),
  })
  const elsewhere = bunNetwork.listen(
    { host: '192.0.2.1', port: 0 },
    (stream) => new Recorder(stream),
  )
  await expect(elsewhere).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
})

test('a closed listener accepts no more, its connections go on', async () => {
  const accepted: Recorder[] = []
  const listener = await listening(accepted)
  const client = await connect(listener.address)
  await until(() => accepted.length === 1, 'accepted')
  listener.close()
  await expect(connect(listener.address)).rejects.toMatchObject({ code: 'UNREACHABLE' })
  client.stream.write(Buffer.from('still here'))
  await until(() => accepted[0]?.bytes.length === 10, 'data after the listener closed')
})

test('a server that never accepts is TIMED_OUT, and no stream is handed out late', async () => {
  const script = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, server.address().port + '\\n')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'inherit' })
  cleanups.push(() => child.kill('SIGKILL'))
  const reader = child.stdout.getReader()
  const port = Number(new TextDecoder().decode((await reader.read()).value))
  expect(port).toBeGreaterThan(0)
  let opened = 0
  const attempt = async (): Promise<string> => {
    try {
      const stream = await bunNetwork.connect(
        { host: '127.0.0.1', port },
        { timeoutMs: 200 },
        (it) => {
          opened++
          return new Recorder(it)
        },
      )
      cleanups.push(() => stream.destroy())
      return 'connected'
    } catch (error) {
      return error instanceof MqError ? error.code : String(error)
    }
  }
  let outcome = 'connected'
  let connected = -1
  // The kernel takes connections for the stopped process until its backlog is full.
  while (outcome === 'connected' && connected < 5_000) {
    connected++
    outcome = await attempt()
  }
  expect(outcome).toBe('TIMED_OUT')
  child.kill('SIGKILL')
  await child.exited
  expect(opened).toBe(connected)
}, 20_000)

test('each way to close is told to both sides exactly once', async () => {
  const ways: ((client: Recorder, server: Recorder) => void)[] = [
    (client) => client.stream.end(),
    (_client, server) => server.stream.end(),
    (client) => client.stream.destroy(),
    (client, server) => {
      client.stream.end()
      server.stream.end()
      server.stream.destroy()
    },
    (client) => {
      client.stream.destroy()
      client.stream.end()
    },
  ]
  for (const close of ways) {
    const { client, server } = await pair()
    close(client, server)
    await until(() => client.closes > 0 && server.closes > 0, 'both closed')
    await sleep(systemClock, 5)
    expect([client.closes, server.closes]).toEqual([1, 1])
    expect(client.stream.write(Buffer.from('x'))).toBe(0)
  }
})

test('end delivers what was taken before', async () => {
  const { client, server } = await pair()
  const sent = Buffer.alloc(200_000, 5)
  const taken = client.stream.write(sent)
  client.stream.end()
  await until(() => server.closes === 1, 'closed')
  expect(server.bytes.length).toBe(taken)
})

test('what our own code throws in a callback ends the process instead of a connection', async () => {
  const path = new URL('../../src/remoting/bun-network.ts', import.meta.url).pathname
  const script = `
    import { bunNetwork } from '${path}'
    const quiet = { onData() {}, onDrain() {}, onClose() {} }
    const listener = await bunNetwork.listen({ host: '127.0.0.1', port: 0 }, () => ({
      ...quiet, onData() { throw new Error('a bug of ours') } }))
    await bunNetwork.connect(listener.address, { timeoutMs: 1000 }, (stream) => {
      stream.write(Buffer.from('x'))
      return quiet
    })`
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'ignore', stderr: 'pipe' })
  cleanups.push(() => child.kill('SIGKILL'))
  const deadline = systemClock.after(5_000, () => child.kill('SIGKILL'))
  const stderr = await new Response(child.stderr).text()
  deadline.cancel()
  expect([await child.exited, stderr.includes('a bug of ours')]).toEqual([1, true])
})
