// A broker that is to be stopped without a failed send. Ordered to drain (our request 61,010) it
// registers its topics as not writable from then on, also after a restart, until it is ordered back.
// The topics themselves stay as they are, and it takes every send that still comes: producers learn
// of it with their next pull of the route, and until then nobody may be turned away. Whether they
// have gone, and what is left to be read, it tells on request 61,011.

import type { Timer } from '../core/clock.ts'
import { PERMISSION, REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { Command, Response } from '../remoting/command.ts'
import { type RequestHandler, SUCCESS } from '../remoting/dispatch.ts'
import { type DrainView, encodeDrainView } from '../remoting/drain-view.ts'
import { booleanField } from '../remoting/field-reader.ts'
import type { TopicConfig } from '../remoting/topic-config.ts'
import type { BrokerContext } from './context.ts'
import { COUNTER } from './counters.ts'
import { unreadQueues } from './unread-queues.ts'

/**
 * How exactly the last send is known. Sends themselves do not look at the clock for this: they are the
 * hottest path, and a drain is rare.
 */
const SAMPLE_INTERVAL_MS = 100

/** What is registered of the topics: of a draining broker, nothing that invites a send. */
export function registeredTopics(state: {
  topics: ReadonlyMap<string, TopicConfig>
  isDraining: boolean
}): TopicConfig[] {
  const topics = [...state.topics.values()]
  if (!state.isDraining) return topics
  return topics.map((topic) => ({ ...topic, permission: topic.permission & ~PERMISSION.write }))
}

/** What was seen since the drain began, or since the start of a broker that was drained before. */
interface Watch {
  startedMs: number
  startSends: number
  seenSends: number
  lastSendMs: number | null
  timer: Timer
}

export class Draining {
  readonly #context: BrokerContext
  #watch: Watch | null = null

  constructor(context: BrokerContext) {
    this.#context = context
  }

  get handlers(): [number, RequestHandler][] {
    return [
      [REQUEST.drainBroker, (request) => this.#order(request)],
      [
        REQUEST.describeDrain,
        () => ({ code: RESPONSE.success, body: encodeDrainView(this.#describe()) }),
      ],
    ]
  }

  /** To be called at the start and after each order: begins to watch, or ends it. */
  follow(): void {
    const { state, clock } = this.#context
    if (!state.isDraining) this.stop()
    else if (this.#watch === null) {
      const sends = this.#sends()
      this.#watch = {
        startedMs: clock.monoMs(),
        startSends: sends,
        seenSends: sends,
        lastSendMs: null,
        timer: clock.every(SAMPLE_INTERVAL_MS, () => this.#sample()),
      }
    }
  }

  stop(): void {
    this.#watch?.timer.cancel()
    this.#watch = null
  }

  /** Answered once the order is durable and the nameservers know, as far as they can be reached. */
  async #order({ fields }: Command): Promise<Response> {
    const isDraining = booleanField(fields, 'on')
    const { writer, logger, config, announce } = this.#context
    await writer.write({ kind: 'set-draining', isDraining })
    logger.info(
      isDraining
        ? `${config.name} is draining: producers are asked to go elsewhere`
        : `${config.name} takes part in sends again`,
    )
    await announce()
    return SUCCESS
  }

  #describe(): DrainView {
    this.#sample()
    const { config, state, clock } = this.#context
    const watch = this.#watch
    const nowMs = clock.monoMs()
    const lastSendMs = watch?.lastSendMs ?? null
    return {
      brokerName: config.name,
      isDraining: state.isDraining,
      drainingMs: watch === null ? 0 : Math.floor(nowMs - watch.startedMs),
      lastSendAgeMs: lastSendMs === null ? null : Math.floor(nowMs - lastSendMs),
      sends: watch === null ? 0 : watch.seenSends - watch.startSends,
      ...unreadQueues(this.#context),
    }
  }

  #sample(): void {
    if (this.#watch === null) return
    const sends = this.#sends()
    if (sends === this.#watch.seenSends) return
    this.#watch.seenSends = sends
    this.#watch.lastSendMs = this.#context.clock.monoMs()
  }

  #sends(): number {
    return this.#context.metrics.counter(COUNTER.sends).value
  }
}
