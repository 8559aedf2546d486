// Offset message ids (remoting/stored-message.ts has their layout), made for message after message:
// all but the last two digits are those of the one before, nearly always.

import { offsetMessageId } from '../remoting/stored-message.ts'

const LAST_DIGITS = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).toUpperCase().padStart(2, '0'),
)

export class MessageIds {
  readonly #host: number
  readonly #port: number
  #base = -1
  #firstDigits = ''

  constructor(storeAddress: { host: number; port: number }) {
    this.#host = storeAddress.host
    this.#port = storeAddress.port
  }

  idOf(position: number): string {
    const base = position - (position % 256)
    if (base !== this.#base) {
      this.#base = base
      this.#firstDigits = offsetMessageId(this.#host, this.#port, base).slice(0, -2)
    }
    return this.#firstDigits + LAST_DIGITS[position - base]
  }
}
