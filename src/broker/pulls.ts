// Pulls (codes 11 and 361): read now, or wait for a message. Every answer of a pull carries all four
// offsets, also the ones that found nothing: Java clients unbox each without looking.

import type { Timer } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import {
  OUTPUT_BYTES_MAX,
  PARK_MS_MAX,
  PARKED_PULLS_MAX,
  PARKED_PULLS_PER_CONNECTION_MAX,
  PULL_BYTES_MAX,
  PULL_MESSAGES_MAX,
} from '../core/limits.ts'
import type { Counter } from '../core/metrics.ts'
import { checkGroupName } from '../core/names.ts'
import { PERMISSION, RESPONSE } from '../remoting/codes.ts'
import { asFields, type Command, NO_BODY, type Response } from '../remoting/command.ts'
import type { Connection } from '../remoting/connection.ts'
import { responseForError } from '../remoting/dispatch.ts'
import {
  decodePullHeader,
  encodePullAnswer,
  PULL_FLAG,
  type PullHeader,
} from '../remoting/pull-header.ts'
import { type QueueKey, queueKey } from '../store/append-log.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import type { BrokerContext } from './context.ts'
import { COUNTER } from './counters.ts'
import type { Groups } from './groups.ts'
import { dueMs, LongPoll, type ParkedPull } from './long-poll.ts'
import type { OffsetResets } from './offset-resets.ts'
import { decidePull } from './pull-decision.ts'
import { pullFilter } from './pull-filter.ts'
import { heldFrom } from './queue-change.ts'

/** Nothing is missed by design; should it be, a consumer waits no longer than this. */
const CHECK_INTERVAL_MS = 5_000

interface Pull {
  readonly header: PullHeader
  readonly topicId: number
  readonly queue: QueueKey
  readonly tags: ReadonlySet<number> | null
  /** Where to read on: past what was looked at and did not match while it was parked. */
  offset: number
}

interface WaitingPull extends Pull, ParkedPull {
  readonly owner: Connection
  readonly request: Command
}

export interface PullsOptions {
  context: BrokerContext
  groups: Groups
  members: ConsumerGroups<Connection>
  resets: OffsetResets
}

