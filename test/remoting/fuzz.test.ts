// Goal: any bytes give a clean close, a protocol error or an answer: never an exception, never memory
// without bound, never a normal client that is not served. Method: recorded and random frames, mutated
// by a printed seed, against our nameserver and broker under virtual time, and against a nameserver
// process over real sockets. MQ_FUZZ_FRAMES sets how many (10^6 for the full run), MQ_FUZZ_SEED which.

import { afterEach, expect, test } from 'bun:test'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { seededRandom, systemRandom } from '../../src/core/random.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { Channels } from '../../src/remoting/channels.ts'
import { REQUEST } from '../../src/remoting/codes.ts'
import type { HostPort, Stream, StreamHandlers } from '../../src/remoting/network.ts'
import { FakeCluster, realBrokerHost } from '../support/fake-cluster.ts'
import { Mutator } from '../support/mutation.ts'
import { recordingLogger } from '../support/quiet-logger.ts'

const FRAMES = Number(process.env['MQ_FUZZ_FRAMES'] ?? 100_000)
const SEED = Number(process.env['MQ_FUZZ_SEED'] ?? 20_260_101)
const MiB = 1024 * 1024

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

class Sink implements StreamHandlers {
  isClosed = false
  bytes = 0
  onData(chunk: Buffer): void {
    this.bytes += chunk.length
  }
  onDrain(): void {}
  onClose(): void {
    this.isClosed = true
  }
}

test(`${FRAMES} malformed frames to a nameserver and a broker (seed ${SEED})`, async () => {
  const random = seededRandom(SEED)
  const mutator = new Mutator(random)
  const cluster = new FakeCluster()
  await cluster.addNameserver('ns1')
  await cluster.addRealBroker('broker-a', { config: { autoCreateTopics: true } })
  const targets: HostPort[] = [
    { host: 'ns1', port: 9876 },
    { host: realBrokerHost('broker-a'), port: 10_911 },
  ]
  const attacker = cluster.network.host('10.0.9.9')
  Bun.gc(true)
  const before = process.memoryUsage().rss
  let sent = 0
  let answers = 0
  let closes = 0
  while (sent < FRAMES) {
    const target = targets[random.below(2)] as HostPort
    const sink = new Sink()
    let stream: Stream | undefined
    await cluster.settle(
      attacker.connect(target, { timeoutMs: 1_000 }, (it) => {
        stream = it
        return sink
      }),
    )
    const count = 1 + random.below(30)
    for (let i = 0; i < count && !sink.isClosed; i++) {
      stream?.write(mutator.next())
      sent++
      if (random.below(3) === 0) await cluster.clock.advance(1)
    }
    // Some stay and hold what they began; the limits of the connection see to them.
    await cluster.clock.advance(random.below(10) === 0 ? 2_000 : 2)
    if (sink.bytes > 0) answers++
    if (sink.isClosed) closes++
    else if (random.below(4) > 0) stream?.destroy()
  }
  await cluster.clock.advance(200_000)
  // Our own mistakes are logged as such; what a peer did wrong is a warning at most.
  const mistakes = cluster.log.filter((line) => line.includes(' error '))
  expect(mistakes.slice(0, 3), `seed ${SEED}`).toEqual([])
  expect(answers).toBeGreaterThan(100)
  expect(closes).toBeGreaterThan(100)
  expect(attacker.ends.length).toBe(0)
  Bun.gc(true)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * MiB)
  // And both still serve.
  const client = cluster.client('10.0.9.8')
  for (const [address, code] of [
    ['ns1:9876', REQUEST.getClusterInfo],
    [`${realBrokerHost('broker-a')}:10911`, REQUEST.getAllTopicConfig],
  ] as const) {
    const answer = await cluster.settle(client.channels.invoke(address, code, { timeoutMs: 1_000 }))
    expect(answer.code).toBe(0)
  }
}, 600_000)

async function startFuzzed(): Promise<{
  port: number
  gaugePort: number
  exited: Promise<number>
}> {
  const path = new URL('../support/fuzz-server.ts', import.meta.url).pathname
  const child = Bun.spawn([process.execPath, path], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  cleanups.push(() => child.kill('SIGKILL'))
  const { value } = await child.stdout.getReader().read()
  const [port, gaugePort] = new TextDecoder().decode(value).trim().split(' ').map(Number)
  return { port: port as number, gaugePort: gaugePort as number, exited: child.exited }
}

test(`real sockets: a normal client is served while malformed frames come in (seed ${SEED})`, async () => {
  const random = seededRandom(SEED)
  const mutator = new Mutator(random)
  const { port, gaugePort, exited } = await startFuzzed()
  let exitCode: number | null = null
  exited.then((code) => {
    exitCode = code
  })
  const { logger } = recordingLogger(systemClock)
  const channels = new Channels({
    network: bunNetwork,
    clock: systemClock,
    random: systemRandom,
    logger,
  })
  cleanups.push(() => void channels.stop())
  const rss = async (): Promise<number> => {
    const answer = await channels.call(`127.0.0.1:${gaugePort}`, 1, { timeoutMs: 5_000 })
    return Number(answer.fields['rss'])
  }
  const startRss = await rss()
  const frames = process.env['MQ_FUZZ_FRAMES'] === undefined ? 20_000 : FRAMES
  const deadlineMs =
    systemClock.monoMs() + (process.env['MQ_FUZZ_FRAMES'] === undefined ? 6_000 : 600_000)
  const answerMs: number[] = []
  let sent = 0
  let maxRss = startRss
  while (sent < frames && systemClock.monoMs() < deadlineMs) {
    const streams: Stream[] = []
    for (let i = 0; i < 20; i++) {
      const sink = new Sink()
      const stream = await bunNetwork.connect(
        { host: '127.0.0.1', port },
        { timeoutMs: 5_000 },
        () => sink,
      )
      for (let k = 1 + random.below(20); k > 0 && !sink.isClosed; k--) {
        stream.write(mutator.next())
        sent++
      }
      streams.push(stream)
    }
    const askedMs = systemClock.monoMs()
    const answer = await channels.call(`127.0.0.1:${port}`, REQUEST.getClusterInfo, {
      timeoutMs: 5_000,
    })
    expect(answer.body.length).toBeGreaterThan(0)
    answerMs.push(systemClock.monoMs() - askedMs)
    maxRss = Math.max(maxRss, await rss())
    for (const stream of streams) stream.destroy()
  }
  await sleep(systemClock, 50)
  expect(exitCode).toBeNull()
  expect(sent).toBeGreaterThan(2_000)
  expect(maxRss, 'memory of the fuzzed process').toBeLessThan(startRss + 150 * MiB)
  expect(Math.max(...answerMs)).toBeLessThan(2_000)
}, 660_000)
