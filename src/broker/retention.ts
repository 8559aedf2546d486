// Dropping what is over the limits of age and size, every now and then. Which segments that are is
// decided by the store (store/retention.ts); checkpoints are its business too.

import type { Clock, Timer } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { MessageStore } from '../store/message-store.ts'
import type { RetentionLimits } from '../store/retention.ts'
import type { BrokerConfig } from './config.ts'

export function retentionLimits(config: BrokerConfig): RetentionLimits {
  const { retentionMs, retentionBytes } = config
  return { ageMsMax: retentionMs, bytesMax: retentionBytes === 0 ? Infinity : retentionBytes }
}

export class Retention {
  readonly #store: MessageStore
  readonly #logger: Logger
  readonly #config: BrokerConfig
  readonly #timer: Timer
  #isRunning = false

  constructor(options: {
    config: BrokerConfig
    store: MessageStore
    clock: Clock
    logger: Logger
  }) {
    this.#store = options.store
    this.#logger = options.logger
    this.#config = options.config
    this.#timer = options.clock.every(options.config.retentionIntervalMs, () => this.#run())
  }

  stop(): void {
    this.#timer.cancel()
  }

  #run(): void {
    if (this.#isRunning || this.#store.isFailed) return
    this.#isRunning = true
    // Read each time: the limits may be changed while the broker runs.
    this.#store.retire(retentionLimits(this.#config)).then(
      (count) => {
        this.#isRunning = false
        if (count > 0) this.#logger.info(`retention: dropped ${count} segments`)
      },
      (error) => {
        this.#isRunning = false
        this.#logger.warn(`retention: no segment dropped: ${describeError(error)}`)
      },
    )
  }
}
