// Goal: waiting for input that never comes can be ended, at any moment. Method: iterators that hang.

import { expect, test } from 'bun:test'
import { StoppableInput } from '../../src/cli/stoppable-input.ts'

async function* items(): AsyncGenerator<number> {
  yield 1
  yield 2
  await new Promise(() => {})
}

test('items come until it is stopped, also in the middle of a wait', async () => {
  const input = new StoppableInput(items())
  expect(await input.next()).toBe(1)
  expect(await input.next()).toBe(2)
  const waiting = input.next()
  input.stop()
  expect(await waiting).toBe(null)
  expect(await input.next()).toBe(null)
})

test('the end is null, an error is an error', async () => {
  async function* short(): AsyncGenerator<number> {
    yield 1
    throw new Error('broken input')
  }
  const input = new StoppableInput(short())
  expect(await input.next()).toBe(1)
  expect(input.next()).rejects.toThrow('broken input')
  const empty = new StoppableInput((async function* () {})())
  expect(await empty.next()).toBe(null)
})
