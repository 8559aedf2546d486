// What one send costs in the remoting layer, and what its short cuts save. Both ways are measured in
// turns within one run, so that their ratio holds on any machine; times are CPU time per frame.
//
//   bun bench/remoting.ts [runs]

import { systemClock } from '../src/core/clock.ts'
import { Logger } from '../src/core/logger.ts'
import { REQUEST } from '../src/remoting/codes.ts'
import { asFields, type Command, requestParts, responseParts } from '../src/remoting/command.ts'
import { Connection } from '../src/remoting/connection.ts'
import { decodeFrame, encodeFrame } from '../src/remoting/frame.ts'
import { FrameSplitter } from '../src/remoting/frame-splitter.ts'
import type { Stream } from '../src/remoting/network.ts'
import { OutputBuffer } from '../src/remoting/output-buffer.ts'
import { RemoteWarnings } from '../src/remoting/remote-warnings.ts'
import { decodeSendFields, decodeSendHeader } from '../src/remoting/send-header.ts'

const RUNS = Number(Bun.argv[2] ?? 9)
const FRAMES = 20_000
const FRAMES_PER_CHUNK = 100

/** What Apache's benchmark Producer sends: 128 bytes, binary header, code 310. */
function sendFrame(opaque: number, encoding: 'binary' | 'json'): Buffer {
  const fields = {
    a: 'benchmark_producer',
    b: 'BenchmarkTest',
    c: 'TBW102',
    d: 4,
    e: opaque % 8,
    f: 0,
    g: 1_767_225_600_000 + opaque,
    h: 0,
    i: `UNIQ_KEY\x017F000001${opaque.toString(16).padStart(24, '0').toUpperCase()}\x02WAIT\x01true\x02`,
    j: 0,
    k: false,
    m: false,
    n: 'broker-a',
  }
  const parts = requestParts(REQUEST.sendMessageCompact, { body: Buffer.alloc(128, 'x') }, opaque)
  return encodeFrame({ ...parts, fields: asFields(fields), body: parts.body as Buffer, encoding })
}

function chunksOf(encoding: 'binary' | 'json'): Buffer[] {
  const chunks: Buffer[] = []
  for (let i = 0; i < FRAMES; i += FRAMES_PER_CHUNK) {
    const frames = Array.from({ length: FRAMES_PER_CHUNK }, (_, k) => sendFrame(i + k, encoding))
    chunks.push(Buffer.concat(frames))
  }
  return chunks
}

const binaryChunks = chunksOf('binary')
const jsonChunks = chunksOf('json')
const noAnswer = { code: 0, remark: null }
let sink = 0

function eachFrame(chunks: readonly Buffer[], use: (command: Command) => void): void {
  const splitter = new FrameSplitter()
  for (const chunk of chunks) {
    splitter.push(chunk, (bytes, start, end) => use(decodeFrame(bytes, start, end)))
  }
}

function answerFields(i: number): Record<string, string | number> {
  return {
    msgId: '7F00000100002A9F00000000000003E8',
    queueId: i & 7,
    queueOffset: 1_000_000 + i,
    transactionId: '7F0000010000000000000000000003E8',
    MSG_REGION: 'DefaultRegion',
    TRACE_ON: 'true',
  }
}

const request = decodeFrame(sendFrame(7, 'binary').subarray(4))

class MemoryStream implements Stream {
  readonly local = { host: '127.0.0.1', port: 1 }
  readonly remote = { host: '127.0.0.1', port: 2 }
  write(bytes: Uint8Array): number {
    sink += bytes.length
    return bytes.length
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

async function throughConnection(chunks: readonly Buffer[]): Promise<void> {
  const logger = new Logger({ clock: systemClock, sink: () => {}, level: 'error', scope: 'bench' })
  const connection = new Connection({
    stream: new MemoryStream(),
    clock: systemClock,
    logger,
    warnings: new RemoteWarnings(systemClock, logger),
    expectsFirstFrame: true,
    onRequest: (command, peer) => {
      const header = decodeSendHeader(command)
      peer.respond(command, { code: 0, fields: answerFields(header.queueId) })
    },
  })
  for (const chunk of chunks) {
    connection.onData(chunk)
    // The answers of one chunk leave in one write, as they do from a socket's turn.
    await null
  }
}

const CASES: Record<string, () => void | Promise<void>> = {
  'request, binary, general': () =>
    eachFrame(binaryChunks, (command) => {
      sink += decodeSendFields(command).queueId
    }),
  'request, binary, compact': () =>
    eachFrame(binaryChunks, (command) => {
      sink += decodeSendHeader(command).queueId
    }),
  'request, JSON': () =>
    eachFrame(jsonChunks, (command) => {
      sink += decodeSendHeader(command).queueId
    }),
  'answer, binary, by a frame': () => {
    for (let i = 0; i < FRAMES; i++) {
      const parts = responseParts(request, { ...noAnswer, fields: answerFields(i) })
      const fields = asFields(parts.fields)
      const frame = encodeFrame({
        ...parts,
        fields,
        body: parts.body as Buffer,
        encoding: 'binary',
      })
      sink += frame.length
    }
  },
  'answer, binary, in place': () => {
    const output = new OutputBuffer()
    for (let i = 0; i < FRAMES; i++) {
      output.append(responseParts(request, { ...noAnswer, fields: answerFields(i) }), 'binary')
      if (output.bytes > 30_000) output.clear()
    }
    sink += output.bytes
  },
  'request and answer through a connection, binary': () => throughConnection(binaryChunks),
  'request and answer through a connection, JSON': () => throughConnection(jsonChunks),
}

const results = new Map<string, number[]>(Object.keys(CASES).map((name) => [name, []]))
for (let run = 0; run < RUNS + 2; run++) {
  for (const [name, body] of Object.entries(CASES)) {
    const before = process.cpuUsage()
    await body()
    const used = process.cpuUsage(before)
    // The first two rounds only warm up.
    if (run >= 2) results.get(name)?.push(((used.user + used.system) * 1_000) / FRAMES)
  }
}

const medians = new Map<string, number>()
const rows = [...results].map(([name, values]) => {
  const sorted = values.sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] as number
  medians.set(name, at(0.5))
  return [name.padEnd(50), ...[0, 0.5, 1].map((share) => at(share).toFixed(0).padStart(7))].join('')
})
const ratio = (slow: string, fast: string): string =>
  ((medians.get(slow) ?? 0) / (medians.get(fast) ?? 1)).toFixed(2)
process.stdout.write(
  `${[
    `${'ns of CPU per frame'.padEnd(50)}    min median    max   (${RUNS} runs of ${FRAMES})`,
    ...rows,
    `request: general / compact = ${ratio('request, binary, general', 'request, binary, compact')}`,
    `answer: by a frame / in place = ${ratio('answer, binary, by a frame', 'answer, binary, in place')}`,
  ].join('\n')}\n`,
)
if (sink === 0) throw new Error('nothing was measured')
