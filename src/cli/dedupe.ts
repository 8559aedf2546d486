// `mq consume --dedupe FILE`: prints each message once, however often it is delivered. Which ones have
// been printed is in the file; a message counts as printed when its bytes have left the process.

import type { ReceivedMessage } from '../client/message.ts'
import { SeenIds } from '../store/seen-ids.ts'
import type { Invocation } from './command.ts'
import type { MessagePrinter } from './message-printer.ts'
import { formatCount } from './units.ts'

export class Dedupe {
  readonly #ids: SeenIds
  readonly #printing: MessagePrinter
  /** Batches of several queues come at the same time; the file takes one after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #duplicateCount = 0

  constructor(path: string, printing: MessagePrinter) {
    this.#ids = SeenIds.open(path)
    this.#printing = printing
  }

  /** Prints those that are new; resolves with how many of them are done with. */
  print(messages: readonly ReceivedMessage[]): Promise<number> {
    const done = this.#turn.then(() => this.#printNew(messages))
    this.#turn = done.catch(() => {})
    return done
  }

  end(invocation: Invocation): void {
    this.#ids.close()
    const count = this.#duplicateCount
    invocation.note(`${formatCount(count)} duplicate${count === 1 ? '' : 's'} left out`)
  }

  async #printNew(messages: readonly ReceivedMessage[]): Promise<number> {
    let doneCount = 0
    let duplicateCount = 0
    this.#ids.begin()
    try {
      for (const message of messages) {
        if (!this.#ids.add(message.messageId)) {
          duplicateCount++
        } else if (!this.#printing.print(message)) {
          this.#ids.remove(message.messageId)
          break
        }
        doneCount++
      }
      await this.#printing.flush()
      this.#ids.commit()
    } catch (error) {
      this.#ids.rollback()
      throw error
    }
    this.#duplicateCount += duplicateCount
    return doneCount
  }
}
