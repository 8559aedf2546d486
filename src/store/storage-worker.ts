// The main thread's end of the storage worker: a request, a promise of its answer, one at a time.

import { assert } from '../core/assert.ts'
import { MqError } from '../core/errors.ts'
import { CommitSignal } from './commit-signal.ts'
import type { SegmentStatus } from './segment.ts'
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts'

/**
 * In a compiled executable this file is part of the main bundle, which stands where src/ was; the
 * worker, an entry point of its own, keeps its place below that.
 */
function workerUrl(): URL {
  const isCompiled = import.meta.url.includes('/$bunfs/')
  return isCompiled
    ? new URL('./store/sqlite-log-worker.ts', import.meta.url)
    : new URL('./sqlite-log-worker.ts', import.meta.url)
}

export class StorageWorker {
  readonly #worker: Worker
  readonly #signal = new CommitSignal()
  #resolve: ((status: SegmentStatus | null) => void) | null = null
  #reject: ((error: MqError) => void) | null = null

  #ended: MqError | null = null

  /** Starts the thread and waits until it listens. */
  static async start(): Promise<StorageWorker> {
    const started = new StorageWorker()
    await started.#answer()
    return started
  }

  private constructor() {
    this.#worker = new Worker(workerUrl())
    this.#worker.onmessage = (event: MessageEvent<WorkerAnswer>) => this.#onAnswer(event.data)
    this.#worker.onerror = (event) => this.#onEnd(event.message)
    this.#worker.addEventListener('close', () => this.#onEnd('it was stopped'))
  }

  /** For the worker's end of the signal. */
  get sharedMemory(): SharedArrayBuffer {
    return this.#signal.memory
  }

  /**
   * Sleeps until the append under way ended, at most `waitMs`. True if it did: the promise of its
   * request is settled, and whoever waits for that runs when the current task is over.
   */
  waitForAppend(waitMs: number): boolean {
    const status = this.#resolve === null ? null : this.#signal.wait(waitMs)
    if (status === null) return false
    this.#settle(status)
    return true
  }

  request(request: WorkerRequest, transfer: ArrayBuffer[] = []): Promise<SegmentStatus | null> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    const answer = this.#answer()
    if (request.kind === 'append') {
      this.#signal.begin()
      const { buffer, at, bytes } = request
      if (this.#signal.hand(new Uint8Array(buffer, at, bytes))) return answer
    }
    this.#signal.call()
    this.#worker.postMessage(request, transfer)
    return answer
  }

  stop(): void {
    this.#worker.terminate()
  }

  #answer(): Promise<SegmentStatus | null> {
    assert(this.#resolve === null, 'the storage worker does one thing at a time')
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  #onAnswer(answer: WorkerAnswer): void {
    if (answer.kind === 'failed') {
      const { code, message, hint } = answer
      this.#settle(new MqError(code, message, hint === null ? {} : { hint }))
    } else {
      this.#settle(answer.kind === 'done' ? answer.status : null)
    }
  }

  /** It never ends by itself: whatever it was doing is unknown now. */
  #onEnd(reason: string): void {
    this.#ended ??= new MqError('DISK_FAILED', `the storage worker ended: ${reason}`, {
      hint: 'this is a fault of the program: please report it with the log',
    })
    this.#settle(this.#ended)
  }

  #settle(outcome: MqError | SegmentStatus | null): void {
    const resolve = this.#resolve
    const reject = this.#reject
    this.#resolve = null
    this.#reject = null
    if (outcome instanceof MqError) reject?.(outcome)
    else resolve?.(outcome)
  }
}