export class Pulls {
  readonly #options: PullsOptions
  readonly #waiting = new LongPoll<WaitingPull>({
    countMax: PARKED_PULLS_MAX,
    countPerOwnerMax: PARKED_PULLS_PER_CONNECTION_MAX,
  })
  readonly #pulls: Counter
  readonly #messagesOut: Counter
  readonly #bytesOut: Counter
  #checkTimer: Timer | null = null
  #deadlineTimer: Timer | null = null
  #deadlineMs = Number.POSITIVE_INFINITY

  constructor(options: PullsOptions) {
    this.#options = options
    const { metrics } = options.context
    this.#pulls = metrics.counter(COUNTER.pulls)
    this.#messagesOut = metrics.counter(COUNTER.messagesOut)
    this.#bytesOut = metrics.counter(COUNTER.bytesOut)
  }

  get waitingCount(): number {
    return this.#waiting.count
  }

  start(): void {
    this.#checkTimer = this.#options.context.clock.every(CHECK_INTERVAL_MS, () => {
      for (const queue of this.#waiting.queues()) this.wake(queue)
    })
  }

  /** Answers everybody who waits, so that consumers turn elsewhere at once. */
  stop(): void {
    this.#checkTimer?.cancel()
    this.#deadlineTimer?.cancel()
    for (const pull of this.#waiting.takeAll()) this.#giveUp(pull)
  }

  /** Nothing is returned for a pull that waits: it is answered later. */
  handle(request: Command, connection: Connection): Response | undefined {
    this.#pulls.add()
    const header = decodePullHeader(request.fields)
    const pull = this.#check(header)
    this.#commitOnTheWay(pull)
    const response = this.#read(pull, connection)
    if (response !== null) return response
    if (this.#park(pull, request, connection)) return undefined
    return this.#answerEmpty(pull)
  }

  /** New messages in `queue`, or another reason to look again. */
  wake(queue: QueueKey): void {
    this.#waiting.offer(queue, (pull) => {
      const response = this.#readAgain(pull)
      if (response !== null) pull.owner.respond(pull.request, response)
      return response !== null
    })
  }

  connectionClosed(connection: Connection): void {
    this.#waiting.removeOwner(connection)
  }

  /** Throws with the code the protocol has for each reason not to serve a pull. */
  #check(header: PullHeader): Pull {
    const { context, groups, members } = this.#options
    const { group, topic: name, queueId } = header
    checkGroupName(group)
    if (!groups.isConsumeEnabled(group)) {
      throw new MqError('NO_PERMISSION', `consuming is switched off for group ${group}`)
    }
    const topic = context.state.topics.get(name)
    if (topic === undefined) {
      throw new MqError('TOPIC_NOT_FOUND', `broker ${context.config.name} has no topic ${name}`)
    }
    if ((topic.permission & PERMISSION.read) === 0) {
      throw new MqError('NO_PERMISSION', `topic ${name} cannot be read`)
    }
    if (queueId < 0 || queueId >= topic.readQueueCount) {
      throw new MqError(
        'QUEUE_NOT_FOUND',
        `topic ${name} has ${topic.readQueueCount} read queues, queue ${queueId} is none of them`,
      )
    }
    const tags = pullFilter(header, members.get(group))
    const queue = queueKey(topic.id, queueId)
    return { header, topicId: topic.id, queue, tags, offset: header.offset }
  }

  /** A pull may carry the consumer's progress along. */
  #commitOnTheWay({ header, queue }: Pull): void {
    const { group, commitOffset: offset, systemFlag } = header
    if ((systemFlag & PULL_FLAG.commitOffset) === 0 || offset < 0) return
    const { context, resets } = this.#options
    if (resets.has(group, queue) || offset > context.store.maxOffset(queue)) return
    context.offsets.commit({ group, queue, offset })
  }

  /** Null if there is nothing to tell yet. */
  #read(pull: Pull, connection: Connection): Response | null {
    const { store, state } = this.#options.context
    const { queue, offset, header } = pull
    const target = this.#options.resets.take(header.group, queue)
    if (target !== null && target !== offset) return this.#answer(pull, 'pullOffsetMoved', target)
    const maxOffset = store.maxOffset(queue)
    const decision = decidePull({
      offset,
      minOffset: store.minOffset(queue),
      maxOffset,
      isAnew: offset > maxOffset && state.tombstones.endedHereOf(header.topic),
    })
    if (decision.kind === 'wait') return null
    if (decision.kind === 'moved') {
      return this.#answer(pull, 'pullOffsetMoved', decision.nextOffset)
    }
    const endOffset = this.#heldFrom(pull)
    if (offset >= endOffset) return null
    // A peer that does not read its answers gets no more; it may ask again once it has.
    const roomBytes = OUTPUT_BYTES_MAX - connection.outputBytes
    if (roomBytes <= 0) return this.#answer(pull, 'pullRetryImmediately', offset)
    const bytesWanted = header.bytesMax ?? PULL_BYTES_MAX
    const result = store.read({
      queue,
      offset,
      messagesMax: Math.min(Math.max(header.messagesMax, 1), PULL_MESSAGES_MAX),
      bytesMax: Math.min(Math.max(bytesWanted, 1), PULL_BYTES_MAX, roomBytes),
      tags: pull.tags,
      endOffset,
    })
    if (result.count === 0) return this.#answer(pull, 'pullRetryImmediately', result.nextOffset)
    this.#messagesOut.add(result.count)
    this.#bytesOut.add(result.body.length)
    return { ...this.#answer(pull, 'success', result.nextOffset), body: result.body }
  }

  /** While the topic's queues change, what comes after the change waits for what was before. */
  #heldFrom({ topicId, header }: Pull): number {
    const { state, clock } = this.#options.context
    const change = state.topicById(topicId)?.change
    if (change === undefined) return Number.POSITIVE_INFINITY
    const { queueId, group } = header
    return heldFrom(change, { queueId, group, nowMs: clock.wallMs() })
  }

  /**
   * For a pull that was parked: what matches nothing is passed over without an answer. Only if there
   * is more than one look takes in does the consumer have to come back for the rest.
   */
  #readAgain(pull: WaitingPull): Response | null {
    const { state, logger, config } = this.#options.context
    let response: Response | null
    try {
      if (!state.hasQueue(pull.queue)) {
        throw new MqError(
          'TOPIC_NOT_FOUND',
          `topic ${pull.header.topic} was deleted from broker ${config.name}`,
        )
      }
      response = this.#read(pull, pull.owner)
    } catch (error) {
      // Nobody above would tell the client: this is not its request but somebody else's commit.
      return responseForError(error, logger, pull.request)
    }
    if (response?.code !== RESPONSE.pullRetryImmediately) return response
    const nextOffset = Number(response.fields?.['nextBeginOffset'])
    if (nextOffset < this.#options.context.store.maxOffset(pull.queue)) return response
    pull.offset = nextOffset
    return null
  }

  #park(pull: Pull, request: Command, connection: Connection): boolean {
    const { header } = pull
    const { clock } = this.#options.context
    const isAllowed = (header.systemFlag & PULL_FLAG.suspend) !== 0 && header.suspendMs > 0
    if (!isAllowed || connection.isClosed) return false
    const deadlineMs = clock.monoMs() + Math.min(header.suspendMs, PARK_MS_MAX)
    const isParked = this.#waiting.park({
      ...pull,
      owner: connection,
      request: withoutContent(request),
      deadlineMs,
    })
    if (isParked) this.#armDeadline(dueMs({ deadlineMs }))
    return isParked
  }

  /** One timer for all deadlines, set to the next one. */
  #armDeadline(nextMs: number): void {
    if (nextMs >= this.#deadlineMs) return
    const { clock } = this.#options.context
    this.#deadlineTimer?.cancel()
    this.#deadlineMs = nextMs
    this.#deadlineTimer = clock.after(Math.max(0, nextMs - clock.monoMs()), () => {
      this.#deadlineMs = Number.POSITIVE_INFINITY
      for (const pull of this.#waiting.takeExpired(clock.monoMs())) this.#giveUp(pull)
      this.#armDeadline(this.#waiting.nextDeadlineMs() ?? Number.POSITIVE_INFINITY)
    })
  }

  #giveUp(pull: WaitingPull): void {
    const response = this.#readAgain(pull) ?? this.#answerEmpty(pull)
    pull.owner.respond(pull.request, response)
  }

  /** Not found; or "go on there", if messages that do not match were passed over. */
  #answerEmpty(pull: Pull): Response {
    const isAdvanced = pull.offset > pull.header.offset
    return this.#answer(pull, isAdvanced ? 'pullRetryImmediately' : 'pullNotFound', pull.offset)
  }

  #answer(pull: Pull, result: keyof typeof RESPONSE, nextOffset: number): Response {
    const { store } = this.#options.context
    const bounds = {
      minOffset: store.minOffset(pull.queue),
      maxOffset: store.maxOffset(pull.queue),
    }
    return { code: RESPONSE[result], fields: encodePullAnswer({ nextOffset, ...bounds }) }
  }
}

/** What an answer needs of a request: the bytes it came in are not kept for a minute. */
function withoutContent(request: Command): Command {
  const { code, language, version, opaque, flag, encoding } = request
  const fields = asFields({})
  return { code, language, version, opaque, flag, encoding, remark: null, fields, body: NO_BODY }
}
