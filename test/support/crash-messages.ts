// What the crash tests append and how they check it: every message says its own place, so that a
// lost, doubled or exchanged one shows whatever happened in between.

import { expect } from 'bun:test'
import { queueKey } from '../../src/store/append-log.ts'
import type { MessageDraft, MessageStore } from '../../src/store/message-store.ts'
import { draftOf, storedMessages } from './stored-draft.ts'

export const CRASH_QUEUE = queueKey(1, 0)

function bodyOf(queueOffset: number, size: number): string {
  return `${String(queueOffset).padStart(12, '0')}${'.'.repeat(size)}`
}

/** Sizes from a few bytes to more than a page. */
export function crashDraft(seed: number): MessageDraft {
  const size = seed % 50 === 0 ? 9000 : (seed * 37) % 400
  const draft = draftOf({ queue: CRASH_QUEUE, body: bodyOf(0, size) })
  return {
    ...draft,
    write: (target, at, assigned) => {
      const body = bodyOf(assigned.queueOffset, size)
      draftOf({ queue: CRASH_QUEUE, body }).write(target, at, assigned)
    },
  }
}

/** Everything acknowledged is there, in order, once. Returns how many messages there are. */
export function checkMessages(store: MessageStore, acknowledged: number): number {
  const end = store.maxOffset(CRASH_QUEUE)
  expect(end).toBeGreaterThanOrEqual(acknowledged)
  let offset = store.minOffset(CRASH_QUEUE)
  while (offset < end) {
    const request = { queue: CRASH_QUEUE, offset, messagesMax: 500, bytesMax: 1e7, tags: null }
    const { body, nextOffset } = store.read(request)
    for (const message of storedMessages(body)) {
      expect([message.queueOffset, message.body.slice(0, 12)]).toEqual([
        offset,
        String(offset).padStart(12, '0'),
      ])
      offset++
    }
    expect(nextOffset).toBe(offset)
  }
  return end
}
