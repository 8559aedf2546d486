// What one send costs a broker: messages per second, and CPU time of the whole broker process (its
// storage worker included) per message, which holds on a busy machine where the rate does not.
// Frames are encoded once and answers only counted, so that the load itself costs next to nothing.
//
//   bun bench/send-load.ts [--connections 8] [--in-flight 64] [--bytes 128] [--seconds 5]
//                          [--encoding binary|json] [--flush sync|async] [--profile DIR]

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseAddress } from '../src/remoting/address.ts'
import { bunNetwork } from '../src/remoting/bun-network.ts'
import { AUTO_CREATE_TOPIC, REQUEST } from '../src/remoting/codes.ts'
import { asFields, requestParts } from '../src/remoting/command.ts'
import { decodeFrame, encodeFrame } from '../src/remoting/frame.ts'
import { FrameSplitter } from '../src/remoting/frame-splitter.ts'
import type { Stream } from '../src/remoting/network.ts'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '8' },
    'in-flight': { type: 'string', default: '64' },
    bytes: { type: 'string', default: '128' },
    seconds: { type: 'string', default: '5' },
    encoding: { type: 'string', default: 'binary' },
    flush: { type: 'string', default: 'sync' },
    profile: { type: 'string' },
  },
})
const connectionCount = Number(values.connections)
const inFlight = Number(values['in-flight'])
const WARM_UP_MS = 1_000

function sendFrame(number: number): Buffer {
  const key = number.toString(16).padStart(24, '0').toUpperCase()
  const fields = {
    a: 'bench',
    b: 'Bench',
    c: AUTO_CREATE_TOPIC,
    d: 4,
    e: number % 4,
    f: 0,
    g: 1_767_225_600_000,
    h: 0,
    i: `UNIQ_KEY\x017F000001${key}\x02WAIT\x01true\x02`,
    j: 0,
    k: false,
    m: false,
  }
  const body = Buffer.alloc(Number(values.bytes), 'x')
  const parts = requestParts(REQUEST.sendMessageCompact, {}, number)
  const encoding = values.encoding === 'json' ? 'json' : 'binary'
  return encodeFrame({ ...parts, fields: asFields(fields), body, encoding })
}

/** Keeps `inFlight` sends under way on one connection. */
class Load {
  answered = 0
  refused: string | null = null
  readonly #frames = Array.from({ length: inFlight }, (_, i) => sendFrame(i))
  readonly #splitter = new FrameSplitter()
  #stream: Stream | null = null
  #waiting: Buffer = Buffer.alloc(0)
  #next = 0

  async start(address: string): Promise<void> {
    this.#stream = await bunNetwork.connect(parseAddress(address), { timeoutMs: 3_000 }, () => ({
      onData: (chunk) => this.#receive(chunk),
      onDrain: () => this.#write(),
      onClose: () => {},
    }))
    this.#send(inFlight)
  }

  stop(): void {
    this.#stream?.destroy()
  }

  #receive(chunk: Buffer): void {
    let count = 0
    this.#splitter.push(chunk, (bytes, start, end) => {
      if (this.answered === 0 && count === 0) {
        const { code, remark } = decodeFrame(bytes, start, end)
        if (code !== 0) this.refused = `code ${code}: ${remark}`
      }
      count++
    })
    this.answered += count
    this.#send(count)
  }

  #send(count: number): void {
    const frames: Buffer[] = [this.#waiting]
    for (let i = 0; i < count; i++) {
      frames.push(this.#frames[this.#next] as Buffer)
      this.#next = (this.#next + 1) % inFlight
    }
    this.#waiting = Buffer.concat(frames)
    this.#write()
  }

  #write(): void {
    const taken = this.#stream?.write(this.#waiting) ?? 0
    this.#waiting = this.#waiting.subarray(taken)
  }
}

/** User and system time of all threads of a process. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const folder = mkdtempSync(join(tmpdir(), 'mq-send-load-'))
const profiling =
  values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]
const server = Bun.spawn(
  [process.execPath, ...profiling, join(import.meta.dir, 'send-server.ts'), folder, values.flush],
  { stdout: 'pipe', stderr: 'inherit' },
)
try {
  const { value } = await server.stdout.getReader().read()
  const address = new TextDecoder().decode(value).trim().split(' ')[1]
  if (address === undefined) throw new Error('the broker did not start')
  const loads = Array.from({ length: connectionCount }, () => new Load())
  for (const load of loads) await load.start(address)
  await Bun.sleep(WARM_UP_MS)
  const count = (): number => loads.reduce((sum, load) => sum + load.answered, 0)
  const before = { count: count(), cpuMs: cpuMs(server.pid), ms: performance.now() }
  await Bun.sleep(Number(values.seconds) * 1_000)
  const messages = count() - before.count
  const seconds = (performance.now() - before.ms) / 1_000
  const perMessageUs = ((cpuMs(server.pid) - before.cpuMs) * 1_000) / messages
  const refused = loads.find((load) => load.refused !== null)?.refused
  for (const load of loads) load.stop()
  process.stdout.write(
    `${connectionCount} connections x ${inFlight} in flight, ${values.bytes} B, ${values.encoding}, flush ${values.flush}: ` +
      `${Math.round(messages / seconds)} msg/s, ${perMessageUs.toFixed(2)} us of broker CPU per message` +
      `${refused === undefined ? '' : ` (refused: ${refused})`}\n`,
  )
} finally {
  server.kill('SIGTERM')
  await server.exited
  rmSync(folder, { recursive: true, force: true })
}
