// A broker's figures under the names that mqadmin looks for (code 28). All values are text. Names that
// differ between 4.9 and 5.x are given in both spellings: the older tool fails on a missing one.

import type { Counter } from '../core/metrics.ts'
import { VERSION } from '../core/product.ts'
import { readUint53, STORE_TIME_AT } from '../remoting/stored-message.ts'
import type { BrokerContext } from './context.ts'
import { COUNTER } from './counters.ts'
import { RateMeter } from './rate-meter.ts'

const DAY_MS = 86_400_000
/** How many entries are looked at for the oldest message. */
const OLDEST_ENTRIES_MAX = 256

/** Totals at the last two midnights (UTC), for "today" and "yesterday". */
class DailyTotal {
  #day: number | null = null
  yesterdayMorning = 0
  todayMorning = 0

  sample(total: number, wallMs: number): void {
    const day = Math.floor(wallMs / DAY_MS)
    if (this.#day !== null && day !== this.#day) {
      this.yesterdayMorning = this.todayMorning
      this.todayMorning = total
    }
    this.#day = day
  }
}

export class RuntimeInfo {
  readonly #context: BrokerContext
  readonly #waitingPullCount: () => number
  readonly #bootWallMs: number
  readonly #put: { counter: Counter; rate: RateMeter; daily: DailyTotal }
  readonly #get: { counter: Counter; rate: RateMeter; daily: DailyTotal }

  constructor(options: { context: BrokerContext; waitingPullCount: () => number }) {
    const { clock, metrics } = options.context
    this.#context = options.context
    this.#waitingPullCount = options.waitingPullCount
    this.#bootWallMs = clock.wallMs()
    const meter = (name: string) => ({
      counter: metrics.counter(name),
      rate: new RateMeter(),
      daily: new DailyTotal(),
    })
    this.#put = meter(COUNTER.messagesIn)
    this.#get = meter(COUNTER.messagesOut)
  }

  /** To be called every now and then: rates are averages between samples. */
  sample(): void {
    const { clock } = this.#context
    for (const { counter, rate, daily } of [this.#put, this.#get]) {
      rate.sample(counter.value, clock.monoMs())
      daily.sample(counter.value, clock.wallMs())
    }
  }

  table(): ReadonlyMap<string, string> {
    this.sample()
    const values: Record<string, string | number | boolean> = {
      brokerActive: true,
      brokerVersionDesc: 'mq',
      bootTimestamp: this.#bootWallMs,
      // Ours: people ask for it where they ask for everything else.
      isDraining: this.#context.state.isDraining,
      ...this.#traffic(),
      ...this.#queues(),
      ...this.#log(),
      ...this.#health(),
    }
    return new Map(Object.entries(values).map(([name, value]) => [name, String(value)]))
  }

  #traffic(): Record<string, string | number> {
    const rates = (meter: RateMeter): string =>
      meter
        .rates()
        .map((rate) => rate.toFixed(2))
        .join(' ')
    const getRates = rates(this.#get.rate)
    return {
      putTps: rates(this.#put.rate),
      getTransferedTps: getRates,
      getTransferredTps: getRates,
      msgPutTotalYesterdayMorning: this.#put.daily.yesterdayMorning,
      msgPutTotalTodayMorning: this.#put.daily.todayMorning,
      msgPutTotalTodayNow: this.#put.counter.value,
      msgGetTotalYesterdayMorning: this.#get.daily.yesterdayMorning,
      msgGetTotalTodayMorning: this.#get.daily.todayMorning,
      msgGetTotalTodayNow: this.#get.counter.value,
    }
  }

  /** There are no thread pools here: what waits for a commit, and pulls that wait for messages. */
  #queues(): Record<string, string | number> {
    return {
      sendThreadPoolQueueSize: 0,
      pullThreadPoolQueueSize: this.#waitingPullCount(),
      sendThreadPoolQueueHeadWaitTimeMills: 0,
      pullThreadPoolQueueHeadWaitTimeMills: 0,
      pageCacheLockTimeMills: 0,
      remainHowManyDataToFlush: this.#context.store.pendingBytes,
      timerReadBehind: 0,
      timerOffsetBehind: 0,
      timerCongestNum: 0,
      timerEnqueueTps: '0.0',
      timerDequeueTps: '0.0',
    }
  }

  #log(): Record<string, string | number> {
    const segments = this.#context.store.segments()
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
    const { retentionBytes } = this.#context.config
    return {
      earliestMessageTimeStamp: this.#earliestStoreTimeMs(),
      commitLogMinOffset: segments[0]?.basePosition ?? 0,
      commitLogMaxOffset: segments.at(-1)?.nextPosition ?? 0,
      commitLogDirCapacity: `${bytes} bytes in ${segments.length} segments`,
      // How much of what the log may take is taken; without a limit there is no ratio.
      commitLogDiskRatio: retentionBytes === 0 ? 0 : (bytes / retentionBytes).toFixed(4),
    }
  }

  /** Ours, for `mq doctor`; other tools print what they do not know. */
  #health(): Record<string, string | number> {
    const { store, config, clock } = this.#context
    const disk = store.diskSpace()
    return {
      mqVersion: VERSION,
      mqTimeMs: clock.wallMs(),
      mqFlush: config.flush,
      mqStore: store.isFailed ? 'failed' : store.isReadOnly ? 'full' : 'open',
      ...(disk === null
        ? {}
        : { mqDiskFreeBytes: disk.freeBytes, mqDiskTotalBytes: disk.totalBytes }),
    }
  }

  /** Of the first message among the oldest entries; they may begin with changes of the state. */
  #earliestStoreTimeMs(): number {
    const { store, clock } = this.#context
    const position = store.segments()[0]?.basePosition ?? 0
    for (let i = 0; i < OLDEST_ENTRIES_MAX; i++) {
      const message = store.readAtPosition(position + i)
      if (message === null) continue
      const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
      return readUint53(bytes, STORE_TIME_AT)
    }
    // Nothing is stored: tools show how long ago this was.
    return clock.wallMs()
  }
}
