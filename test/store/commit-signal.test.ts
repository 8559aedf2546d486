// Goal: a batch reaches the worker, and its end the main thread, exactly once, by the signal or by a
// message, however the two threads meet. Method: a real worker that ends early, late, or badly.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HANDED_BYTES_MAX } from '../../src/core/limits.ts'
import { CommitSignal } from '../../src/store/commit-signal.ts'

const STATUS = { basePosition: 7, nextPosition: 2 ** 40, newestStoreTimeMs: 1.8e12, bytes: 99 }

let worker: Worker

function nextMessage(): Promise<{ kind: string; isTold?: boolean; batch?: Uint8Array | null }> {
  return new Promise((resolve) => {
    worker.onmessage = (event) => resolve(event.data)
  })
}

beforeAll(async () => {
  worker = new Worker(new URL('../support/commit-signal-worker.ts', import.meta.url))
  await nextMessage()
})
afterAll(() => worker.terminate())

/** One append: the worker ends it after `delayMs`, this thread waits for `waitMs`. */
async function append(options: { delayMs: number; waitMs: number; fails?: boolean }) {
  const signal = new CommitSignal()
  const over = nextMessage()
  signal.begin()
  worker.postMessage({ memory: signal.memory, status: STATUS, ...options })
  const seen = signal.wait(options.waitMs)
  return { signal, seen, isTold: (await over).isTold }
}

test('an end within the wait comes with its status, and needs no message', async () => {
  const { seen, isTold } = await append({ delayMs: 20, waitMs: 10_000 })
  expect(seen).toEqual(STATUS)
  expect(isTold).toBe(true)
})

test('an end after the wait is left to a message', async () => {
  const { seen, isTold, signal } = await append({ delayMs: 200, waitMs: 1 })
  expect(seen).toBeNull()
  expect(isTold).toBe(false)
  expect(signal.wait(10_000)).toBeNull()
})

test('a failure wakes the one who waits, with nothing to show', async () => {
  const { seen, isTold } = await append({ delayMs: 20, waitMs: 10_000, fails: true })
  expect(seen).toBeNull()
  expect(isTold).toBe(false)
})

test('what ended before the wait is not waited for', () => {
  const signal = new CommitSignal()
  signal.begin()
  expect(signal.end(STATUS)).toBe(false)
  expect(signal.wait(10_000)).toBeNull()
})

test('nothing under way: nothing is waited for', () => {
  expect(new CommitSignal().wait(10_000)).toBeNull()
})

describe('the door', () => {
  /** A worker that listens for so long; `heard` is what it got. */
  function listener(signal: CommitSignal, listenMs: number) {
    const heard = nextMessage()
    worker.postMessage({ memory: signal.memory, listenMs })
    return heard
  }

  /** Repeats `attempt` until it is true: the worker takes a moment to listen. */
  async function until(attempt: () => boolean): Promise<void> {
    const deadlineMs = Date.now() + 10_000
    while (!attempt()) {
      if (Date.now() > deadlineMs) throw new Error('the worker does not listen')
      await Bun.sleep(1)
    }
  }

  test('a batch handed to a listening worker is what it gets', async () => {
    const signal = new CommitSignal()
    const heard = listener(signal, 20_000)
    const batch = crypto.getRandomValues(new Uint8Array(HANDED_BYTES_MAX))
    await until(() => signal.hand(batch))
    expect(Buffer.from((await heard).batch!).equals(batch)).toBe(true)
    expect(signal.hand(batch)).toBe(false)
  })

  test('a worker at work, or a batch too large, takes a message', () => {
    expect(new CommitSignal().hand(new Uint8Array(1))).toBe(false)
    expect(new CommitSignal().hand(new Uint8Array(HANDED_BYTES_MAX + 1))).toBe(false)
  })

  test('a call ends the listening: the message would not be heard before', async () => {
    const signal = new CommitSignal()
    const heard = listener(signal, 600_000)
    signal.call()
    expect((await heard).batch).toBeNull()
  })

  test('called while it was at work, it does not listen until the message is there', async () => {
    const signal = new CommitSignal()
    signal.call()
    expect((await listener(signal, 600_000)).batch).toBeNull()
    signal.heard()
    const heard = listener(signal, 20_000)
    await until(() => signal.hand(new Uint8Array([7])))
    expect((await heard).batch).toEqual(new Uint8Array([7]))
  })

  test('nobody comes: it goes back to its messages', async () => {
    expect((await listener(new CommitSignal(), 20)).batch).toBeNull()
  })
})
