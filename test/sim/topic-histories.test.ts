// Goal: whatever happens to a topic and in which order, once everybody is back all brokers and nameservers
// agree: one topic or none, and none that was deleted (R49 to R51). Method: random orders
// of creations, deletions, coordinators killed at random frames, brokers away, nameservers restarted and
// cut off, under a seed; then a heartbeat or two. The same seed gives the same run.

import { expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { VirtualCluster } from '../../src/lab/virtual-cluster.ts'
import { mortalClient } from '../support/mortal-client.ts'
import { testSeed } from '../support/seed.ts'
import {
  BROKERS,
  birthIds,
  codeOf,
  create,
  held,
  knownBirths,
  QUEUE_COUNT,
  remove,
  restart,
  restartNameservers,
  routed,
  SETTLE_MS,
  startCluster,
  TOPIC,
} from '../support/topic-world.ts'

const HISTORY_COUNT = 60
const STEP_COUNT = 12

class History {
  readonly cluster: VirtualCluster
  readonly steps: string[] = []
  readonly #random
  readonly #away = new Set<string>()
  #mortalCount = 0

  constructor(cluster: VirtualCluster, seed: number) {
    this.cluster = cluster
    this.#random = seededRandom(seed)
  }

  async step(): Promise<void> {
    const { cluster } = this
    const broker = BROKERS[this.#random.below(BROKERS.length)] as string
    switch (this.#random.below(8)) {
      case 0:
        return this.#note('create', await codeOf(create(cluster)))
      case 1:
        return this.#note('delete', await codeOf(remove(cluster)))
      case 2:
        return this.#killed('create')
      case 3:
        return this.#killed('delete')
      case 4:
        // One broker stays, or nothing is left to ask.
        if (this.#away.size === BROKERS.length - 1 || this.#away.has(broker)) return
        cluster.broker(broker).process.kill()
        this.#away.add(broker)
        return this.#note('kill', broker)
      case 5:
        return this.#back(broker)
      case 6:
        await restartNameservers(cluster)
        return this.#note('restart', 'nameservers')
      default: {
        const waitMs = 1 + this.#random.below(SETTLE_MS)
        await cluster.clock.advance(waitMs)
        return this.#note('wait', String(waitMs))
      }
    }
  }

  async settle(): Promise<void> {
    for (const broker of BROKERS) await this.#back(broker)
    // What one broker is told it tells others with its own next registration.
    await this.cluster.clock.advance(3 * SETTLE_MS)
  }

  async #back(broker: string): Promise<void> {
    if (!this.#away.delete(broker)) return
    await restart(this.cluster, broker)
    this.#note('back', broker)
  }

  async #killed(what: 'create' | 'delete'): Promise<void> {
    const dieAfter = 1 + this.#random.below(14)
    const of = this.#random.below(2) === 0 ? 'requests' : 'answers'
    const hostName = `10.0.5.${++this.#mortalCount}`
    const seed = this.#random.below(2 ** 31)
    const { client } = mortalClient(this.cluster, { hostName, dieAfter, of, seed })
    const { topics } = new Admin(client)
    const done =
      what === 'create'
        ? topics.create({ topic: TOPIC, queueCount: QUEUE_COUNT })
        : topics.delete(TOPIC)
    done.catch(() => {})
    await this.cluster.clock.advance(this.#random.below(5_000))
    this.#note(`${what}, killed`, `${dieAfter} ${of}`)
  }

  #note(what: string, outcome: string): void {
    this.steps.push(`${what} (${outcome})`)
  }
}

test('R49, R50, R51: after any history all agree on one topic or none', async () => {
  const seed = testSeed()
  const seen = { some: 0, none: 0, twice: 0 }
  for (let at = 0; at < HISTORY_COUNT; at++) {
    const history = new History(await startCluster(seed + at), seed + at)
    const { cluster, steps } = history
    for (let step = 0; step < STEP_COUNT; step++) await history.step()
    await history.settle()
    const label = `seed ${seed + at}: ${steps.join(', ')}`
    const holders = Object.keys(held(cluster)).sort()
    // Two creations that cannot know of each other (the nameservers have just started, and not all
    // brokers are back) give one name two ids. It is one topic all the same: everybody knows both.
    expect(knownBirths(cluster).length, label).toBe(Math.min(1, holders.length))
    if (birthIds(cluster).length > 1) seen.twice++
    expect(await routed(cluster), label).toEqual([holders.join(',')])
    // Nobody holds what anybody has buried.
    for (const { broker } of cluster.brokers.values()) {
      for (const id of birthIds(cluster)) {
        expect(broker.state.tombstones.has(id), label).toBe(false)
      }
    }
    seen[holders.length === 0 ? 'none' : 'some']++
    // And what there is can be deleted and made.
    await codeOf(remove(cluster))
    expect(held(cluster), label).toEqual({})
    expect(await codeOf(create(cluster)), label).toBe('done')
    expect(held(cluster), label).toEqual({ 'broker-a': 3, 'broker-b': 3, 'broker-c': 2 })
  }
  expect(seen.some).toBeGreaterThan(0)
  expect(seen.none).toBeGreaterThan(0)
  expect(seen.twice).toBeLessThan(HISTORY_COUNT / 10)
}, 120_000)
