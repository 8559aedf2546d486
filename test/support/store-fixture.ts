// A message store over any log, with a state machine that only remembers, and promises instead of
// callbacks. Tests of the store, on both logs, start here.

import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { MqError } from '../../src/core/errors.ts'
import { Logger } from '../../src/core/logger.ts'
import type { AppendLog, QueueKey } from '../../src/store/append-log.ts'
import {
  type Assigned,
  type MessageDraft,
  MessageStore,
  type StateMachine,
} from '../../src/store/message-store.ts'

/** Remembers every change as text. A change `drop T` ends the topic with id T. */
export class RecordingState implements StateMachine {
  changes: string[] = []
  readonly #dropped = new Set<number>()
  onDrop: (topicId: number) => void = () => {}

  apply(change: Uint8Array): void {
    const text = Buffer.from(change).toString('utf8')
    this.changes.push(text)
    if (!text.startsWith('drop ')) return
    const topicId = Number(text.slice('drop '.length))
    this.#dropped.add(topicId)
    this.onDrop(topicId)
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ changes: this.changes, dropped: [...this.#dropped] }))
  }

  restore(state: Uint8Array): void {
    const { changes, dropped } = JSON.parse(Buffer.from(state).toString('utf8')) as {
      changes: string[]
      dropped: number[]
    }
    this.changes = changes
    for (const topicId of dropped) this.#dropped.add(topicId)
  }

  hasQueue(queue: QueueKey): boolean {
    return !this.#dropped.has(Math.floor(queue / 0x1_0000_0000))
  }
}

export interface StoreFixture {
  store: MessageStore
  state: RecordingState
  lines: string[]
  failures: MqError[]
}

export async function openStore(
  log: AppendLog,
  options: { clock?: Clock; schedule?: (action: () => void) => void } = {},
): Promise<StoreFixture> {
  const clock = options.clock ?? systemClock
  const state = new RecordingState()
  const lines: string[] = []
  const failures: MqError[] = []
  const logger = new Logger({ clock, sink: (line) => lines.push(line), level: 'debug', scope: 's' })
  const schedule = options.schedule === undefined ? {} : { schedule: options.schedule }
  const onFailed = (error: MqError): void => {
    failures.push(error)
  }
  const store = await MessageStore.open({ log, state, clock, logger, onFailed, ...schedule })
  return { store, state, lines, failures }
}

export interface Sent {
  assigned: Assigned[]
  committed: Promise<void>
}

/** Appends one unit; `committed` settles with its fate. */
export function send(store: MessageStore, ...drafts: MessageDraft[]): Sent {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const assigned = store.appendMessages(drafts, (error) => {
    if (error === null) resolve()
    else reject(error)
  })
  return { assigned, committed: promise }
}

export function changeState(store: MessageStore, change: string): Promise<void> {
  return new Promise((resolve, reject) => {
    store.appendState(Buffer.from(change), (error) => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}
