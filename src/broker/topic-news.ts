// What nameservers answer to a broker's registrations, carried out: topics that were deleted while it
// was away are buried here too, topics it was to get when they were made are made, and what a topic
// was born with elsewhere is noted. Nobody waits for it: what fails, or comes twice, comes again with the next answer until it is done.

import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { RemoteWarnings } from '../remoting/remote-warnings.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BuriedTopic, RegistrationNews } from '../remoting/topic-life.ts'
import type { BrokerState } from './state.ts'
import type { Topics } from './topics.ts'

export class TopicNews {
  readonly #options: { state: BrokerState; topics: Topics; clock: Clock; logger: Logger }
  readonly #warnings: RemoteWarnings
  /** Birth ids on their way into the log: several nameservers say the same at once. */
  readonly #underWay = new Set<string>()

  constructor(options: { state: BrokerState; topics: Topics; clock: Clock; logger: Logger }) {
    this.#options = options
    this.#warnings = new RemoteWarnings(options.clock, options.logger)
  }

  heard({ buried, missing, twins }: RegistrationNews): void {
    const { topics, clock } = this.#options
    // A time that is still to come would never be old enough to be forgotten, and outlive honest ones.
    const nowMs = clock.wallMs()
    const graves = buried
      .map((grave) => ({ ...grave, deletedMs: Math.min(grave.deletedMs, nowMs) }))
      .filter((grave) => this.#isUnknown(grave))
    if (graves.length > 0) {
      const ids = graves.map(({ birthId }) => birthId)
      this.#carryOut(ids, 'deleted topics are not buried', () => topics.bury(graves))
    }
    for (const topic of missing) {
      const { name, birthId } = topic
      if (birthId === undefined || !this.#isWanted(topic)) continue
      this.#carryOut([birthId], `topic ${name} is not made`, () => topics.put(topic))
    }
    for (const births of twins) {
      const twinIds = births.twinIds.filter((twinId) => !this.#underWay.has(twinId))
      if (!this.#options.state.hasNewTwins({ ...births, twinIds })) continue
      const failure = `topic ${births.name} does not know its twins`
      this.#carryOut(twinIds, failure, () => topics.noteTwins({ ...births, twinIds }))
    }
  }

  #isUnknown(grave: BuriedTopic): boolean {
    const { state, clock } = this.#options
    const { birthId, name } = grave
    if (this.#underWay.has(birthId) || state.tombstones.has(birthId)) return false
    // One that ends a topic of ours is taken however old it is.
    if (state.topics.get(name)?.birthId === birthId) return true
    return state.tombstones.hasRoomFor(grave, clock.wallMs())
  }

  /** Not if it is here already, under whatever id, or was taken from this broker on purpose. */
  #isWanted({ name, birthId }: TopicConfig): boolean {
    const { state } = this.#options
    if (birthId === undefined || this.#underWay.has(birthId) || state.topics.has(name)) return false
    return !state.tombstones.has(birthId) && !state.tombstones.endedHere(birthId)
  }

  #carryOut(birthIds: string[], failure: string, act: () => Promise<void>): void {
    for (const birthId of birthIds) this.#underWay.add(birthId)
    const done = (): void => {
      for (const birthId of birthIds) this.#underWay.delete(birthId)
    }
    act().then(done, (error) => {
      done()
      this.#warnings.warn(`${failure}: ${describeError(error)}`)
    })
  }
}
