// Goal: the proxy relays faithfully, and a cut holds everything back in silence until it is healed:
// bytes, the end of a connection, and connection requests; the other way goes on. Method: a real echo
// peer behind the proxy on loopback sockets.

import { afterEach, expect, test } from 'bun:test'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { formatAddress, parseAddress } from '../../src/remoting/address.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { CuttableProxy } from '../../src/remoting/cuttable-proxy.ts'
import type { Stream } from '../../src/remoting/network.ts'

const LIMIT_MS = 5_000
/** Long enough for anything on the loopback that is not held back. */
const QUIET_MS = 150

interface Peer {
  stream: Stream
  said: string
  isClosed: boolean
}

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function until(isTrue: () => boolean): Promise<void> {
  const endMs = systemClock.monoMs() + LIMIT_MS
  while (!isTrue()) {
    if (systemClock.monoMs() > endMs) throw new Error('not in time')
    await sleep(systemClock, 5)
  }
}

function newPeer(stream: Stream): Peer & {
  onData(chunk: Buffer): void
  onDrain(): void
  onClose(): void
} {
  return {
    stream,
    said: '',
    isClosed: false,
    onData(chunk) {
      this.said += chunk.toString()
    },
    onDrain() {},
    onClose() {
      this.isClosed = true
    },
  }
}

async function world(): Promise<{
  proxy: CuttableProxy
  accepted: Peer[]
  connect: () => Promise<Peer>
}> {
  const accepted: Peer[] = []
  const listener = await bunNetwork.listen({ host: '127.0.0.1', port: 0 }, (stream) => {
    const peer = newPeer(stream)
    accepted.push(peer)
    return peer
  })
  const proxy = await CuttableProxy.start(bunNetwork)
  proxy.target = formatAddress(listener.address)
  stops.push(() => {
    proxy.stop()
    listener.close()
  })
  const connect = async (): Promise<Peer> => {
    let peer: Peer | undefined
    await bunNetwork.connect(parseAddress(proxy.address), { timeoutMs: LIMIT_MS }, (stream) => {
      const made = newPeer(stream)
      peer = made
      return made
    })
    return peer as Peer
  }
  return { proxy, accepted, connect }
}

test('bytes go both ways, and the end of a connection follows them', async () => {
  const { accepted, connect } = await world()
  const client = await connect()
  client.stream.write(Buffer.from('hello'))
  await until(() => accepted[0]?.said === 'hello')
  accepted[0]?.stream.write(Buffer.from('hi'))
  await until(() => client.said === 'hi')
  client.stream.end()
  await until(() => accepted[0]?.isClosed === true)
})

test('a cut is silent and one way; healing it brings what was said, in order', async () => {
  const { proxy, accepted, connect } = await world()
  const client = await connect()
  client.stream.write(Buffer.from('1'))
  await until(() => accepted[0]?.said === '1')
  proxy.cut('to-target')
  client.stream.write(Buffer.from('2'))
  client.stream.write(Buffer.from('3'))
  accepted[0]?.stream.write(Buffer.from('still heard'))
  await until(() => client.said === 'still heard')
  await sleep(systemClock, QUIET_MS)
  expect(accepted[0]?.said).toBe('1')
  expect(client.isClosed).toBe(false)
  proxy.heal('to-target')
  await until(() => accepted[0]?.said === '123')
})

test('nobody learns across a cut that a connection ended or was asked for', async () => {
  const { proxy, accepted, connect } = await world()
  const old = await connect()
  await until(() => accepted.length === 1)
  proxy.cut('to-target')
  old.stream.end()
  const late = await connect()
  late.stream.write(Buffer.from('late'))
  await sleep(systemClock, QUIET_MS)
  expect(accepted.map(({ isClosed }) => isClosed)).toEqual([false])
  proxy.heal('to-target')
  await until(() => accepted[0]?.isClosed === true && accepted[1]?.said === 'late')
})

test('where nothing listens the client sees its connection close', async () => {
  const { proxy, connect } = await world()
  proxy.target = '127.0.0.1:1'
  const client = await connect()
  await until(() => client.isClosed)
  proxy.target = null
  const second = await connect()
  await until(() => second.isClosed)
})

test('a megabyte passes unchanged', async () => {
  const { accepted, connect } = await world()
  const client = await connect()
  const text = Array.from({ length: 200_000 }, (_, i) => String(i % 10))
    .join('')
    .repeat(6)
  let at = 0
  const bytes = Buffer.from(text)
  await until(() => {
    at += client.stream.write(bytes.subarray(at))
    return at === bytes.length
  })
  await until(() => accepted[0]?.said.length === text.length)
  expect(accepted[0]?.said).toBe(text)
})
