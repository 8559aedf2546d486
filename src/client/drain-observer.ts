// How far a drain is, asked of the broker: of ours with one request, of Apache's with the requests that
// its administration tools use. What Apache's does not tell is watched from here: a send is noticed by
// the growing total of messages stored.

import type { Clock } from '../core/clock.ts'
import { REQUEST } from '../remoting/codes.ts'
import { type DrainView, decodeDrainView, type UnreadQueue } from '../remoting/drain-view.ts'
import { decodeGroupConfigs } from '../remoting/group-config.ts'
import { decodeKvTable } from '../remoting/kv-table.ts'
import { decodeConsumeStats } from '../remoting/offset-tables.ts'
import type { BrokerSummary } from './admin-results.ts'
import type { Client } from './client.ts'
import { isSystemGroupName } from './system-names.ts'

export async function fetchDrainView(client: Client, address: string): Promise<DrainView> {
  const { channels, timeoutMs } = client.caller
  const answer = await channels.call(address, REQUEST.describeDrain, { timeoutMs })
  return decodeDrainView(answer.body)
}

/** The brokers that new queues may go to; all of them if every one is draining. */
export async function withoutDraining(
  client: Client,
  brokers: BrokerSummary[],
): Promise<BrokerSummary[]> {
  const views = await Promise.all(
    // One that cannot be drained, or does not answer, is for others to judge.
    brokers.map(({ address }) => fetchDrainView(client, address).catch(() => null)),
  )
  const open = brokers.filter((_, at) => views[at]?.isDraining !== true)
  return open.length > 0 ? open : brokers
}

/** An Apache broker whose write permission was taken away at the nameservers just now. */
export class ApacheObserver {
  readonly #client: Client
  readonly #clock: Clock
  readonly #broker: BrokerSummary
  readonly #startedMs: number
  #firstTotal: number | null = null
  #lastTotal = 0
  #lastGrowthMs: number | null = null

  constructor(client: Client, broker: BrokerSummary) {
    this.#client = client
    this.#clock = client.options.clock
    this.#broker = broker
    this.#startedMs = this.#clock.monoMs()
  }

  async view(): Promise<DrainView> {
    await this.#noteTotal()
    const unread = await this.#unread()
    const nowMs = this.#clock.monoMs()
    return {
      brokerName: this.#broker.brokerName,
      isDraining: true,
      drainingMs: nowMs - this.#startedMs,
      lastSendAgeMs: this.#lastGrowthMs === null ? null : nowMs - this.#lastGrowthMs,
      sends: this.#lastTotal - (this.#firstTotal ?? 0),
      unreadQueueCount: unread.length,
      unreadMessageCount: unread.reduce((sum, { lag }) => sum + lag, 0),
      unread,
    }
  }

  async #noteTotal(): Promise<void> {
    const { body } = await this.#ask(REQUEST.getBrokerRuntimeInfo)
    const total = Number(decodeKvTable(body).get('msgPutTotalTodayNow') ?? 0)
    if (this.#firstTotal === null) this.#firstTotal = total
    else if (total !== this.#lastTotal) this.#lastGrowthMs = this.#clock.monoMs()
    this.#lastTotal = total
  }

  async #unread(): Promise<UnreadQueue[]> {
    const { body } = await this.#ask(REQUEST.getAllGroupConfig)
    const groups = decodeGroupConfigs(body)
      .map(({ name }) => name)
      .filter((group) => !isSystemGroupName(group))
    const unread: UnreadQueue[] = []
    for (const group of groups.sort()) {
      const stats = await this.#ask(REQUEST.getConsumeStats, { consumerGroup: group })
      for (const queue of decodeConsumeStats(stats.body)) {
        const { topic, queueId, brokerOffset, committedOffset } = queue
        const lag = brokerOffset - committedOffset
        if (lag > 0) unread.push({ group, topic, queueId, lag })
      }
    }
    return unread
  }

  #ask(code: number, fields: Record<string, string> = {}) {
    const { channels, timeoutMs } = this.#client.caller
    return channels.call(this.#broker.address, code, { fields, timeoutMs })
  }
}
