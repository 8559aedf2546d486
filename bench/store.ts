// How fast the store is and what it costs: appends through MessageStore on real SQLite with an fsync
// per commit, as 64 senders with one message each in flight and as one that keeps the store full;
// then reads, 32 messages a pull. Prints messages per second and CPU per message (both threads).
//
//   bun bench/store.ts [--messages 300000] [--rounds 5] [--bytes 128] [--queues 8]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/core/clock.ts'
import { SEGMENT_BYTES } from '../src/core/limits.ts'
import { Logger } from '../src/core/logger.ts'
import { queueKey } from '../src/store/append-log.ts'
import { type MessageDraft, MessageStore } from '../src/store/message-store.ts'
import { openSqliteLog } from '../src/store/sqlite-log.ts'

function flag(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}

const MESSAGES = flag('messages', 300_000)
const ROUNDS = flag('rounds', 5)
const BODY_BYTES = flag('bytes', 128)
const QUEUES = flag('queues', 8)
const BODY_AT = 88

interface Sample {
  perSecond: number
  cpuMicros: number
}

/** A draft as a broker makes it: a prepared record with three numbers put in. */
class BenchDraft implements MessageDraft {
  readonly queue: number
  readonly bytes: number
  readonly tagsHash = 0
  readonly #record: Buffer

  constructor(queueId: number) {
    this.queue = queueKey(1, queueId)
    this.bytes = 91 + 5 + BODY_BYTES
    this.#record = Buffer.alloc(this.bytes)
    this.#record.writeUInt32BE(this.bytes, 0)
    this.#record.writeUInt32BE(0xdaa320a7, 4)
    this.#record.writeUInt32BE(BODY_BYTES, 84)
    this.#record[BODY_AT + BODY_BYTES] = 5
    this.#record.write('bench', BODY_AT + BODY_BYTES + 1)
  }

  write(
    target: Buffer,
    at: number,
    assigned: { position: number; queueOffset: number; storeTimeMs: number },
  ): void {
    this.#record.copy(target, at)
    putNumber(target, at + 20, assigned.queueOffset)
    putNumber(target, at + 28, assigned.position)
    putNumber(target, at + 56, assigned.storeTimeMs)
  }
}

function putNumber(target: Buffer, at: number, value: number): void {
  target.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
  target.writeUInt32BE(value >>> 0, at + 4)
}

const drafts = Array.from({ length: QUEUES }, (_, queueId) => [new BenchDraft(queueId)])

async function measured(count: number, work: () => Promise<void>): Promise<Sample> {
  const cpuBefore = process.cpuUsage()
  const startedMs = systemClock.monoMs()
  await work()
  const elapsedMs = systemClock.monoMs() - startedMs
  const cpu = process.cpuUsage(cpuBefore)
  return { perSecond: (count / elapsedMs) * 1000, cpuMicros: (cpu.user + cpu.system) / count }
}

/** `inFlight` senders: each sends its next message when its last one is committed. */
function appendAll(store: MessageStore, inFlight: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let committed = 0
    const send = (): void => {
      store.appendMessages(drafts[sent++ % QUEUES]!, onDone)
    }
    const onDone = (error: Error | null): void => {
      committed++
      if (error !== null) reject(error)
      else if (sent < MESSAGES) send()
      else if (committed === MESSAGES) resolve()
    }
    for (let i = 0; i < inFlight; i++) send()
  })
}

/** Every message once; from the last `share` of each queue, over and over. */
async function readAll(store: MessageStore, share: number): Promise<void> {
  const tags = null
  const bytesMax = 256 * 1024
  for (let round = 0; round < 1 / share; round++) {
    for (let queueId = 0; queueId < QUEUES; queueId++) {
      const queue = queueKey(1, queueId)
      const end = store.maxOffset(queue)
      let offset = Math.ceil(end * (1 - share))
      while (offset < end) {
        offset = store.read({ queue, offset, messagesMax: 32, bytesMax, tags }).nextOffset
      }
    }
  }
}

async function withStore<T>(use: (store: MessageStore) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'mq-bench-'))
  const sink = (line: string): void => {
    process.stderr.write(`${line}\n`)
  }
  const logger = new Logger({ clock: systemClock, sink, level: 'warn', scope: 'bench' })
  const store = await MessageStore.open({
    log: openSqliteLog({
      folder,
      flush: 'sync',
      segmentBytes: SEGMENT_BYTES,
      clock: systemClock,
      logger,
    }),
    state: {
      apply: () => {},
      snapshot: () => new Uint8Array(0),
      restore: () => {},
      hasQueue: () => true,
    },
    clock: systemClock,
    logger,
    onFailed: (error) => logger.error(error.message),
  })
  try {
    return await use(store)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true })
  }
}

function print(name: string, samples: readonly Sample[]): void {
  const shown = (values: number[], digits: number): string => {
    const sorted = values.toSorted((a, b) => a - b)
    const picked = [sorted[0]!, sorted[sorted.length >> 1]!, sorted[sorted.length - 1]!]
    return picked.map((value) => value.toFixed(digits).padStart(9)).join('')
  }
  const rates = shown(
    samples.map((sample) => sample.perSecond),
    0,
  )
  const costs = shown(
    samples.map((sample) => sample.cpuMicros),
    2,
  )
  process.stdout.write(`${name.padEnd(24)}${rates} msg/s   ${costs} µs CPU\n`)
}

process.stdout.write(
  `${MESSAGES} messages of ${BODY_BYTES} B, ${QUEUES} queues, ${ROUNDS} rounds; min, median, max\n`,
)
const rows: [string, Sample[]][] = [
  ['append, 64 in flight', []],
  ['append, 4096 in flight', []],
  ['read old, 32 a pull', []],
  ['read recent, 32 a pull', []],
]
for (let round = 0; round < ROUNDS; round++) {
  await withStore(async (store) => {
    rows[0]![1].push(await measured(MESSAGES, () => appendAll(store, 64)))
  })
  await withStore(async (store) => {
    rows[1]![1].push(await measured(MESSAGES, () => appendAll(store, 4096)))
    rows[2]![1].push(await measured(MESSAGES, () => readAll(store, 1)))
    rows[3]![1].push(await measured(MESSAGES, () => readAll(store, 0.05)))
  })
}
for (const [name, samples] of rows) print(name, samples)
