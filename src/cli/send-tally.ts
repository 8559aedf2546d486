// What became of the sends of `mq produce`: receipts in input order, the first failure, the verdict.

import type { SendReceipt } from '../client/message.ts'
import { describeError, EXIT, MqError } from '../core/errors.ts'
import type { Invocation } from './command.ts'
import { ReaderGone } from './output.ts'

export class SendTally {
  acknowledged = 0
  failed = 0
  failure: unknown = null
  onFailure: () => void = () => {}
  readonly #invocation: Invocation
  #tail: Promise<void> = Promise.resolve()
  #notDurable = 0
  #isPrinting: boolean

  constructor(invocation: Invocation) {
    this.#invocation = invocation
    this.#isPrinting = invocation.flags.isSet('receipts')
  }

  /** Resolves when whoever reads the receipts has caught up. */
  async ready(): Promise<void> {
    if (!this.#isPrinting) return
    await this.#print(() => this.#invocation.output.drained())
  }

  add(sent: Promise<SendReceipt>): void {
    const settled = sent.then(
      (receipt) => () => this.#accept(receipt),
      (error: unknown) => {
        this.failure ??= error
        this.onFailure()
        return async () => {
          this.failed++
        }
      },
    )
    this.#tail = this.#tail.then(async () => (await settled)())
  }

  settled(): Promise<void> {
    return this.#tail
  }

  conclude(inputError: unknown): number {
    const { interruption } = this.#invocation
    if (this.#notDurable > 0) {
      this.#invocation.note(
        `warning: ${this.#notDurable} messages are stored, but their broker does not promise that they survive`,
      )
    }
    const error = this.failure ?? inputError
    if (error === null) return interruption.exitCode ?? EXIT.ok
    if (this.acknowledged === 0) throw error
    const count = this.failed === 0 ? 'the rest' : String(this.failed)
    const hint = error instanceof MqError ? error.hint : null
    throw new MqError(
      'PARTIAL',
      `${this.acknowledged} messages were acknowledged, ${count} not: ${describeError(error)}`,
      { ...(hint === null ? {} : { hint }), cause: error },
    )
  }

  #accept(receipt: SendReceipt): Promise<void> {
    this.acknowledged++
    if (!receipt.isDurable) this.#notDurable++
    return this.#print(async () => this.#invocation.output.object(receipt))
  }

  /** Nobody who wants to see receipts any more is no reason to leave the rest unsent. */
  async #print(action: () => Promise<void>): Promise<void> {
    if (!this.#isPrinting) return
    try {
      await action()
    } catch (error) {
      this.#isPrinting = false
      if (error instanceof ReaderGone) return
      this.failure ??= error
      this.onFailure()
    }
  }
}
