// Goal: the end of an append reaches the main thread exactly once, by the signal or by a message,
// however the two threads meet. Method: a real worker that ends early, late, or badly.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { CommitSignal } from '../../src/store/commit-signal.ts'

const STATUS = { basePosition: 7, nextPosition: 2 ** 40, newestStoreTimeMs: 1.8e12, bytes: 99 }

let worker: Worker

function nextMessage(): Promise<{ kind: string; isTold?: boolean }> {
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
