// Goal: the message store is a list of messages per queue, whatever happens to it, on both logs.
// Method: random units, state changes, checkpoints, retirements, deletions, clean restarts and (in
// memory) crashes, compared with plain arrays after every step. The seed is printed on failure; run
// again with SEED=<it>.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { type AppendLog, queueKey } from '../../src/store/append-log.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import type { MessageStore } from '../../src/store/message-store.ts'
import { javaHash } from '../../src/store/stored-fields.ts'
import { SqlitePlace } from '../support/sqlite-place.ts'
import { changeState, openStore, type StoreFixture, send } from '../support/store-fixture.ts'
import { draftOf, storedMessages } from '../support/stored-draft.ts'

setDefaultTimeout(120_000)

const SEED = Number(Bun.env['SEED'] ?? 7_112_026)
const TAGS = ['red', 'green', undefined]
const QUEUES_PER_TOPIC = 3

interface Place {
  log(options: { segmentBytes: number }): AppendLog
  remove(): void
  crash?(log: AppendLog): void
}

interface ModelMessage {
  body: string
  tag: string | undefined
}

/** What the store must hold: per queue every message ever committed, and from where it is kept. */
interface Model {
  queues: Map<number, ModelMessage[]>
  changes: string[]
  topicId: number
}

function memoryPlace(): Place {
  const disk = new MemoryDisk({ random: seededRandom(SEED) })
  return {
    log: (options) => new MemoryLog({ disk, ...options }),
    remove: () => {},
    crash: (log) => (log as MemoryLog).crash(),
  }
}

class Run {
  readonly #place: Place
  readonly #random: Random
  readonly #model: Model = { queues: new Map(), changes: [], topicId: 1 }
  #log!: AppendLog
  #fixture!: StoreFixture

  constructor(place: Place, random: Random) {
    this.#place = place
    this.#random = random
  }

  get store(): MessageStore {
    return this.#fixture.store
  }

  async open(): Promise<void> {
    this.#log = this.#place.log({ segmentBytes: 150_000 })
    this.#fixture = await openStore(this.#log)
    this.#fixture.state.onDrop = (topicId) => {
      for (let id = 0; id < QUEUES_PER_TOPIC; id++) this.store.dropQueue(queueKey(topicId, id))
    }
  }

  async step(): Promise<void> {
    const dice = this.#random.below(100)
    if (dice < 70) await this.#append()
    else if (dice < 80) await this.#change(`change ${this.#random.hex(4)}`)
    else if (dice < 83) await this.store.checkpoint()
    else if (dice < 86) await this.store.retire({ ageMsMax: 1e9, bytesMax: 600_000 })
    else if (dice < 88) await this.#deleteTopic()
    else if (dice < 92) await this.#restart()
    this.#compare()
  }

  /** Several units at once, not waited for one by one: they share commits. */
  async #append(): Promise<void> {
    const commits: Promise<void>[] = []
    for (let unit = 0; unit <= this.#random.below(30); unit++) {
      const added = Array.from({ length: 1 + this.#random.below(8) }, () => ({
        queue: queueKey(this.#model.topicId, this.#random.below(QUEUES_PER_TOPIC)),
        body: this.#random.hex(this.#random.below(200)),
        tag: TAGS[this.#random.below(TAGS.length)],
      }))
      const drafts = added.map(({ queue, body, tag }) =>
        draftOf(tag === undefined ? { queue, body } : { queue, body, tag }),
      )
      const { assigned, committed } = send(this.store, ...drafts)
      commits.push(committed)
      for (const [i, { queue, body, tag }] of added.entries()) {
        const list = this.#model.queues.get(queue) ?? []
        this.#model.queues.set(queue, list)
        expect(assigned[i]!.queueOffset).toBe(list.length)
        list.push({ body, tag })
      }
    }
    await Promise.all(commits)
  }

  async #change(change: string): Promise<void> {
    await changeState(this.store, change)
    this.#model.changes.push(change)
  }

  /** The topic's queues go; from now on messages are for the next topic. */
  async #deleteTopic(): Promise<void> {
    await this.#change(`drop ${this.#model.topicId}`)
    for (const queue of this.#model.queues.keys()) {
      if (Math.floor(queue / 2 ** 32) === this.#model.topicId) this.#model.queues.delete(queue)
    }
    this.#model.topicId++
  }

  async #restart(): Promise<void> {
    if (this.#place.crash !== undefined && this.#random.below(2) === 0) {
      this.#place.crash(this.#log)
    } else {
      await this.store.close()
    }
    await this.open()
  }

  #compare(): void {
    expect(this.#fixture.state.changes).toEqual(this.#model.changes)
    for (let queueId = 0; queueId < QUEUES_PER_TOPIC; queueId++) {
      const queue = queueKey(this.#model.topicId, queueId)
      const list = this.#model.queues.get(queue) ?? []
      expect(this.store.maxOffset(queue)).toBe(list.length)
      const minOffset = this.store.minOffset(queue)
      expect(minOffset).toBeLessThanOrEqual(list.length)
      const offset = minOffset + this.#random.below(list.length - minOffset + 1)
      this.#comparePull(queue, list, offset)
    }
  }

  #comparePull(queue: number, list: readonly ModelMessage[], offset: number): void {
    const tag = TAGS[this.#random.below(TAGS.length)]
    const tags = tag === undefined ? null : new Set([javaHash(tag)])
    const read = this.store.read({ queue, offset, messagesMax: 32, bytesMax: 1e6, tags })
    const found = storedMessages(read.body)
    const expected = list
      .slice(offset, read.nextOffset)
      .filter((message) => tags === null || message.tag === tag)
    expect(found.map((message) => message.body)).toEqual(expected.map((message) => message.body))
    expect(read.count).toBe(found.length)
    // It stopped for a reason: full, or everything was looked at.
    const isAtEnd = read.nextOffset === list.length || read.nextOffset === offset + 800
    expect(read.count === 32 || isAtEnd).toBe(true)
    for (const message of found) {
      const again = storedMessages(this.store.readAtPosition(message.position)!)
      expect(again).toEqual([message])
    }
  }
}

async function runModel(makePlace: () => Place, options: { rounds: number; steps: number }) {
  const random = seededRandom(SEED)
  for (let round = 0; round < options.rounds; round++) {
    const place = makePlace()
    const run = new Run(place, random)
    let step = 0
    try {
      await run.open()
      for (; step < options.steps; step++) await run.step()
      await run.store.close()
    } catch (error) {
      throw new Error(`seed ${SEED}, round ${round}, step ${step}`, { cause: error })
    } finally {
      place.remove()
    }
  }
}

describe('random operations against plain arrays', () => {
  test('in memory', () => runModel(memoryPlace, { rounds: 6, steps: 150 }))
  test('SQLite', () => runModel(() => new SqlitePlace(), { rounds: 2, steps: 100 }))
})
