// What a producer did, in numbers (R8, R9, R10).

import type { BrokerCounters, ProducerStats } from './producer-options.ts'

export class SendCounters {
  #sent = 0
  #failed = 0
  #attempts = 0
  #retried = 0
  readonly #byBroker = new Map<string, BrokerCounters>()

  noteAttempt(attempt: {
    brokerName: string
    messageCount: number
    isRetry: boolean
    isOk: boolean
  }): void {
    const broker = this.#broker(attempt.brokerName)
    this.#attempts++
    broker.attempts++
    if (attempt.isRetry) this.#retried++
    if (attempt.isOk) {
      this.#sent += attempt.messageCount
      broker.sent += attempt.messageCount
    } else {
      broker.failedAttempts++
    }
  }

  noteGivenUp(messageCount: number): void {
    this.#failed += messageCount
  }

  snapshot(): ProducerStats {
    return {
      sent: this.#sent,
      failed: this.#failed,
      attempts: this.#attempts,
      retried: this.#retried,
      byBroker: new Map([...this.#byBroker].map(([name, counters]) => [name, { ...counters }])),
    }
  }

  #broker(name: string): BrokerCounters {
    let counters = this.#byBroker.get(name)
    if (counters === undefined) {
      counters = { attempts: 0, failedAttempts: 0, sent: 0 }
      this.#byBroker.set(name, counters)
    }
    return counters
  }
}
