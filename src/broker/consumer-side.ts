// What serves consumers, wired: pulls, membership, offsets and what administrators ask about them. It
// owns the timers of that half of a broker; the decisions are in the files it is put together from.

import type { Timer } from '../core/clock.ts'
import { REQUEST } from '../remoting/codes.ts'
import type { Connection } from '../remoting/connection.ts'
import type { RequestHandler } from '../remoting/dispatch.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import { changeHandlers } from './change-handlers.ts'
import { clientHandlers } from './client-handlers.ts'
import { ConsumerGroups } from './consumer-groups.ts'
import type { BrokerContext, ConsumerSide } from './context.ts'
import { groupHandlers } from './group-handlers.ts'
import { GroupNotices } from './group-notices.ts'
import { Groups } from './groups.ts'
import { Heirs } from './heirs.ts'
import { lockHandlers } from './lock-handlers.ts'
import { memberHandlers } from './member-handlers.ts'
import { offsetHandlers } from './offset-handlers.ts'
import { OffsetResets } from './offset-resets.ts'
import { ProducerGroups } from './producer-groups.ts'
import { Pulls } from './pulls.ts'
import { QueueLocks } from './queue-locks.ts'
import { resetHandlers } from './reset-handler.ts'
import { RuntimeInfo } from './runtime-info.ts'
import type { Topic } from './state.ts'
import { statsHandlers } from './stats-handlers.ts'
import { SubscriptionWatch } from './subscription-watch.ts'

export function consumerSide(context: BrokerContext): ConsumerSide {
  return new WiredConsumerSide(context)
}

class WiredConsumerSide implements ConsumerSide {
  readonly handlers: [number, RequestHandler][]
  readonly #context: BrokerContext
  readonly #consumers = new ConsumerGroups<Connection>()
  readonly #producers = new ProducerGroups<Connection>()
  readonly #locks = new QueueLocks()
  readonly #pulls: Pulls
  readonly #notices: GroupNotices
  readonly #watch: SubscriptionWatch<Connection>
  readonly #runtimeInfo: RuntimeInfo
  readonly #heirs: Heirs
  #scanTimer: Timer | null = null

  constructor(context: BrokerContext) {
    this.#context = context
    const consumers = this.#consumers
    const groups = new Groups(context)
    const resets = new OffsetResets()
    const { state, offsets } = context
    this.#heirs = new Heirs({ state, resets, committed: (...key) => offsets.committed(...key) })
    const pulls = new Pulls({ context, groups, members: consumers, resets })
    this.#pulls = pulls
    this.#notices = new GroupNotices({ clock: context.clock, groups, members: consumers })
    const watch = new SubscriptionWatch({ ...context, groups: consumers })
    this.#watch = watch
    this.#runtimeInfo = new RuntimeInfo({ context, waitingPullCount: () => pulls.waitingCount })
    const pull: RequestHandler = (request, connection) => pulls.handle(request, connection)
    const clientParts = { consumers, producers: this.#producers, notices: this.#notices, watch }
    this.handlers = [
      [REQUEST.pullMessage, pull],
      [REQUEST.litePullMessage, pull],
      ...clientHandlers({ context, groups, ...clientParts }),
      ...offsetHandlers({ context, resets }),
      ...groupHandlers({ context, groups, consumers, resets }),
      ...memberHandlers({ context, consumers, watch }),
      ...lockHandlers({ context, locks: this.#locks }),
      ...resetHandlers({ context, resets, wake: (queue) => pulls.wake(queue) }),
      ...changeHandlers({ context, consumers, wake: (queue) => pulls.wake(queue) }),
      ...statsHandlers({ context, runtimeInfo: this.#runtimeInfo }),
    ]
  }

  onArrival(queue: QueueKey): void {
    this.#pulls.wake(queue)
  }

  onTopicChanged(name: string): void {
    this.#heirs.topicChanged(name)
  }

  onTopicDeleted(topic: Topic): void {
    this.#heirs.topicDeleted(topic)
    for (let queueId = 0; queueId < topic.queueIdEnd; queueId++) {
      this.#pulls.wake(queueKey(topic.id, queueId))
    }
  }

  /** Not every client says goodbye (Go's never does), so this must do all that a goodbye does. */
  onConnectionClosed(connection: Connection): void {
    this.#pulls.connectionClosed(connection)
    this.#producers.removeOwner(connection)
    for (const group of this.#consumers.removeOwner(connection)) {
      this.#notices.changed(group)
      this.#watch.look(group)
    }
  }

  start(): void {
    const { clock, config } = this.#context
    this.#heirs.start()
    this.#pulls.start()
    this.#runtimeInfo.sample()
    this.#scanTimer = clock.every(config.clientScanIntervalMs, () => this.#scan())
  }

  stop(): void {
    this.#scanTimer?.cancel()
    this.#notices.stop()
    this.#pulls.stop()
  }

  /** A silent client is hung up on; it comes back by itself if it is only slow. */
  #scan(): void {
    const { clock, config, logger } = this.#context
    const options = { nowMs: clock.monoMs(), expiryMs: config.clientExpiryMs }
    const silent = new Set([
      ...this.#consumers.expiredOwners(options),
      ...this.#producers.expiredOwners(options),
    ])
    for (const connection of silent) {
      logger.warn(`closing ${connection.peer}: no heartbeat for ${config.clientExpiryMs} ms`)
      connection.destroy()
    }
    this.#locks.forgetExpired(options.nowMs)
    this.#runtimeInfo.sample()
  }
}
