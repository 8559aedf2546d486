// The storage worker: the only writer of a data folder, in a thread of its own so that an fsync
// never delays a heartbeat or a pull. A second entry point of the compiled binary.
//
// It says `ready` first, because a message sent before its handler is there would be lost.

import { assert } from '../core/assert.ts'
import { systemClock } from '../core/clock.ts'
import type { MqError } from '../core/errors.ts'
import { CommitSignal } from './commit-signal.ts'
import { diskError } from './disk-errors.ts'
import type { SegmentStatus } from './segment.ts'
import { SegmentLine } from './segment-line.ts'
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts'

declare const self: Worker

/** How late the high mark may be (high-mark.ts): one more fsync a second, while there are commits. */
const MARK_INTERVAL_MS = 1000
/** What a power cut may cost with flush=async. */
const ASYNC_FLUSH_INTERVAL_MS = 500

let line: SegmentLine | null = null
let signal: CommitSignal | null = null
/** An error nobody asked for (between two requests): the next request is answered with it. */
let failure: MqError | null = null

function answer(message: WorkerAnswer): void {
  self.postMessage(message)
}

function perform(request: WorkerRequest): SegmentStatus | null {
  if (request.kind === 'open') {
    signal = new CommitSignal(request.signal)
    line = SegmentLine.open(request)
    const intervalMs = request.flush === 'async' ? ASYNC_FLUSH_INTERVAL_MS : MARK_INTERVAL_MS
    systemClock.every(intervalMs, () => afterwards((open) => open.mark()))
    return line.status
  }
  assert(line !== null, `${request.kind} before open`)
  switch (request.kind) {
    case 'append':
      line.append(new Uint8Array(request.buffer, request.at, request.bytes))
      return line.status
    case 'checkpoint':
      line.checkpoint(request.state, request.indexBlocks)
      return line.status
    case 'roll':
      line.roll(request.state, request.indexBlocks)
      return line.status
    case 'drop':
      line.drop(request.path)
      return null
    case 'close':
      line.close()
      line = null
      return null
  }
}

/** Work between requests. Its error counts like that of a request: it may be an fsync that failed. */
function afterwards(work: (open: SegmentLine) => void): void {
  if (line === null || failure !== null) return
  try {
    work(line)
  } catch (error) {
    const known = diskError(error, line.path)
    // A full disk keeps the write-ahead log from being emptied; the next commit will say so.
    if (known.code !== 'DISK_FULL') failure = known
  }
}

/** How long it listens for the next batch before it goes back to its messages and timers. */
const LISTEN_MS = 2
/** And how long at a stretch, however busy it is: the high mark must not be late. */
const LISTEN_STRETCH_MS = 100

/** While batches come one after the other they come through memory, without messages. */
function listen(): void {
  const stretchEndMs = systemClock.monoMs() + LISTEN_STRETCH_MS
  while (signal !== null && systemClock.monoMs() < stretchEndMs) {
    const batch = signal.listen(LISTEN_MS)
    if (batch === null) return
    handle({ kind: 'append', buffer: batch.buffer as ArrayBuffer, at: 0, bytes: batch.length })
  }
}

self.onmessage = (event: MessageEvent<WorkerRequest>) => {
  signal?.heard()
  handle(event.data)
  if (event.data.kind === 'append') listen()
}

function handle(request: WorkerRequest): void {
  try {
    if (failure !== null && request.kind !== 'close') throw failure
    const status = perform(request)
    const isTold = request.kind === 'append' && status !== null && signal?.end(status)
    if (isTold !== true) answer({ kind: 'done', status })
  } catch (error) {
    if (request.kind === 'append') signal?.fail()
    const { code, message, hint } = diskError(error, line?.path ?? 'the data folder')
    answer({ kind: 'failed', code, message, hint })
  }
  if (request.kind === 'append') afterwards((open) => open.tidy())
}

answer({ kind: 'ready' })
